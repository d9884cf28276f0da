// INFO's sections of a cluster: Replication, in Redis's shape, and Cluster, which ends with what varve itself has to tell.
import { lastLeaderOf, leaderOf, leads, ownOf, placeOf } from '../cluster/view.ts'
import type { ServedCluster, ServerView } from './caller.ts'
import type { Fields } from './info-text.ts'
import { isOnline, lagOfMember, offsetOf, replicasOf } from './replicas.ts'

export function replication(view: ServerView): Fields {
  const { cluster } = view
  if (cluster !== undefined && !leads(cluster.view)) return ofReplica(view, cluster)
  const { role, commitIndex } = view.status()
  return [
    ['role', role === 'LEADER' ? 'master' : 'slave'],
    ...(cluster === undefined ? ([['connected_slaves', 0]] as const) : slaves(cluster)),
    ...history(view, commitIndex)
  ]
}

/** A log is the same history for all members: it is named by the cluster. */
function history({ runId, cluster }: ServerView, offset: number): Fields {
  return [
    ['master_failover_state', 'no-failover'],
    ['master_replid', cluster === undefined ? runId : replicationIdOf(cluster)],
    ['master_repl_offset', offset]
  ]
}

const replicationIdOf = ({ view: { clusterId } }: ServedCluster): string =>
  clusterId
    .replaceAll(/[^0-9a-f]/g, '')
    .padEnd(40, '0')
    .slice(0, 40)

function slaves(cluster: ServedCluster): Fields {
  const there = replicasOf(cluster).filter((replica) => isOnline(cluster, replica))
  return [
    ['connected_slaves', there.length],
    ...there.map((replica, i) => {
      const lag = lagOfMember(cluster, replica) ?? 0
      const words = `ip=${replica.host},port=${replica.port},state=online,offset=${offsetOf(cluster, replica)},lag=${lag}`
      return [`slave${i}`, words] as const
    })
  ]
}

function ofReplica(server: ServerView, cluster: ServedCluster): Fields {
  const { view } = cluster
  const master = lastLeaderOf(view)
  return [
    ['role', 'slave'],
    ['master_host', master?.host ?? ''],
    ['master_port', master?.port ?? 0],
    ['master_link_status', leaderOf(view) === undefined ? 'down' : 'up'],
    ['master_last_io_seconds_ago', leaderOf(view) === undefined ? -1 : 0],
    ['master_sync_in_progress', 0],
    ['slave_read_repl_offset', view.lastIndex],
    ['slave_repl_offset', view.appliedIndex],
    ['slave_priority', 100],
    ['slave_read_only', 1],
    ['replica_announced', 1],
    ['connected_slaves', 0],
    ...history(server, view.commitIndex)
  ]
}

export function clusterFields({ cluster }: ServerView): Fields {
  if (cluster === undefined) return [['cluster_enabled', 0]]
  const { view, watch, masterName } = cluster
  const leader = leaderOf(view)
  const peers = view.peers.map(({ id, isConnected }, i) => {
    const member = view.members.find((each) => each.id === id)
    const lag = member && lagOfMember(cluster, member)
    const words = [`name=${member?.name ?? id}`, `connected=${isConnected ? 1 : 0}`]
    return [`peer${i}`, [...words, ...(lag === undefined ? [] : [`lag=${lag}`])].join(',')] as const
  })
  return [
    ['cluster_enabled', 1],
    ['cluster_name', masterName],
    ['cluster_id', view.clusterId],
    ['member_name', ownOf(view).name],
    ['member_role', ownOf(view).role],
    ['leader', leader === undefined ? '' : placeOf(leader)],
    ['leader_name', leader?.name ?? ''],
    ['leader_switches', watch.switches],
    ['term', view.term],
    ['last_index', view.lastIndex],
    ['commit_index', view.commitIndex],
    ['applied_index', view.appliedIndex],
    ...peers
  ]
}
