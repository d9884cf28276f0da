// VARVE.CLUSTER STATUS · TRANSFER [member]: the cluster in varve's own words, for programs and `varve cluster`.
import {
  type ClusterMember,
  type ClusterView,
  lastLeaderOf,
  leaderOf,
  leads,
  memberOf,
  ownOf
} from '../cluster/view.ts'
import { arrayReply, errorReply, integerReply, missing, type Reply, textValue } from '../protocol/reply.ts'
import type { Caller, ServedCluster } from './caller.ts'
import type { Command } from './command.ts'
import { container } from './container.ts'
import { isOnline, lagOfMember } from './replicas.ts'
import { sessionPlan } from './session-plan.ts'

const alone = errorReply('this server runs alone: it is no member of a cluster')

const mapOf = (pairs: readonly (readonly [string, Reply])[]): Reply => ({
  kind: 'map',
  pairs: pairs.map(([name, value]) => [textValue(name), value])
})

const orMissing = (text: string | undefined): Reply => (text === undefined ? missing : textValue(text))

function statusOf(cluster: ServedCluster): Reply {
  const { view, masterName } = cluster
  return mapOf([
    ['cluster', textValue(masterName)],
    ['cluster_id', textValue(view.clusterId)],
    ['member', textValue(ownOf(view).name)],
    ['role', textValue(ownOf(view).role)],
    ['leader', orMissing(leaderOf(view)?.name)],
    ['last_leader', orMissing(lastLeaderOf(view)?.name)],
    ['term', integerReply(view.term)],
    ['last_index', integerReply(view.lastIndex)],
    ['commit_index', integerReply(view.commitIndex)],
    ['applied_index', integerReply(view.appliedIndex)],
    ['members', arrayReply(view.members.map((member) => memberReply(cluster, member)))]
  ])
}

function memberReply(cluster: ServedCluster, member: ClusterMember): Reply {
  const lag = lagOfMember(cluster, member)
  return mapOf([
    ['name', textValue(member.name)],
    ['id', textValue(member.id)],
    ['host', textValue(member.host)],
    ['port', integerReply(member.port)],
    ['tls', integerReply(member.tls ? 1 : 0)],
    ['role', textValue(member.role)],
    ['online', integerReply(isOnline(cluster, member) ? 1 : 0)],
    ['lag', lag === undefined ? missing : integerReply(lag)]
  ])
}

const status: Command = {
  name: 'VARVE.CLUSTER STATUS',
  arity: 2,
  flags: ['read'],
  group: 'varve',
  summary: 'The members, who leads, and how far each is.',
  plan: () => sessionPlan(({ server: { cluster } }) => (cluster === undefined ? alone : statusOf(cluster)))
}

const transfer: Command = {
  name: 'VARVE.CLUSTER TRANSFER',
  arity: -2,
  flags: ['admin', 'dangerous'],
  group: 'varve',
  usage: '[member]',
  summary: 'Hands leadership to a member, or to the one that is furthest; answers who leads then. Asked of the leader.',
  plan: ([name]) => ({ kind: 'slow', run: (caller) => runTransfer(caller, name?.toString()) })
}

async function runTransfer({ server: { cluster } }: Caller, name: string | undefined): Promise<Reply> {
  if (cluster === undefined) return alone
  const { view } = cluster
  const leader = leaderOf(view)
  if (leader === undefined) return errorReply('nobody is known to lead', 'NO_LEADER')
  if (!leads(view)) return errorReply(`${leader.name} leads: ask it, at ${leader.host}:${leader.port}`)
  const target = name === undefined ? undefined : view.members.find((member) => member.name === name)
  const fault = name === undefined ? undefined : targetFault(view, name, target)
  if (fault !== undefined) return errorReply(fault)
  const led = await view.transferLeadership(target?.id)
  return textValue(memberOf(view, led)?.name ?? led)
}

function targetFault(view: ClusterView, name: string, target: ClusterMember | undefined): string | undefined {
  if (target === undefined)
    return `there is no member ${name}, there are ${view.members.map((each) => each.name).join(' ')}`
  if (target.role === 'learner') return `${name} is a learner: it cannot lead`
  return target.role === 'leader' ? `${name} leads already` : undefined
}

export const varveCluster = container(
  { name: 'VARVE.CLUSTER', group: 'varve', summary: 'The cluster: its members, and who leads.' },
  [status, transfer]
)
