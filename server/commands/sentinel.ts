// SENTINEL: every member answers as a Sentinel of Redis that watches this cluster does, under the name of the configuration. The
// master is the leader, or who led last, as long as nobody else does.
import { nodeIdOf } from '../cluster/node-id.ts'
import { type ClusterMember, lastLeaderOf, othersOf, ownOf } from '../cluster/view.ts'
import { arrayReply, errorReply, missingArray, type Reply, textValue } from '../protocol/reply.ts'
import type { ServedCluster } from './caller.ts'
import { type Arguments, argument, type Command } from './command.ts'
import { container } from './container.ts'
import type { Plan } from './plan.ts'
import { isOnline, offsetOf, replicasOf } from './replicas.ts'
import { sessionPlan } from './session-plan.ts'

const alone = errorReply('This instance has sentinel support disabled: it is no member of a cluster')
const unknownMaster = errorReply('No such master with that name')

const sentinelPlan = (answer: (cluster: ServedCluster) => Reply): Plan =>
  sessionPlan(({ server: { cluster } }) => (cluster === undefined ? alone : answer(cluster)))

interface Subcommand {
  readonly arity: number
  readonly usage?: string
  readonly summary: string
  readonly plan: (args: Arguments) => Plan
}

const subcommand = (word: string, rest: Subcommand): Command => ({
  ...rest,
  name: `SENTINEL ${word}`,
  flags: [],
  group: 'cluster'
})

/** Of the master that the argument names; `unknown` where it is none. */
const ofMaster =
  (answer: (cluster: ServedCluster, master: ClusterMember) => Reply, unknown: Reply = unknownMaster) =>
  (args: Arguments): Plan =>
    sentinelPlan((cluster) => {
      const isNamed = argument(args, 0).toString() === cluster.masterName
      const master = lastLeaderOf(cluster.view)
      return isNamed && master !== undefined ? answer(cluster, master) : unknown
    })

type Fields = readonly (readonly [name: string, value: string | number])[]

/** As everything that a Sentinel tells: texts, numbers too. */
const mapOf = (fields: Fields): Reply => ({
  kind: 'map',
  pairs: fields.map(([name, value]) => [textValue(name), textValue(String(value))])
})

/** Real Sentinels ask about once a second, and tell how long that is ago: here it is always just now. */
function instanceFields(name: string, member: ClusterMember, flags: string): Fields {
  return [
    ['name', name],
    ['ip', member.host],
    ['port', member.port],
    ['runid', nodeIdOf(member.id)],
    ['flags', flags],
    ['link-pending-commands', 0],
    ['link-refcount', 1],
    ['last-ping-sent', 0],
    ['last-ok-ping-reply', 0],
    ['last-ping-reply', 0],
    ['down-after-milliseconds', 2_000]
  ]
}

const flagsOf = (cluster: ServedCluster, member: ClusterMember, kind: string): string =>
  isOnline(cluster, member) ? kind : `s_down,${kind},disconnected`

/**
 * While nobody leads, the master that is told may be a process that is gone: node-redis would wait for it for ever, unless a failover is
 * in progress.
 */
function masterFlags({ isDown, isLeaderless }: ServedCluster['watch']): string {
  if (isDown) return 's_down,o_down,master'
  return isLeaderless ? 'master,failover_in_progress' : 'master'
}

/** How many have to agree. */
const quorumOf = ({ view }: ServedCluster): number =>
  Math.floor(view.members.filter(({ role }) => role !== 'learner').length / 2) + 1

function masterFields(cluster: ServedCluster, master: ClusterMember): Fields {
  const { view, watch, masterName } = cluster
  return [
    ...instanceFields(masterName, master, masterFlags(watch)),
    ['info-refresh', 0],
    ['role-reported', 'master'],
    ['role-reported-time', 0],
    ['config-epoch', view.epoch],
    ['num-slaves', replicasOf(cluster).length],
    ['num-other-sentinels', othersOf(view).length],
    ['quorum', quorumOf(cluster)],
    ['failover-timeout', 2_000],
    ['parallel-syncs', 1]
  ]
}

