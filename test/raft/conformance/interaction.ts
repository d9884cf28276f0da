// The interaction files: whole groups of nodes, driven step by step.
//
// Everything a directive prints is kept as text. In the synchronous files, storage answers are folded back: a Ready is
// written, applied and acknowledged before anything else happens, and what waits for its writes is printed, and sent, with
// it. The files know requests for votes as messages that leave at once. Ours wait for their term to be durable, so they are
// lifted out of what waits (`listed`) to compare: their content and their place in the order are the files'.

import { emptyMembership, isVoter } from '../../../server/raft/core/membership.ts'
import { RawNode } from '../../../server/raft/core/node.ts'
import type {
  MembershipChange,
  Message,
  PeerMessage,
  ProposeResult,
  RaftConfig,
  Ready,
  Snapshot,
  StepFault,
  StorageAppend,
  StorageApply
} from '../../../server/raft/core/types.ts'
import { MemoryStorage } from '../support/storage.ts'
import { optionsOf } from './options.ts'
import { type Argument, booleanOf, type Directive, namedNumbers, numberOf, numbers } from './script.ts'
import {
  type AnyMessage,
  entryText,
  isMessageName,
  messageNames,
  messageText,
  parseChanges,
  progressText,
  readyText,
  roleText
} from './text.ts'

interface Member {
  readonly id: number
  readonly node: RawNode
  readonly storage: MemoryStorage
  readonly config: RaftConfig
  readonly isAsync: boolean
  readonly appendWork: StorageAppend[]
  readonly applyWork: StorageApply[]
  /** The states after each applied entry, as snapshots that could be sent. */
  readonly history: Snapshot[]
}

type Wired = PeerMessage | Message

const isVoteRequest = ({ kind }: { readonly kind: string }): boolean => kind === 'vote'

// Between a node and its own storage nothing is lost.
function isLocal(message: Wired): boolean {
  return !('from' in message) || message.from === message.to
}

const quietLevel = 'none'
const levels = ['debug', 'info', 'warn', 'error', 'fatal', quietLevel]

export class Interaction {
  readonly #members: Member[] = []
  #wire: Wired[] = []
  #output: string[] = []
  #isQuiet = false

  /** Does what a directive says, and returns what there is to see. */
  run(directive: Directive): string {
    this.#output = []
    const handler = this.#handlers[directive.name]
    if (handler === undefined) throw new Error(`unknown directive ${directive.name}`)
    const fault = handler(directive)
    if (fault !== undefined) this.#output.push(fault)
    return this.#output.length === 0 ? 'ok' : this.#output.join('\n')
  }

