// What a member knows of its cluster, as the server and its clients need it. A store that is a member offers one
// (`store.cluster`); everything that tells of a cluster (CLUSTER, SENTINEL, redirects, INFO, metrics) reads it and nothing else.
//
// 1. Once somebody was known to lead, `lastLeaderId` names a member for ever, through elections and restarts: clients are
//    answered with it, never with nothing.
// 2. `epoch` grows with every change of `lastLeaderId` and is the same on all members for the same leadership: its term.
// 3. Listeners are called within the turn in which something changed, before any later answer of the store.

export type MemberRole = 'leader' | 'follower' | 'learner'

export interface ClusterMember {
  /** Unique for ever. */
  readonly id: string
  /** As in the configuration: for people. */
  readonly name: string
  /** Where clients reach it, as it advertises itself. */
  readonly host: string
  readonly port: number
  /** Whether clients need TLS there. */
  readonly tls: boolean
  /** As far as is known here: during an election nobody is `leader`. */
  readonly role: MemberRole
}

/** Another member, as seen from here. */
export interface PeerProgress {
  readonly id: string
  readonly isConnected: boolean
  /** Records of the log that it is known to have; undefined: only the leader knows. */
  readonly matchIndex: number | undefined
}

/** What members' servers say to each other, beside the log: once or not at all. */
export interface MemberNotes {
  /** False: it was not said, for there is no connection, or more than `roomBytes` wait to be sent before it. */
  send(to: string, note: Uint8Array, roomBytes: number): boolean
  /** What others say. The bytes are not changed later. */
  onNote(listener: (from: string, note: Buffer) => void): () => void
}

export interface ClusterView {
  /** Left out: they say nothing. */
  readonly notes?: MemberNotes
  readonly clusterId: string
  readonly ownId: string
  /** In an order that stays, this member among them. */
  readonly members: readonly ClusterMember[]
  readonly lastLeaderId: string | undefined
  readonly term: number
  readonly epoch: number
  readonly lastIndex: number
  readonly commitIndex: number
  readonly appliedIndex: number
  readonly peers: readonly PeerProgress[]
  /** Calls whenever leader, roles or members changed, until the function that it returns is called. */
  onChange(listener: () => void): () => void
  /** Hands leadership to a member, or to the one that is furthest; resolves with its id once it leads. */
  transferLeadership(to?: string): Promise<string>
}

export type RolesView = Pick<ClusterView, 'members' | 'ownId' | 'lastLeaderId'>

export const memberOf = (
  { members }: Pick<ClusterView, 'members'>,
  id: string | undefined
): ClusterMember | undefined => members.find((member) => member.id === id)

/** Who is known to lead now. */
export const leaderOf = ({ members }: Pick<ClusterView, 'members'>): ClusterMember | undefined =>
  members.find(({ role }) => role === 'leader')

/** Who leads, or did last. */
export const lastLeaderOf = (view: RolesView): ClusterMember | undefined =>
  leaderOf(view) ?? memberOf(view, view.lastLeaderId)

export function ownOf(view: RolesView): ClusterMember {
  const own = memberOf(view, view.ownId)
  if (own === undefined) throw new Error(`member ${view.ownId} is not of its cluster`)
  return own
}

export const leads = (view: RolesView): boolean => ownOf(view).role === 'leader'

export const othersOf = ({ members, ownId }: RolesView): readonly ClusterMember[] =>
  members.filter(({ id }) => id !== ownId)

/** As redirects name a member. */
export const placeOf = ({ host, port }: Pick<ClusterMember, 'host' | 'port'>): string => `${host}:${port}`

/** How many records of the leader's log a peer lacks; undefined: only the leader knows. */
export function lagOf({ lastIndex }: Pick<ClusterView, 'lastIndex'>, peer: PeerProgress): number | undefined {
  return peer.matchIndex === undefined ? undefined : Math.max(0, lastIndex - peer.matchIndex)
}
