// A simulated node: the production core, and around it what the server's shell does, on a virtual disk and network. It takes
// every Ready, has its writes made durable before their responses leave, applies what is committed, keeps snapshots and lets
// go of the log behind them, and answers clients.
//
// A life ends with a crash: what a life has scheduled does not reach the next one. A paused node does nothing, and finds
// everything that came meanwhile when it resumes, old as it may be.
import { RawNode } from '../raft/core/node.ts'
import type {
  LogIndex,
  MembershipChange,
  NodeId,
  PeerMessage,
  RaftNode,
  Ready,
  Role,
  StorageAppend,
  StorageApply,
  Term
} from '../raft/core/types.ts'
import type { NodeDisk } from './disk.ts'
import type { Invariants } from './invariants.ts'
import { type Command, Machine } from './machine.ts'
import type { Reply } from './models.ts'
import type { Network } from './network.ts'
import type { Random } from './random.ts'
import { Reads } from './reads.ts'
import type { Scheduler } from './scheduler.ts'
import { commandBytes, type NodeSettings } from './settings.ts'
import type { Trace } from './trace.ts'
import { Violation } from './violation.ts'

/** What all nodes of a run share. */
export interface Surroundings {
  readonly scheduler: Scheduler
  readonly network: Network
  readonly invariants: Invariants
  readonly trace: Trace
  readonly settings: NodeSettings
  /** A snapshot came from another node and is installed. */
  readonly installed: () => void
}

export type Answer =
  | { readonly kind: 'done'; readonly reply: Reply }
  /** It did not take effect here. Who leads may be known. */
  | { readonly kind: 'refused'; readonly leader: NodeId }

// More than any event brings.
const readysMax = 10_000

type Respond = (answer: Answer) => void

export class SimulatedNode {
  readonly id: NodeId
  readonly disk: NodeDisk
  readonly #around: Surroundings
  readonly #random: Random
  #raft: RaftNode | undefined
  #machine = Machine.empty()
  #reads: Reads | undefined
  #life = 0
  #isPaused = false
  #inbox: (() => void)[] = []
  #term: Term = 0
  #role: Role = 'follower'
  #leader: NodeId = 0
  #commit: LogIndex = 0
  #checkpointIndex: LogIndex = 0
  /** Of the last snapshot that came from another node, installed or not. */
  #comingIndex: LogIndex = 0
  #diskFreeAtMs = 0
  #machineFreeAtMs = 0
  #responds = new Map<number, { readonly serial: number; readonly respond: Respond }>()
  /** How many times slower the disk is than it should be. */
  diskSlowness = 1
  isDiskFailing = false

  constructor(id: NodeId, disk: NodeDisk, around: Surroundings, random: Random) {
    this.id = id
    this.disk = disk
    this.#around = around
    this.#random = random
  }

