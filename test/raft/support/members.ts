// A cluster in one process: members with the production log on disks in memory, and a network between them that can be cut.
// Time is ticks that the test, or a timer, makes.
import native from '#native'
import { Disk } from '../../../lib/disk/fs.ts'
import {
  becomeMember,
  type IncomingSnapshot,
  type IncomingTable,
  type Member,
  type MemberOptions,
  openMember,
  type Version
} from '../../../lib/member.ts'
import type { Environment } from '../../../lib/options.ts'
import { emptyMembership } from '../../../server/raft/core/membership.ts'
import type { InstallSnapshot, NodeId, PeerMessage } from '../../../server/raft/core/types.ts'
import type { KeptMembership } from '../../../server/raft/log.ts'
import { ClusterMember } from '../../../server/raft/member.ts'
import { turn } from '../../../server/turn.ts'

const directory = '/data'
const tickMs = 25

interface Node {
  readonly id: NodeId
  readonly fs: native.FileSystem
  lives: number
  member: Member | undefined
  store: ClusterMember | undefined
}

export interface MembersOptions {
  readonly reads?: 'safe' | 'lease'
  readonly nowMs?: () => number
  readonly engine?: MemberOptions
}

export class Members {
  readonly nodes: readonly Node[]
  readonly failures: Error[] = []
  readonly #seed: number
  readonly #options: MembersOptions
  readonly #paused = new Set<NodeId>()
  /** "from to": nothing gets through. */
  readonly #cut = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #isStill = false
  ticks = 0
  /** Snapshots that came whole, and what was applied when nobody needed their files any more. */
  readonly installed: { readonly at: number; readonly applied: number }[] = []

  private constructor(count: number, seed: number, options: MembersOptions) {
    this.#seed = seed
    this.#options = options
    this.nodes = Array.from({ length: count }, (_, i) => ({
      id: i + 1,
      fs: native.memoryFileSystem(),
      lives: 0,
      member: undefined,
      store: undefined
    }))
  }

  /** All are up, and time goes on. */
  static async start(count: number, seed: number, options: MembersOptions = {}): Promise<Members> {
    const members = new Members(count, seed, options)
    const voters = members.nodes.map(({ id }) => id)
    const membership: KeptMembership = { membership: { ...emptyMembership, voters } }
    for (const node of members.nodes) {
      await becomeMember(
        directory,
        { clusterId: 'lakes', memberId: node.id, membership },
        members.#options.engine ?? {},
        () => environmentOf(node)
      )
      await members.up(node)
    }
    // Nobody has to wait for an election timeout.
    members.nodes[0]?.store?.campaignFirst()
    members.#timer = setInterval(() => setImmediate(() => members.tick()), tickMs)
    return members
  }

  /** Who leads; of several that think so, the one of the latest term. */
  get leader(): Node | undefined {
    const leading = this.nodes.filter(({ store }) => store?.leadership.isReady === true)
    const termOf = ({ store }: Node): number => store?.raftStatus.term ?? 0
    return leading.sort((a, b) => termOf(b) - termOf(a))[0]
  }

  node(id: NodeId): Node {
    const node = this.nodes[id - 1]
    if (node === undefined) throw new Error(`no node ${id}`)
    return node
  }

