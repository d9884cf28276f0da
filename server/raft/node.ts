// ClusterNode: a member at work: its directory, its connections to the others, and time.
//
//   startNode ─▶ kept and owner of the directory ─▶ (bootstrap ─▶ becomeMember) ─▶ openMember ─▶ ClusterMember ─▶ ticks
//
// Time goes on by one tick at most in a turn of the event loop, after its sockets were read, and is never made up for: what came
// while the loop was held up is seen before anybody is taken for silent.
import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { becomeMember, type Member, type MemberOptions, openMember, ownerOf } from '../../lib/member.ts'
import type { Clock } from '../clock.ts'
import { turn } from '../turn.ts'
import type { Plan } from './bootstrap.ts'
import { Bootstrapping } from './bootstrapping.ts'
import { emptyMembership } from './core/membership.ts'
import { type InstallSnapshot, none, type RaftConfig } from './core/types.ts'
import { Kept } from './kept.ts'
import type { KeptMembership } from './log.ts'
import { ClusterMember } from './member.ts'
import { entryPayloads } from './payloads.ts'
import { receiveSnapshot, snapshotBytes } from './snapshot.ts'
import type { Address } from './transport/address.ts'
import type { ExpectedPeer, Identity, MemberInfo } from './transport/identity.ts'
import type { TransportTls } from './transport/security.ts'
import { Transport } from './transport/transport.ts'
import type { Notice } from './transport/wiring.ts'
import { MemberView } from './view.ts'

export interface NodeOptions {
  readonly directory: string
  readonly name: string
  readonly wantsToLead: boolean
  /** Where the others reach it, and where it listens for them. */
  readonly listen: Address
  /** What the others reach it by, where that is not what it listens on. */
  readonly peerHost?: string
  /** Where clients reach it: host:port. */
  readonly clientAddress: string
  readonly peers: readonly ExpectedPeer[]
  readonly engine: MemberOptions
  readonly clock: Clock
  readonly tls?: TransportTls | undefined
  readonly clientTls: boolean
  /** `lease`: leaders answer reads by their clock. The same on all members. */
  readonly reads?: 'safe' | 'lease'
  readonly insecure: boolean
  readonly onWaiting: (sentence: string) => void
  readonly onNotice: (notice: Notice) => void
  /** Nothing is written any more: the process has to end. */
  readonly onFailure: (error: Error) => void
}

const tickMs = 25
const memberIdMax = 2 ** 48 - 1
/** How long the others wait for the one that campaigns first. */
const firstTicks = 80
/** A node that stops waits no longer for its heir. */
const handOverMs = 1_500
const timing: Omit<RaftConfig, 'id' | 'electionSeed' | 'readIdStart' | 'reads'> = {
  electionTicks: 20,
  heartbeatTicks: 2,
  messageBytesMax: 1 << 20,
  inflightMessagesMax: 256,
  inflightBytesMax: 64 << 20,
  uncommittedBytesMax: 256 << 20,
  checkQuorum: true,
  preVote: true,
  stepDownOnRemoval: true,
  forwardProposals: false,
  validateMembership: true,
  applyUnstable: false
}

export interface ClusterNode {
  readonly store: ClusterMember
  readonly view: MemberView
  /** Where other members reach it. */
  readonly address: Address
  /** Where it leads, and somebody can take it, the other leads when this resolves. */
  handOver(): Promise<void>
  /** Hands over, answers what it can and gives the directory back. */
  close(): Promise<void>
}

/** Resolves once this node is a member of a cluster; it may not know a leader yet. */
export async function startNode(options: NodeOptions): Promise<ClusterNode> {
  const { directory } = options
  const owner = await ownerOf(directory)
  const kept = await Kept.open(directory, () => 1 + randomInt(memberIdMax))
  const parts = new NodeParts(options, kept, owner?.member?.memberId ?? kept.memberId)
  try {
    await parts.listen(owner?.member?.clusterId ?? '', owner?.holdsData === true)
    const plan = owner?.member === undefined ? await parts.bootstrap() : undefined
    return await parts.begin(plan)
  } catch (error) {
    await parts.close()
    throw error
  }
}