  get isRunning(): boolean {
    return this.#raft !== undefined
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  get isLeader(): boolean {
    return this.isRunning && this.#role === 'leader'
  }

  get term(): Term {
    return this.#term
  }

  /** Whom this node follows; 0: nobody. */
  get leader(): NodeId {
    return this.#leader
  }

  get commit(): LogIndex {
    return this.#commit
  }

  get machine(): Machine {
    return this.#machine
  }

  /** The core, for what the server's operators do: transfer, membership, status. */
  get raft(): RaftNode | undefined {
    return this.#isPaused ? undefined : this.#raft
  }

  start(): void {
    const { invariants, scheduler, settings, trace } = this.#around
    const snapshot = this.disk.snapshot()
    this.#machine = snapshot === undefined ? Machine.empty() : Machine.restore(snapshot)
    this.#checkpointIndex = this.#machine.index
    this.#comingIndex = 0
    invariants.started(this.id, this.disk)
    const { hardState } = this.disk.initialState()
    this.#term = hardState?.term ?? 0
    this.#commit = hardState?.commit ?? 0
    this.#role = 'follower'
    this.#leader = 0
    this.#diskFreeAtMs = 0
    this.#machineFreeAtMs = 0
    this.#raft = new RawNode(
      {
        ...settings,
        id: this.id,
        electionSeed: this.#random.next(),
        readIdStart: this.#random.next() * 2 ** 20,
        applied: this.#machine.index,
        stepDownOnRemoval: true,
        validateMembership: true,
        applyUnstable: false
      },
      this.disk
    )
    this.#reads = new Reads({
      ask: () => this.#raft?.readIndex(),
      committedLast: () => invariants.committedLast,
      confirmed: (then, index) => invariants.confirms(this.id, then, index),
      nowMs: () => scheduler.nowMs,
      retryMs: settings.readRetryMs
    })
    trace.note('start', this.id, this.#term, this.#commit)
    const drift = this.#random.between(-settings.driftPercent, settings.driftPercent)
    this.#tickAfter(
      this.#random.between(1, settings.tickMs),
      Math.max(1, settings.tickMs + Math.round((settings.tickMs * drift) / 100))
    )
    this.#settle()
  }

  /** The process is gone, and with it what its disk had not synced. */
  crash(): void {
    this.#around.trace.note('crash', this.id)
    this.#raft = undefined
    this.#reads = undefined
    this.#isPaused = false
    this.#inbox = []
    this.#responds.clear()
    this.#life++
    this.disk.crash(this.#random)
  }

  pause(): void {
    if (this.isRunning) this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    const inbox = this.#inbox
    this.#inbox = []
    for (const task of inbox) this.#later(0, task)
  }

  receive(message: PeerMessage): void {
    this.#later(0, () => this.#step(message), true)
  }

  /** Word of the transport about what was sent: it could not be, or a snapshot has arrived or not. */
  reportUnreachable(id: NodeId, delayMs: number): void {
    this.#later(delayMs, () => this.#raft?.reportUnreachable(id))
  }

  reportSnapshot(id: NodeId, arrived: boolean, delayMs: number): void {
    this.#later(delayMs, () => this.#raft?.reportSnapshot(id, arrived))
  }

  /** A client asks, and may never hear an answer. */
  ask(request: Command, isRead: boolean, respond: Respond): void {
    this.#later(0, () => (isRead ? this.#read(request, respond) : this.#write(request, respond)), true)
  }

  /** Does something with the core, as an operator would, and what follows from it. */
  operate(task: (raft: RaftNode) => void): void {
    if (this.#raft === undefined || this.#isPaused) return
    task(this.#raft)
    this.#settle()
  }

  // Everything that happens to a node goes through here. `now`: within the event that is running already.
  #later(delayMs: number, task: () => void, now = false): void {
    if (!this.isRunning) return
    const life = this.#life
    const run = (): void => {
      if (life !== this.#life) return
      if (this.#isPaused) {
        this.#inbox.push(task)
        return
      }
      task()
      this.#settle()
    }
    if (now) run()
    else this.#around.scheduler.after(delayMs, run)
  }

  #tickAfter(delayMs: number, tickMs: number): void {
    const life = this.#life
    this.#around.scheduler.after(delayMs, () => {
      if (life !== this.#life) return
      if (!this.#isPaused) {
        this.#around.trace.note('tick', this.id)
        this.#raft?.tick()
        this.#reads?.retry()
        this.#settle()
      }
      this.#tickAfter(tickMs, tickMs)
    })
  }

  #step(message: PeerMessage): void {
    this.#around.trace.note(
      message.kind,
      message.to,
      message.from,
      'term' in message ? message.term : 0,
      'index' in message ? message.index : 0
    )
    this.#raft?.step(message)
  }

  #read({ key }: Command, respond: Respond): void {
    this.#reads?.add({
      isAnswered: false,
      answer: (mayRead) =>
        respond(mayRead ? { kind: 'done', reply: this.#machine.read(key) } : { kind: 'refused', leader: this.#leader })
    })
  }

  #write(command: Command, respond: Respond): void {
    const result = this.#raft?.propose([{ size: commandBytes, ref: command }])
    if (result?.status === 'appended' || result?.status === 'forwarded') {
      this.#responds.set(command.client, { serial: command.serial, respond })
    } else respond({ kind: 'refused', leader: this.#leader })
  }

  #settle(): void {
    for (let taken = 0; this.#raft?.hasReady(); taken++) {
      if (taken === readysMax) throw new Violation('liveness', `Node ${this.id} has always one more Ready.`)
      this.#take(this.#raft.ready())
    }
  }

  #take({ softState, reads, messages, append, apply }: Ready): void {
    const { invariants, trace } = this.#around
    if (append !== undefined) {
      invariants.appended(this.id, append)
      if (append.hardState !== undefined) this.#term = append.hardState.term
    }
    if (softState !== undefined) {
      const led = this.#role === 'leader'
      this.#role = softState.role
      this.#leader = softState.leader
      if (softState.role === 'leader' && !led) {
        trace.note('leads', this.id, this.#term)
        invariants.leads(this.id, this.#term)
      }
    }
    const commit = append?.hardState?.commit ?? 0
    if (commit > this.#commit) {
      this.#commit = commit
      const leading = this.#role === 'leader' ? { term: this.#term, membership: this.#machine.membership } : undefined
      invariants.commits(this.id, commit, leading)
    }
    for (const message of messages) this.#send(message)
    if (append !== undefined) this.#persist(append)
    for (const { id, index } of reads) this.#reads?.confirm(id, index)
    this.#reads?.serve(this.#machine.index)
    if (apply !== undefined) this.#applySoon(apply)
  }

  #send(message: PeerMessage): void {
    this.#around.invariants.sends(message)
    this.#around.network.send(message)
  }

  #persist(append: StorageAppend): void {
    const number = this.disk.append(append)
    this.#comingIndex = Math.max(this.#comingIndex, append.snapshot?.index ?? 0)
    if (append.responses.length > 0) this.#syncSoon(number, append)
  }

  // The disk does one thing after the other.
  #syncSoon(number: number, append?: StorageAppend): void {
    const { scheduler, settings, trace } = this.#around
    const takesMs = this.#random.between(settings.diskMsMin, settings.diskMsMax) * this.diskSlowness
    this.#diskFreeAtMs = Math.max(this.#diskFreeAtMs, scheduler.nowMs + takesMs)
    this.#later(this.#diskFreeAtMs - scheduler.nowMs, () => {
      trace.note('sync', this.id, number)
      if (this.isDiskFailing) {
        this.crash()
        return
      }
      this.disk.sync(number)
      if (append !== undefined) this.#synced(append)
    })
  }

  #synced({ snapshot, responses }: StorageAppend): void {
    if (snapshot !== undefined && snapshot.index > this.#machine.index) {
      this.#machine = Machine.restore(snapshot)
      this.#checkpointIndex = snapshot.index
      this.#around.installed()
      this.#around.invariants.applied(this.id, this.#machine.index, this.#machine.hash, this.#machine.membership)
    }
    for (const response of responses) {
      if (response.kind === 'storageAppendDone') this.#raft?.step(response)
      else if (response.to === this.id) {
        this.#around.invariants.sends(response)
        this.#raft?.step(response)
      } else this.#send(response)
    }
  }

  #applySoon(apply: StorageApply): void {
    const { scheduler, settings } = this.#around
    if (settings.applyMsMax === 0) {
      this.#apply(apply)
      return
    }
    const doneAtMs = scheduler.nowMs + this.#random.between(0, settings.applyMsMax)
    this.#machineFreeAtMs = Math.max(this.#machineFreeAtMs, doneAtMs)
    this.#later(this.#machineFreeAtMs - scheduler.nowMs, () => this.#apply(apply))
  }

  #apply({ entries, response }: StorageApply): void {
    const machine = this.#machine
    let brings = false
    for (const entry of entries) {
      // A snapshot may have come in between, or be on its way to the disk: the core goes by its membership already.
      if (entry.index <= machine.index || entry.index <= this.#comingIndex) continue
      let accepted: MembershipChange | undefined
      const answered = machine.apply(entry, (change) => {
        accepted = change
        return this.#raft?.applyMembership(change) ?? machine.membership
      })
      this.#around.invariants.applied(this.id, entry.index, machine.hash, machine.membership, accepted)
      if (accepted !== undefined) brings ||= accepted.changes.some(({ kind }) => kind !== 'remove')
      if (answered?.reply !== undefined) this.#respond(answered.command, answered.reply)
    }
    this.#around.trace.note('apply', this.id, machine.index, machine.hash)
    this.#raft?.step(response)
    this.#reads?.serve(machine.index)
    // A newcomer takes no snapshot that does not know it: the last one is of no use to it.
    if (brings || machine.index >= this.#checkpointIndex + this.#around.settings.checkpointEvery) this.#checkpoint()
  }

  #respond({ client, serial }: Command, reply: Reply): void {
    const waiting = this.#responds.get(client)
    if (waiting === undefined || waiting.serial !== serial) return
    this.#responds.delete(client)
    waiting.respond({ kind: 'done', reply })
  }

  #checkpoint(): void {
    const { keepEntries } = this.#around.settings
    this.#checkpointIndex = this.#machine.index
    const snapshot = this.#machine.snapshot()
    this.#syncSoon(this.disk.checkpoint(snapshot, Math.max(1, snapshot.index - keepEntries)))
  }
}
