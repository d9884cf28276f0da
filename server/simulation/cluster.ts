// The nodes of a run with their network and disks, and what happens to them from outside: a node crashes, starts again, loses
// its disk, joins, goes.
import type { LogIndex, Membership, NodeId, PeerMessage } from '../raft/core/types.ts'
import { MemoryDisk, type NodeDisk } from './disk.ts'
import { Invariants } from './invariants.ts'
import { Machine } from './machine.ts'
import { Network } from './network.ts'
import { SimulatedNode, type Surroundings } from './node.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'
import type { Settings } from './settings.ts'
import type { Trace } from './trace.ts'

/** Makes a node's disk: the seam where other storage comes in. */
export type DiskMaker = () => NodeDisk

interface ClusterOptions {
  readonly scheduler: Scheduler
  readonly trace: Trace
  readonly random: Random
  readonly settings: Settings
  readonly makeDisk?: DiskMaker
}

export class Cluster {
  readonly scheduler: Scheduler
  readonly trace: Trace
  readonly network: Network
  readonly invariants: Invariants
  readonly #around: Surroundings
  readonly #random: Random
  readonly #nodes = new Map<NodeId, SimulatedNode>()
  readonly #makeDisk: DiskMaker
  #idsGiven = 0
  /** Voters that are gone for ever, and still members for all anybody knows. */
  readonly #dead = new Set<NodeId>()
  crashes = 0
  snapshots = 0

  constructor({ scheduler, trace, random, settings, makeDisk = () => new MemoryDisk() }: ClusterOptions) {
    this.scheduler = scheduler
    this.trace = trace
    this.#random = random
    this.#makeDisk = makeDisk
    const founding = Machine.founding(foundingMembership(settings))
    this.invariants = new Invariants({ ...founding, hash: Machine.restore(founding).hash })
    this.network = new Network(scheduler, random.stream('network'), settings.weather, {
      deliver: (message) => this.#deliver(message),
      lost: (message) => this.#lost(message)
    })
    this.#around = {
      scheduler,
      network: this.network,
      invariants: this.invariants,
      trace,
      settings: settings.node,
      installed: () => {
        this.snapshots++
      }
    }
    for (let i = 0; i < settings.voters + settings.learners; i++) {
      const disk = this.#makeDisk()
      const commit = founding.index
      disk.sync(disk.append({ snapshot: founding, entries: [], hardState: { term: founding.term, vote: 0, commit } }))
      this.#place(disk, this.#freshId()).start()
    }
  }

  /** Every node that is not gone for ever. */
  get nodes(): SimulatedNode[] {
    return [...this.#nodes.values()]
  }

  get ids(): NodeId[] {
    return [...this.#nodes.keys()]
  }

  node(id: NodeId): SimulatedNode | undefined {
    return this.#nodes.get(id)
  }

  /** The leader of the highest term, if it can act. */
  get leader(): SimulatedNode | undefined {
    let leader: SimulatedNode | undefined
    for (const node of this.#nodes.values()) {
      if (node.isLeader && !node.isPaused && node.term >= (leader?.term ?? 0)) leader = node
    }
    return leader
  }

  get committedLast(): LogIndex {
    return this.invariants.committedLast
  }

  get dead(): ReadonlySet<NodeId> {
    return this.#dead
  }

  crash(node: SimulatedNode): void {
    if (!node.isRunning) return
    this.crashes++
    node.crash()
  }

  /** Starts a node that is down. */
  restart(id: NodeId): void {
    const node = this.#nodes.get(id)
    if (node !== undefined && !node.isRunning) node.start()
  }

  /** A new node, with nothing on its disk, that waits to be made a member. */
  join(): NodeId {
    const id = this.#freshId()
    this.#place(this.#makeDisk(), id).start()
    return id
  }

  /** A node's machine comes back with an empty disk. Returns who it is now. */
  wipe(node: SimulatedNode): NodeId {
    this.crash(node)
    const disk = this.#makeDisk()
    const id = this.#identityOf(disk, node.id)
    this.trace.note('wipe', node.id, id)
    if (id !== node.id) {
      this.#nodes.delete(node.id)
      this.#dead.add(node.id)
    }
    this.#place(disk, id).start()
    return id
  }

  /** A node was removed from the group, or never made it, and is switched off for ever. */
  retire(id: NodeId): void {
    this.#dead.delete(id)
    const node = this.#nodes.get(id)
    if (node === undefined) return
    if (node.isRunning) node.crash()
    this.#nodes.delete(id)
  }

  // Who forgot what it promised must not be taken for the one that promised it: an empty disk gets a new identity.
  #identityOf(disk: NodeDisk, _formerId: NodeId): NodeId {
    return disk.identity ?? this.#freshId()
  }

  #freshId(): NodeId {
    this.#idsGiven++
    return this.#idsGiven
  }

  #place(disk: NodeDisk, id: NodeId): SimulatedNode {
    disk.identity = id
    const node = new SimulatedNode(id, disk, this.#around, this.#random.stream(`node ${id}`))
    this.#nodes.set(id, node)
    return node
  }

  #deliver(message: PeerMessage): void {
    const node = this.#nodes.get(message.to)
    if (node === undefined || !node.isRunning) {
      this.#lost(message)
      return
    }
    node.receive(message)
    if (message.kind === 'snapshot')
      this.#nodes.get(message.from)?.reportSnapshot(message.to, true, this.network.delayMs())
  }

  #lost(message: PeerMessage): void {
    this.trace.note('lost', message.from, message.to)
    const sender = this.#nodes.get(message.from)
    const delayMs = 2 * this.network.delayMs()
    if (message.kind === 'snapshot') sender?.reportSnapshot(message.to, false, delayMs)
    else if (this.#random.chance(10)) sender?.reportUnreachable(message.to, delayMs)
  }
}

function foundingMembership({ voters, learners }: Settings): Membership {
  const ids = Array.from({ length: voters + learners }, (_, at) => at + 1)
  return {
    voters: ids.slice(0, voters),
    votersOutgoing: [],
    learners: ids.slice(voters),
    learnersNext: [],
    autoLeave: false
  }
}
