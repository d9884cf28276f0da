// Members as master and replicas, the words of Redis: who they are, whether they are there, how far they are.
import { type ClusterMember, lagOf, lastLeaderOf, type PeerProgress } from '../cluster/view.ts'
import type { ServedCluster } from './caller.ts'

/** All but the leader, or who led last. */
export function replicasOf({ view }: ServedCluster): readonly ClusterMember[] {
  const master = lastLeaderOf(view)
  return view.members.filter(({ id }) => id !== master?.id)
}

const peerOf = ({ view }: ServedCluster, id: string): PeerProgress | undefined =>
  view.peers.find((peer) => peer.id === id)

/** A leader is there until an election should have replaced it; others as long as they are connected, as far as is known here. */
export function isOnline(cluster: ServedCluster, { id }: ClusterMember): boolean {
  if (id === lastLeaderOf(cluster.view)?.id) return !cluster.watch.isDown
  return id === cluster.view.ownId || peerOf(cluster, id)?.isConnected !== false
}

/** How far its log is, as far as is known here. */
export function offsetOf(cluster: ServedCluster, { id }: ClusterMember): number {
  const { view } = cluster
  if (id === view.ownId) return view.lastIndex
  return peerOf(cluster, id)?.matchIndex ?? view.commitIndex
}

/** Records of the leader's log that it lacks; undefined: only the leader knows. */
export function lagOfMember(cluster: ServedCluster, { id }: ClusterMember): number | undefined {
  const peer = peerOf(cluster, id)
  return peer === undefined ? undefined : lagOf(cluster.view, peer)
}