class NodeParts {
  readonly #options: NodeOptions
  readonly #kept: Kept
  readonly #id: number
  #transport: Transport | undefined
  #bootstrapping: Bootstrapping | undefined
  #store: ClusterMember | undefined
  #view: MemberView | undefined
  #members: readonly MemberInfo[] = []
  #member: Member | undefined
  #isReceiving = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: NodeOptions, kept: Kept, id: number) {
    this.#options = options
    this.#kept = kept
    this.#id = id
  }

  async listen(clusterId: string, holdsData: boolean): Promise<void> {
    const { peers, clock, listen, tls, insecure, onNotice } = this.#options
    // A member goes on answering: somebody may have stopped just before it heard of the cluster.
    if (clusterId === '' || this.#kept.bootstrap !== undefined) this.#bootstrapping = this.#prepareBootstrap(holdsData)
    const answer = this.#bootstrapping?.answer
    this.#transport = await Transport.listen({
      identity: this.#identity(clusterId),
      expected: peers,
      listen,
      clock,
      random: Math.random,
      tls,
      insecure,
      onNotice,
      payloads: entryPayloads,
      onMessage: (message) => this.#store?.receive([message]),
      onSnapshot: (message, chunks) => this.#receiveSnapshot(message, chunks),
      onNote: (peer, note) => this.#view?.noted(peer, note),
      onLost: (peer) => this.#store?.lost(peer),
      onUnreachable: (peer) => this.#store?.unreachable(peer),
      ...(answer === undefined ? {} : { onStatement: answer })
    })
  }

  /** Agrees with the others on a cluster, and makes the directory a member's. */
  async bootstrap(): Promise<Plan> {
    const transport = this.#transport
    if (transport === undefined || this.#bootstrapping === undefined) throw new Error('it does not listen yet')
    const plan = await this.#bootstrapping.run((...asked) => transport.exchange(...asked))
    const voters = plan.members.map(({ id }) => id).sort((a, b) => a - b)
    const membership: KeptMembership = { membership: { ...emptyMembership, voters }, details: plan.members }
    const { directory, engine } = this.#options
    await becomeMember(directory, { clusterId: plan.clusterId, memberId: this.#id, membership }, engine)
    return plan
  }

  async begin(plan: Plan | undefined): Promise<ClusterNode> {
    const { directory, engine, clock, onFailure, clientTls, reads = 'safe' } = this.#options
    const transport = this.#transport as Transport
    const member = await openMember(directory, engine)
    const { clusterId } = member.identity
    this.#members = membersOf(member.applied.membership)
    // Until it is known what others need.
    member.keepFrom(1)
    this.#member = member
    const store: ClusterMember = new ClusterMember({
      member,
      config: { ...timing, reads, electionSeed: randomInt(2 ** 31), readIdStart: randomBytes(6).readUIntBE(0, 6) },
      send: (messages) => {
        for (const message of messages) transport.send(message)
      },
      sendSnapshot: (message) => this.#sendSnapshot(member, transport, message),
      addressOf: (id) => this.#members.find((one) => one.id === id)?.addresses.client[0],
      nowMs: () => clock.nowMs(),
      tickMs,
      atEnd: (call) => turn.atEnd(call),
      onFailure,
      onRole: () => this.#roleChanged()
    })
    this.#store = store
    const view = this.#viewOf(store, transport, clusterId, clientTls)
    this.#view = view
    store.cluster = view
    transport.become(this.#identity(clusterId), this.#members)
    this.#timer = setInterval(() => setImmediate(() => store.tick()), tickMs)
    if (plan?.firstCampaigner === this.#id) store.campaignFirst()
    else if (plan !== undefined) store.waitForFirst(firstTicks)
    return { store, view, address: transport.address, handOver: () => this.handOver(), close: () => this.close() }
  }

  /** So that nobody has to wait for an election. */
  async handOver(): Promise<void> {
    if (this.#store?.leadership.isLeader !== true || this.#members.length === 1) return
    await this.#view?.transferLeadership(undefined, handOverMs).catch(() => undefined)
  }

  async close(): Promise<void> {
    await this.handOver()
    this.#bootstrapping?.stop()
    try {
      await (this.#store ?? this.#member)?.close()
    } finally {
      clearInterval(this.#timer)
      await this.#transport?.close()
    }
  }

  /** What is in tables by now, whatever the core has asked for: newer is as good. */
  async #sendSnapshot(member: Member, transport: Transport, message: InstallSnapshot): Promise<void> {
    const pinned = member.pin()
    try {
      const { flushed } = pinned.version
      const { membership } = flushed.membership as KeptMembership
      const snapshot = { index: flushed.index, term: flushed.term, membership, ref: undefined }
      await transport.sendSnapshot({ ...message, snapshot }, snapshotBytes(member, pinned.version))
    } finally {
      pinned.unpin()
    }
  }

  async #receiveSnapshot(message: InstallSnapshot, chunks: AsyncIterable<Buffer>): Promise<void> {
    const [store, member] = [this.#store, this.#member]
    if (store === undefined || member === undefined) throw new Error('It is no member yet.')
    if (this.#isReceiving || store.isInstalling) throw new Error('It is receiving a snapshot already.')
    this.#isReceiving = true
    let installed: Promise<void> | undefined
    try {
      const incoming = await receiveSnapshot(member, this.#options.directory, chunks)
      this.#members = membersOf(incoming.flushed.membership)
      installed = store.install({ ...message, snapshot: { ...message.snapshot, ref: incoming } })
    } finally {
      // The next one would take the place of files that are still to be moved in.
      const free = () => {
        this.#isReceiving = false
      }
      if (installed === undefined) free()
      else installed.then(free, free)
    }
  }

  #prepareBootstrap(holdsData: boolean): Bootstrapping {
    const { peers, clock, wantsToLead, onWaiting } = this.#options
    return new Bootstrapping({
      self: { ...this.#identity(''), holdsData, wantsToLead },
      peers,
      record: this.#kept.bootstrap,
      persist: (record) => this.#kept.keepBootstrap(record),
      mintClusterId: randomUUID,
      clock,
      onWaiting
    })
  }

  #identity(clusterId: string): Identity {
    const { name, listen, clientAddress } = this.#options
    const { host: bound, port } = this.#transport?.address ?? listen
    const host = this.#options.peerHost ?? bound
    const peer = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    return { id: this.#id, name, clusterId, addresses: { peer: [peer], client: [clientAddress] } }
  }

  #roleChanged(): void {
    const leader = this.#store?.leadership.leader ?? none
    // Who led last is a hint for clients: that it is not kept is no reason to stop.
    if (leader !== none) void this.#kept.keepLastLeader(leader).catch(() => undefined)
    this.#view?.changed()
  }

  #viewOf(store: ClusterMember, transport: Transport, clusterId: string, tls: boolean): MemberView {
    return new MemberView({
      clusterId,
      ownId: this.#id,
      members: () => this.#members,
      status: () => store.raftStatus,
      applied: () => store.status().commitIndex,
      isConnected: (id) => transport.status().get(id)?.isHeard === true,
      clock: this.#options.clock,
      lastLeader: () => (store.leadership.lastLeader === none ? this.#kept.lastLeader : store.leadership.lastLeader),
      tls,
      transfer: (to) => store.transferLeader(to),
      note: (to, note, roomBytes) => transport.note(to, note, roomBytes)
    })
  }
}

function membersOf(membership: unknown): readonly MemberInfo[] {
  const { details } = (membership ?? {}) as { details?: readonly MemberInfo[] }
  return details ?? []
}
