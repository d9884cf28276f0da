// Groups to which anything happens: messages lost, repeated and reordered, slow disks, crashes that lose what was not
// synced, members that come and go, leaders told to hand over. After every step nothing that was committed may differ, no
// term may have two leaders, and no read may be stale.
import { expect, test } from 'vitest'
import { isJoint, membersOf } from '../../server/raft/core/membership.ts'
import type { MembershipChange, PeerChange } from '../../server/raft/core/types.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { Group, type Member, voters } from './support/group.ts'

const first = seedOf('random groups')
const runs = campaign('random groups', { short: 40, long: 3_000, instrumented: 10 })
const steps = 6_000
const nodeCount = 5

class Run {
  readonly counts = { leaders: 0, committed: 0, reads: 0, crashes: 0, snapshots: 0, memberships: 0 }
  readonly #draws: ReturnType<typeof drawsOf>
  readonly #group: Group
  readonly #leaders = new Map<number, number>()
  /** What is committed, by index. */
  readonly #committed = new Map<number, string>()
  #lastCommitted = 1
  /** What was committed when a read was asked. */
  readonly #asked = new Map<string, number>()
  readonly #checkedApplied = new Map<Member, number>()

  constructor(seed: number) {
    this.#draws = drawsOf(randomOf(seed))
    const { below } = this.#draws
    const config = {
      preVote: below(3) > 0,
      checkQuorum: true,
      reads: below(3) === 0 ? ('lease' as const) : ('safe' as const),
      messageBytesMax: below(2) === 0 ? 70 : 1 << 20,
      inflightMessagesMax: below(2) === 0 ? 2 : 256
    }
    this.#group = new Group(nodeCount, { membership: voters(1, 2, 3), config })
    // As after a bootstrap: the term of what all begin with has no leader.
    for (const { id, storage } of this.#group.members) {
      storage.hardState = { term: 1, vote: 0, commit: 1 }
      this.#group.restart(id)
      if (below(2) === 0) this.#group.slow.add(id)
    }
  }

  step(): void {
    const { below, oneOf } = this.#draws
    const { members } = this.#group
    const choice = below(100)
    const member = oneOf(members)
    const { node } = member
    if (member.isDown && below(20) === 0) this.#restart(member)
    else if (choice < 4) for (const one of members) this.#act(one, () => one.node.tick())
    else if (choice < 50) for (let i = below(4); i >= 0; i--) this.#deliver()
    else if (choice < 72) for (let i = below(4); i >= 0; i--) this.#process(oneOf(members))
    else if (choice < 82) this.#act(member, () => void this.#group.sync(member.id, below(4)))
    else if (choice < 88) this.#act(member, () => void node.propose([{ size: 9, ref: `${member.id}-${below(1e9)}` }]))
    else if (choice < 92) this.#act(member, () => this.#ask(member))
    else if (choice < 94) this.#act(member, () => this.#compact(member))
    else if (choice < 95) this.#crash(member)
    else if (choice < 96) this.#act(member, () => node.transferLeader(oneOf(members).id))
    else if (choice < 99) this.#act(member, () => this.#change(member))
    else this.#act(member, () => node.reportSnapshot(oneOf(members).id, below(2) === 0))
  }

  /** Faults end: the group must come to one leader and one state. */
  heal(): void {
    const group = this.#group
    for (const { id, isDown } of group.members) {
      group.slow.delete(id)
      if (isDown) group.restart(id)
      else group.sync(id)
    }
    group.settle()
    for (let i = 0; i < 200; i++) {
      for (const { node } of group.members) node.tick()
      group.settle()
      for (const one of group.members) this.#check(one)
      const [leader] = group.leaders
      // Of snapshots that were lost, nobody told yet.
      if (i === 100 && leader !== undefined)
        for (const { id } of group.members) group.node(leader).reportSnapshot(id, false)
      if (i === 150 && leader !== undefined) group.node(leader).propose([{ size: 1, ref: 'last' }])
    }
    const [leader, ...others] = group.leaders
    if (leader === undefined || others.length > 0)
      throw new Error(`leaders at the end: ${group.leaders.join(' ') || 'none'}`)
    const { commit, membership } = group.node(leader).status()
    if (!this.#committed.get(commit)?.endsWith('"last"')) throw new Error('the last proposal was not committed')
    for (const id of membersOf(membership)) {
      if (group.node(id).status().applied !== commit) throw new Error(`node ${id} lags behind`)
    }
  }

  #act(member: Member, act: () => void): void {
    if (member.isDown) return
    act()
    this.#check(member)
  }