  readonly #handlers: Readonly<Record<string, (directive: Directive) => string | undefined>> = {
    'add-nodes': (directive) => this.#addNodes(directive),
    campaign: (directive) => {
      this.#only(directive).node.campaign()
      return undefined
    },
    compact: ({ args }) => {
      const [member, index] = numbers(args, 2)
      this.#member(member).storage.compact(index ?? 0)
      return this.#printLog(this.#member(member))
    },
    'deliver-msgs': (directive) => this.#deliverMessages(directive),
    'process-ready': ({ args }) => this.#each(args, 'handling Ready', (member) => this.#processReady(member)),
    'process-append-thread': ({ args }) =>
      this.#each(args, 'processing append thread', (member) => this.#appendOne(member)),
    'process-apply-thread': ({ args }) =>
      this.#each(args, 'processing apply thread', (member) => this.#applyOne(member)),
    'log-level': ({ args: [level] }) => this.#setLevel(level?.key),
    'raft-log': (directive) => this.#printLog(this.#only(directive)),
    'raft-state': ({ args }) => {
      numbers(args, 0)
      for (const { node } of this.#members) this.#printState(node)
      return undefined
    },
    'set-randomized-election-timeout': ({ args: [id, ...named] }) => {
      const { timeout } = namedNumbers(named, ['timeout'])
      this.#member(numberOf(id?.key, 'a node')).node.setElectionTimeout(timeout ?? 0)
      return undefined
    },
    stabilize: (directive) => this.#stabilizeAt(directive),
    status: (directive) => {
      for (const progress of this.#only(directive).node.status().progress) this.#print(progressText(progress))
      return undefined
    },
    'tick-election': (directive) => this.#tick(this.#only(directive), ({ electionTicks }) => electionTicks),
    'tick-heartbeat': (directive) => this.#tick(this.#only(directive), ({ heartbeatTicks }) => heartbeatTicks),
    'transfer-leadership': ({ args }) => {
      const { from, to } = namedNumbers(args, ['from', 'to'])
      this.#member(from).node.transferLeader(this.#member(to).id)
      return undefined
    },
    'forget-leader': (directive) => {
      this.#only(directive).node.forgetLeader()
      return undefined
    },
    'send-snapshot': ({ args }) => this.#sendSnapshot(args),
    propose: ({ args: [id, data, ...more] }) => {
      if (data === undefined || data.values.length > 0 || more.length > 0)
        throw new Error('propose takes a node and a word')
      const payload = { size: data.key.length, ref: data.key }
      return proposalText(this.#member(numberOf(id?.key, 'a node')).node.propose([payload]))
    },
    'propose-conf-change': (directive) => this.#proposeChange(directive),
    'report-unreachable': ({ args }) => {
      const [on, of] = numbers(args, 2)
      this.#member(on).node.reportUnreachable(this.#member(of).id)
      return undefined
    }
  }

  #member(id: number | undefined): Member {
    const member = this.#members[(id ?? 0) - 1]
    if (member === undefined) throw new Error(`there is no node ${id ?? ''}`)
    return member
  }

  #only({ args }: Directive): Member {
    return this.#member(numbers(args, 1)[0])
  }

  #print(text: string): void {
    if (!this.#isQuiet) this.#output.push(text)
  }