function replicaFields(cluster: ServedCluster, master: ClusterMember, replica: ClusterMember): Fields {
  return [
    ...instanceFields(`${replica.host}:${replica.port}`, replica, flagsOf(cluster, replica, 'slave')),
    ['info-refresh', 0],
    ['role-reported', 'slave'],
    ['role-reported-time', 0],
    ['master-link-down-time', 0],
    ['master-link-status', isOnline(cluster, replica) ? 'ok' : 'err'],
    ['master-host', master.host],
    ['master-port', master.port],
    ['slave-priority', 100],
    ['slave-repl-offset', offsetOf(cluster, replica)],
    ['replica-announced', 1]
  ]
}

function sentinelFields(cluster: ServedCluster, member: ClusterMember): Fields {
  return [
    ...instanceFields(nodeIdOf(member.id), member, flagsOf(cluster, member, 'sentinel')),
    ['last-hello-message', 0],
    ['voted-leader', '?'],
    ['voted-leader-epoch', 0]
  ]
}

const getMaster = subcommand('GET-MASTER-ADDR-BY-NAME', {
  arity: 3,
  usage: '<master-name>',
  summary: 'Where the master is.',
  plan: ofMaster((_, { host, port }) => arrayReply([textValue(host), textValue(String(port))]), missingArray)
})

const oneMaster = subcommand('MASTER', {
  arity: 3,
  usage: '<master-name>',
  summary: 'What is known of the master.',
  plan: ofMaster((cluster, master) => mapOf(masterFields(cluster, master)))
})

const masters = subcommand('MASTERS', {
  arity: 2,
  summary: 'The same of all masters: of the only one.',
  plan: () =>
    sentinelPlan((cluster) => {
      const master = lastLeaderOf(cluster.view)
      return arrayReply(master === undefined ? [] : [mapOf(masterFields(cluster, master))])
    })
})

const listOfReplicas = (word: string): Command =>
  subcommand(word, {
    arity: 3,
    usage: '<master-name>',
    summary: 'What is known of the members that do not lead.',
    plan: ofMaster((cluster, master) =>
      arrayReply(replicasOf(cluster).map((replica) => mapOf(replicaFields(cluster, master, replica))))
    )
  })

const sentinels = subcommand('SENTINELS', {
  arity: 3,
  usage: '<master-name>',
  summary: 'The other members: each is a Sentinel, too.',
  plan: ofMaster((cluster) =>
    arrayReply(othersOf(cluster.view).map((member) => mapOf(sentinelFields(cluster, member))))
  )
})

const ckquorum = subcommand('CKQUORUM', {
  arity: 3,
  usage: '<master-name>',
  summary: 'Whether enough members are there to elect a leader.',
  plan: ofMaster((cluster) => {
    const { view } = cluster
    const others = othersOf(view).filter((member) => member.role !== 'learner' && isConnected(cluster, member))
    const usable = others.length + (ownOf(view).role === 'learner' ? 0 : 1)
    return usable >= quorumOf(cluster)
      ? simple(`OK ${usable} usable Sentinels. Quorum and failover authorization can be reached`)
      : errorReply(`${usable} usable Sentinels. Not enough to elect a leader`, 'NOQUORUM')
  })
})

/** Also of a leader that is only thought of as such. */
const isConnected = ({ view }: ServedCluster, { id }: ClusterMember): boolean =>
  view.peers.find((peer) => peer.id === id)?.isConnected !== false

const simple = (text: string): Reply => ({ kind: 'simple', text })

const myid = subcommand('MYID', {
  arity: 2,
  summary: 'The id of this Sentinel.',
  plan: () => sentinelPlan(({ view }) => textValue(nodeIdOf(view.ownId)))
})

export const sentinel = container(
  { name: 'SENTINEL', group: 'cluster', summary: 'The cluster as a Sentinel would tell of it.' },
  [getMaster, oneMaster, masters, listOfReplicas('REPLICAS'), listOfReplicas('SLAVES'), sentinels, ckquorum, myid]
)
