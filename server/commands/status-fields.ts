// What STATUS tells, in both languages: five fields that are always there, then those of a cluster.
import { lastLeaderOf, leaderOf, memberOf, placeOf } from '../cluster/view.ts'
import type { ServerView } from './caller.ts'
import { lagOfMember } from './replicas.ts'

export type StatusField = readonly [title: string, value: string | number]

export function statusFields(server: ServerView): readonly StatusField[] {
  const { role, term, commitIndex } = server.status()
  return [
    ['Node ID', server.nodeId],
    ['Role', role],
    ['Term', term],
    ['Commit Index', commitIndex],
    ['Active Connections', server.activeConnections],
    ...clusterStatus(server)
  ]
}

function clusterStatus({ cluster }: ServerView): readonly StatusField[] {
  if (cluster === undefined) return []
  const { view } = cluster
  const last = lastLeaderOf(view)
  const leader = last === undefined ? 'none' : `${last.name} ${placeOf(last)}`
  return [
    [leaderOf(view) === undefined ? 'Last Leader' : 'Leader', leader],
    ['Applied Index', view.appliedIndex],
    ...view.peers.map(({ id, isConnected }): StatusField => {
      const member = memberOf(view, id)
      const lag = member && lagOfMember(cluster, member)
      const state = isConnected ? 'connected' : 'disconnected'
      return [`Peer ${member?.name ?? id}`, lag === undefined ? state : `${state}, lag ${lag}`]
    })
  ]
}