  #indented(work: () => string | undefined): string | undefined {
    const outer = this.#output
    this.#output = []
    const fault = work()
    const inner = this.#output.flatMap((text) => text.replace(/\n$/, '').split('\n'))
    this.#output = [...outer, ...inner.map((line) => `  ${line}`)]
    return fault
  }

  #each(args: readonly Argument[], what: string, work: (member: Member) => string | undefined): string | undefined {
    const members = numbers(args).map((id) => this.#member(id))
    for (const member of members) {
      if (members.length > 1) this.#print(`> ${member.id} ${what}`)
      const fault = members.length > 1 ? this.#indented(() => work(member)) : work(member)
      if (fault !== undefined) return fault
    }
    return undefined
  }

  #addNodes({ args: [count, ...args] }: Directive): string | undefined {
    const { config, snapshot, isAsync } = optionsOf(args)
    for (let i = numberOf(count?.key, 'add-nodes'); i > 0; i--) {
      const id = this.#members.length + 1
      const storage = new MemoryStorage()
      if (snapshot.index > 0) storage.install(snapshot)
      const history = [snapshot]
      storage.offer = () => history.at(-1)
      const own = { ...config, id, electionSeed: id }
      const node = new RawNode(own, storage)
      this.#members.push({ id, node, storage, config: own, isAsync, appendWork: [], applyWork: [], history })
    }
    return undefined
  }

  #setLevel(name: string | undefined): string | undefined {
    const level = name?.toLowerCase() ?? ''
    if (!levels.includes(level)) throw new Error(`unknown log level "${level}"`)
    this.#isQuiet = level === quietLevel
    return undefined
  }

  #printLog({ storage }: Member): undefined {
    const [first, last] = [storage.firstIndex(), storage.lastIndex()]
    if (last < first) this.#print(`log is empty: first index=${first}, last index=${last}`)
    for (const entry of storage.entries(first, last + 1, Number.POSITIVE_INFINITY) ?? []) this.#print(entryText(entry))
  }

  #printState(node: RawNode): void {
    const { id, role, term, leader, membership } = node.status()
    const part = isVoter(membership, id) ? '(Voter)' : '(Non-Voter)'
    this.#print(`${id}: ${roleText(role)} ${part} Term:${term} Lead:${leader}`)
  }

  #tick({ node, config }: Member, ticksOf: (config: RaftConfig) => number): undefined {
    for (let i = ticksOf(config); i > 0; i--) node.tick()
  }

  #sendSnapshot(args: readonly Argument[]): undefined {
    const [from = 0, to = 0] = numbers(args, 2)
    const { node, storage } = this.#member(from)
    const snapshot = storage.snapshot()
    if (snapshot === undefined) throw new Error(`node ${from} has no snapshot`)
    const message: Message = { kind: 'snapshot', from, to, term: node.status().term, snapshot }
    this.#wire.push(message)
    this.#print(messageText(message))
  }

  #proposeChange({ args: [id, ...args], input }: Directive): string | undefined {
    const named = Object.fromEntries(args.map(({ key, values }) => [key, values[0]]))
    const { v1 = 'false', transition = 'auto', ...unknown } = named
    for (const key of Object.keys(unknown)) throw new Error(`unknown argument ${key}`)
    if (transition !== 'auto' && transition !== 'implicit' && transition !== 'explicit') {
      throw new Error(`unknown transition ${transition}`)
    }
    const version = booleanOf(v1, 'v1') ? 1 : 2
    const changes = parseChanges(input)
    if (version === 1 && (changes.length !== 1 || transition !== 'auto')) {
      throw new Error('a change of version 1 is one change without a transition')
    }
    const change: MembershipChange = { version, transition, changes }
    return proposalText(this.#member(numberOf(id?.key, 'a node')).node.proposeMembership(change))
  }

  #processReady(member: Member): undefined {
    const { node, isAsync } = member
    const ready = node.ready()
    const messages = listed(ready, member)
    this.#print(readyText(ready, messages))
    const { append, apply } = ready
    if (!isAsync) {
      if (append !== undefined) member.storage.write(append)
      if (apply !== undefined) applyEntries(member, apply)
    }
    for (const message of messages) {
      if (message.kind === 'storageAppend') member.appendWork.push(message)
      else if (message.kind === 'storageApply') member.applyWork.push(message)
      else this.#wire.push(message)
    }
    if (isAsync) return
    const own = (append?.responses ?? []).filter(({ to }) => to === member.id)
    for (const message of own) node.step(message)
    if (apply !== undefined) node.step(apply.response)
  }

  #appendOne(member: Member): undefined {
    const work = member.appendWork.shift()
    if (work === undefined) return this.#nothingTo('append')
    this.#print(`Processing:\n${messageText(work, '', false)}`)
    member.storage.write(work)
    this.#respond(work.responses.filter((message) => !isVoteRequest(message)))
  }

  #applyOne(member: Member): undefined {
    const work = member.applyWork.shift()
    if (work === undefined) return this.#nothingTo('apply')
    this.#print(`Processing:\n${messageText(work, '', false)}`)
    applyEntries(member, work)
    this.#respond([work.response])
  }

  #nothingTo(what: string): undefined {
    this.#print(`no ${what} work to perform`)
  }

  #respond(responses: readonly Message[]): void {
    this.#print('Responses:')
    for (const response of responses) this.#print(messageText(response))
    this.#wire.push(...responses)
  }

  #deliverMessages({ args }: Directive): undefined {
    let type: string | undefined
    const recipients: { id: number; drop: boolean }[] = []
    for (const { key, values } of args) {
      if (values.length === 0) recipients.push({ id: numberOf(key, 'a node'), drop: false })
      else if (key === 'drop') recipients.push(...values.map((id) => ({ id: numberOf(id, 'drop'), drop: true })))
      else if (key === 'type' && isMessageName(values[0] ?? '')) type = values[0]
      else throw new Error(`unknown argument ${key}=${values.join(',')}`)
    }
    const count = recipients.reduce((sum, { id, drop }) => sum + this.#deliver(id, drop, type), 0)
    if (count === 0) this.#print('no messages')
  }

  /** Delivers, or drops, what is on its way to a node, and returns how much that was. */
  #deliver(id: number, drop: boolean, type?: string): number {
    const isMeant = (message: Wired) =>
      message.to === id && !(drop && isLocal(message)) && (type === undefined || messageNames[message.kind] === type)
    const meant = this.#wire.filter(isMeant)
    this.#wire = this.#wire.filter((message) => !isMeant(message))
    for (const message of meant) {
      this.#print(`${drop ? 'dropped: ' : ''}${messageText(message)}`)
      if (drop) continue
      const fault = this.#member(id).node.step(message)
      if (fault !== undefined) this.#print(faultText(fault))
    }
    return meant.length
  }

  #stabilizeAt({ args }: Directive): string | undefined {
    const wasQuiet = this.#isQuiet
    const ids: Argument[] = []
    for (const argument of args) {
      if (argument.values.length === 0) ids.push(argument)
      else if (argument.key === 'log-level') this.#setLevel(argument.values[0])
      else throw new Error(`unknown argument ${argument.key}`)
    }
    const members = ids.length === 0 ? this.#members : numbers(ids).map((id) => this.#member(id))
    while (this.#round(members));
    this.#isQuiet = wasQuiet
    return undefined
  }

  // One turn of everything that can happen; false: nothing could.
  #round(members: readonly Member[]): boolean {
    let isBusy = false
    const turn = (hasWork: (member: Member) => boolean, what: string, work: (member: Member) => void) => {
      for (const member of members) {
        if (!hasWork(member)) continue
        isBusy = true
        this.#print(`> ${member.id} ${what}`)
        do this.#indented(() => void work(member))
        while (what.startsWith('processing') && hasWork(member))
      }
    }
    turn(
      ({ node }) => node.hasReady(),
      'handling Ready',
      (member) => this.#processReady(member)
    )
    turn(
      ({ id }) => this.#wire.some(({ to }) => to === id),
      'receiving messages',
      ({ id }) => this.#deliver(id, false)
    )
    turn(
      ({ appendWork }) => appendWork.length > 0,
      'processing append thread',
      (member) => this.#appendOne(member)
    )
    turn(
      ({ applyWork }) => applyWork.length > 0,
      'processing apply thread',
      (member) => this.#applyOne(member)
    )
    return isBusy
  }
}

