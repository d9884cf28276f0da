// Metrics of a member of a cluster: who leads, how far this member and the others are.
import { type ClusterView, lagOf, leaderOf, type MemberRole, memberOf, ownOf } from '../cluster/view.ts'
import type { RelayCounts } from '../pubsub.ts'
import type { Exposition } from './exposition.ts'

/** What is exposed of a server's cluster. */
export interface ClusterFigures {
  readonly view: ClusterView
  readonly watch: { readonly switches: number }
  readonly relayed?: Readonly<RelayCounts> | undefined
}

const roles: readonly MemberRole[] = ['leader', 'follower', 'learner']

export function exposeCluster(to: Exposition, { view, watch, relayed }: ClusterFigures): void {
  const { role } = ownOf(view)
  const is = roles.map((each) => ({ labels: { role: each }, value: each === role ? 1 : 0 }))
  to.gauge('varve_cluster_role', 'What this member is: 1 for the role that it has.', is)
  const leader = leaderOf(view)
  const leads = view.members.map((member) => ({
    labels: { member: member.name },
    value: member.id === leader?.id ? 1 : 0
  }))
  to.gauge('varve_cluster_leader', 'Who is known to lead: 1 for that member, 0 for all while nobody is.', leads)
  to.counter('varve_cluster_leader_switches_total', 'How often another member came to lead.', watch.switches)
  to.gauge('varve_cluster_term', 'The term.', view.term)
  to.gauge('varve_cluster_last_index', 'Index of the last record of the log.', view.lastIndex)
  to.gauge('varve_cluster_commit_index', 'Index up to which the log is committed.', view.commitIndex)
  to.gauge('varve_cluster_applied_index', 'Index up to which the log is applied.', view.appliedIndex)
  exposePeers(to, view)
  if (relayed !== undefined) exposeRelayed(to, relayed)
}

function exposeRelayed(to: Exposition, { relayed, dropped }: RelayCounts): void {
  const published = 'Messages published here'
  to.counter('varve_cluster_messages_relayed_total', `${published} that went to another member.`, relayed)
  to.counter('varve_cluster_messages_dropped_total', `${published} that another member was not told.`, dropped)
}

function exposePeers(to: Exposition, view: ClusterView): void {
  const peers = view.peers.map((peer) => ({ peer, labels: { peer: memberOf(view, peer.id)?.name ?? peer.id } }))
  const connected = peers.map(({ peer, labels }) => ({ labels, value: peer.isConnected ? 1 : 0 }))
  to.gauge('varve_cluster_peer_connected', 'Whether there is a connection to another member.', connected)
  const lags = peers.flatMap(({ peer, labels }) => {
    const lag = lagOf(view, peer)
    return lag === undefined ? [] : [{ labels, value: lag }]
  })
  to.gauge('varve_cluster_peer_lag_records', 'Records of the log that another member lacks; told by the leader.', lags)
}