  #deliver(): void {
    const { below, oneOf } = this.#draws
    const group = this.#group
    if (group.wire.length === 0) return
    const message = oneOf(group.wire)
    const fate = below(100)
    if (fate < 8) group.wire = group.wire.filter((one) => one !== message)
    else if (fate < 12) group.wire.push({ ...message })
    else {
      group.deliver(message.to, (one) => one === message)
      this.#check(group.member(message.to))
    }
  }

  #process(member: Member): void {
    this.#act(member, () => void (member.node.hasReady() && this.#group.process(member.id)))
  }

  #ask({ id, node }: Member): void {
    const read = node.readIndex()
    if (read !== undefined) this.#asked.set(`${id}/${read}`, this.#lastCommitted)
  }

  #compact({ storage, appliedIndex, waiting }: Member): void {
    if (waiting.length > 0 || appliedIndex <= storage.firstIndex() || appliedIndex > storage.lastIndex()) return
    storage.compact(appliedIndex - this.#draws.below(2))
  }

  #crash({ id, isDown }: Member): void {
    if (isDown || this.#draws.below(2) === 0) return
    this.#group.crash(id)
    this.counts.crashes++
  }

  #restart(member: Member): void {
    this.#checkedApplied.set(member, 0)
    this.#group.restart(member.id, { readIdStart: this.#draws.below(2 ** 31) })
  }

  #change({ node }: Member): void {
    const { below, oneOf } = this.#draws
    const { membership } = node.status()
    const changes = Array.from({ length: isJoint(membership) ? 0 : below(2) + 1 }, (): PeerChange => {
      return { kind: oneOf(['voter', 'learner', 'remove', 'voter']), id: below(nodeCount) + 1 }
    })
    const transition = isJoint(membership)
      ? 'auto'
      : oneOf<MembershipChange['transition']>(['auto', 'implicit', 'explicit'])
    // Of two voters that stay, one can be down for a while and the group comes back.
    const stays = membership.voters.filter((id) => !changes.some((change) => change.id === id))
    if (stays.length < 2 && changes.length > 0) return
    const result = node.proposeMembership({ version: 2, transition, changes })
    if (result.status === 'appended') this.counts.memberships++
  }

  #check(member: Member): void {
    const { id, node, applied, reads, isDown } = member
    const { role, term } = node.status()
    if (role === 'leader' && !isDown) {
      const other = this.#leaders.get(term)
      if (other === undefined) this.counts.leaders++
      else if (other !== id) throw new Error(`term ${term} has the leaders ${other} and ${id}`)
      this.#leaders.set(term, id)
    }
    for (const entry of applied.slice(this.#checkedApplied.get(member) ?? 0)) {
      const text = `${entry.term} ${JSON.stringify(entry.kind === 'normal' ? (entry.payload.ref ?? null) : entry.change)}`
      const known = this.#committed.get(entry.index) ?? text
      if (known !== text) throw new Error(`entry ${entry.index} is ${known}, and on node ${id} ${text}`)
      this.#committed.set(entry.index, text)
      this.#lastCommitted = Math.max(this.#lastCommitted, entry.index)
    }
    this.#checkedApplied.set(member, applied.length)
    for (const read of reads.splice(0)) {
      const least = this.#asked.get(`${id}/${read.id}`)
      if (least !== undefined && read.index < least)
        throw new Error(`a read got ${read.index}, ${least} was committed before`)
      this.counts.reads++
    }
    this.counts.committed = this.#lastCommitted
  }

  get snapshots(): number {
    return this.#group.sent.filter(({ kind }) => kind === 'snapshot').length
  }
}

test('keep every promise', () => {
  const totals = { leaders: 0, committed: 0, reads: 0, crashes: 0, snapshots: 0, memberships: 0 }
  for (let i = 0; i < runs; i++) {
    const run = new Run(first + i)
    try {
      for (let step = 0; step < steps; step++) run.step()
      run.heal()
    } catch (error) {
      throw new Error(`seed ${first + i}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
    for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += run.counts[name]
    totals.snapshots += run.snapshots
  }
  console.log(`random groups: ${JSON.stringify({ runs, ...totals })}`)
  report('random groups', { runs, ...totals })
  for (const count of Object.values(totals)) expect(count).toBeGreaterThan(runs)
})