/** The messages of a Ready as the files list them. */
function listed(ready: Ready, { id, isAsync }: Member): AnyMessage[] {
  const { messages, append, apply } = ready
  const durable = append?.responses ?? []
  const votes = durable.filter(isVoteRequest)
  if (!isAsync)
    return [...messages, ...votes, ...durable.filter((message) => message.to !== id && !isVoteRequest(message))]
  return [...messages, ...votes, ...(append === undefined ? [] : [append]), ...(apply === undefined ? [] : [apply])]
}

// The state machine strings together what it applies.
function applyEntries({ node, history }: Member, { entries }: StorageApply): void {
  for (const entry of entries) {
    const last = history.at(-1)
    const data = entry.kind === 'normal' ? String(entry.payload.ref ?? '') : ''
    const membership = entry.kind === 'membership' ? node.applyMembership(entry.change) : last?.membership
    const ref = `${String(last?.ref ?? '')}${data}`
    history.push({ index: entry.index, term: entry.term, membership: membership ?? emptyMembership, ref })
  }
}

function proposalText(result: ProposeResult): string | undefined {
  return result.status === 'dropped' ? 'raft proposal dropped' : undefined
}

function faultText(fault: StepFault): string {
  return fault.kind === 'unknownPeer' ? 'raft: cannot step as peer not found' : 'raft proposal dropped'
}