  tick(): void {
    if (this.#isStill) return
    this.ticks++
    for (const { id, store } of this.nodes) if (!this.#paused.has(id)) store?.tick()
  }

  /** Turns of the event loop until it is so; within ten seconds of ticks. */
  async until(isSo: () => boolean): Promise<void> {
    const end = this.ticks + 400
    while (!isSo()) {
      if (this.ticks > end) throw new Error('it never came to be so')
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async elected(): Promise<ClusterMember> {
    await this.until(() => this.leader !== undefined)
    return this.leader?.store as ClusterMember
  }

  async up(node: Node): Promise<void> {
    const { id } = node
    node.lives++
    const member = await openMember(directory, this.#options.engine ?? {}, () => environmentOf(node))
    node.member = member
    // Until a test cuts it.
    member.keepFrom(1)
    node.store = new ClusterMember({
      member,
      config: {
        electionTicks: 20,
        heartbeatTicks: 2,
        electionSeed: this.#seed * 100 + id * 10 + node.lives,
        readIdStart: node.lives * 2 ** 32,
        messageBytesMax: 1 << 20,
        inflightMessagesMax: 256,
        checkQuorum: true,
        preVote: true,
        reads: this.#options.reads ?? 'safe',
        stepDownOnRemoval: true,
        forwardProposals: false,
        validateMembership: true,
        applyUnstable: false
      },
      send: (messages) => this.#send(messages),
      sendSnapshot: (message) => this.#sendSnapshot(member, node, message),
      addressOf: (member) => `member-${member}:6379`,
      nowMs: this.#options.nowMs ?? (() => performance.now()),
      atEnd: (call) => turn.atEnd(call),
      onFailure: (error) => this.failures.push(error)
    })
  }

  /** Its process ends, without a word to the others. */
  async down(node: Node): Promise<void> {
    const { store } = node
    node.store = undefined
    store?.halt()
    await store?.close()
  }

  /** Nothing gets from one to the other. */
  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from} ${to}`)
  }

  isolate(id: NodeId): void {
    for (const other of this.nodes) {
      if (other.id === id) continue
      this.cut(id, other.id)
      this.cut(other.id, id)
    }
  }

  mend(): void {
    this.#cut.clear()
  }

  /** It stands still: time goes on without it, and nothing gets to it or from it. */
  pause(id: NodeId): void {
    this.#paused.add(id)
    this.isolate(id)
  }

  /** It goes on, without having heard anything. */
  resume(id: NodeId): void {
    this.#paused.delete(id)
    this.mend()
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    for (const node of this.nodes) await this.down(node)
    for (const { fs } of this.nodes) native.release(fs)
  }

  /** What is applied is in tables, and the log has an entry no more. */
  async cutLog({ member }: Node, index: number): Promise<void> {
    if (member === undefined) throw new Error('it is down')
    // Time stands still: a tick would look for what others need.
    this.#isStill = true
    member.keepFrom(Number.POSITIVE_INFINITY)
    await member.flush()
    this.#isStill = false
    if (member.log.firstIndex <= index) throw new Error(`the log still begins at ${member.log.firstIndex}`)
  }

  async #sendSnapshot(member: Member, from: Node, message: InstallSnapshot): Promise<void> {
    const to = this.node(message.to)
    if (to.member === undefined || this.#cut.has(`${from.id} ${to.id}`)) throw new Error('it does not get there')
    const { version, unpin } = member.pin()
    try {
      const ref = await ship(member, version, from, to)
      const { membership } = version.flushed.membership as KeptMembership
      const { index, term } = version.flushed
      await to.store?.install({ ...message, snapshot: { index, term, membership, ref } })
      this.installed.push({ at: index, applied: to.member.applied.index })
    } finally {
      unpin()
    }
  }

  #send(messages: readonly PeerMessage[]): void {
    const byPeer = new Map<NodeId, PeerMessage[]>()
    for (const message of messages) {
      const to = byPeer.get(message.to)
      if (to === undefined) byPeer.set(message.to, [message])
      else to.push(message)
    }
    for (const [to, some] of byPeer) {
      const [first] = some
      if (first === undefined || this.#cut.has(`${first.from} ${to}`)) continue
      setImmediate(() => this.node(to).store?.receive(some))
    }
  }
}

let shipped = 0

async function ship(member: Member, version: Version, from: Node, to: Node): Promise<IncomingSnapshot> {
  const { executor, fs } = environmentOf(to)
  const disk = new Disk(fs, executor)
  const tables: IncomingTable[] = []
  try {
    for (const [level, files] of version.levels.entries()) {
      for (const table of files) {
        const path = `${directory}/shipped${++shipped}.sst`
        await disk.writeFile(path, native.memoryDump(from.fs, member.pathOf(table)))
        tables.push({ level, table, path })
      }
    }
    await disk.syncDirectory(directory)
    return { flushed: version.flushed, tables }
  } finally {
    native.release(executor)
  }
}

function environmentOf({ fs }: { readonly fs: native.FileSystem }): Environment {
  return {
    fs,
    executor: native.threadExecutor(1, 1),
    random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes))
  }
}
