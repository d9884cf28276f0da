// CLUSTER READONLY READWRITE ASKING: a cluster as clients of Redis Cluster see one: a single shard that has all slots, with the
// leader, or who led last, as its master, and all other members as replicas. Each member answers for itself.
//
// READONLY lets the reads of its connection be as old as `cluster.max_staleness_ms` says; where nothing is said of that, reads are
// what they are on all connections, and it only tells that this client knows MOVED.
import { nodeIdOf } from '../cluster/node-id.ts'
import { slotCount, slotOf } from '../cluster/slots.ts'
import { type ClusterMember, lastLeaderOf, ownOf } from '../cluster/view.ts'
import { arrayReply, emptyArray, errorReply, integerReply, ok, type Reply, textValue } from '../protocol/reply.ts'
import type { Caller, ServedCluster } from './caller.ts'
import { type Arguments, argument, type Command } from './command.ts'
import { container } from './container.ts'
import { wholeNumberOf } from './number.ts'
import type { Plan } from './plan.ts'
import { isOnline, offsetOf, replicasOf } from './replicas.ts'
import { sessionPlan } from './session-plan.ts'

const noCluster = errorReply('This instance has cluster support disabled')

/** Whoever asks so is told MOVED from here on. */
const clusterPlan = (answer: (cluster: ServedCluster, caller: Caller) => Reply): Plan =>
  sessionPlan((caller) => {
    const { cluster } = caller.server
    if (cluster === undefined) return noCluster
    caller.isClusterClient = true
    return answer(cluster, caller)
  })

interface Subcommand {
  readonly arity?: number
  readonly usage?: string
  readonly summary: string
  readonly answer: (cluster: ServedCluster, args: Arguments) => Reply
}

const subcommand = (word: string, { arity = 2, usage, summary, answer }: Subcommand): Command => ({
  name: `CLUSTER ${word}`,
  arity,
  flags: [],
  group: 'cluster',
  ...(usage === undefined ? {} : { usage }),
  summary,
  plan: (args) => clusterPlan((cluster) => answer(cluster, args))
})

const id = ({ id: memberId }: ClusterMember): Reply => textValue(nodeIdOf(memberId))

/** The master first, as clients take it. Nobody: no member is known to have led, ever. */
function shardOf(cluster: ServedCluster): readonly ClusterMember[] {
  const master = lastLeaderOf(cluster.view)
  return master === undefined ? [] : [master, ...replicasOf(cluster).filter((replica) => isOnline(cluster, replica))]
}

const slots = subcommand('SLOTS', {
  summary: 'Who has which slots: the master of all of them, and its replicas.',
  answer: (cluster) => {
    const nodes = shardOf(cluster).map((member) =>
      arrayReply([textValue(member.host), integerReply(member.port), id(member), emptyArray])
    )
    return nodes.length === 0
      ? emptyArray
      : arrayReply([arrayReply([integerReply(0), integerReply(slotCount - 1), ...nodes])])
  }
})

const shards = subcommand('SHARDS', {
  summary: 'The same with more of each member.',
  answer: (cluster) => {
    const master = lastLeaderOf(cluster.view)
    if (master === undefined) return emptyArray
    const nodes = [master, ...replicasOf(cluster)].map((member) => shardNode(cluster, member, member.id === master.id))
    return arrayReply([
      mapOf([
        ['slots', arrayReply([integerReply(0), integerReply(slotCount - 1)])],
        ['nodes', arrayReply(nodes)]
      ])
    ])
  }
})

const mapOf = (pairs: readonly (readonly [string, Reply])[]): Reply => ({
  kind: 'map',
  pairs: pairs.map(([name, value]) => [textValue(name), value])
})

function shardNode(cluster: ServedCluster, member: ClusterMember, isMaster: boolean): Reply {
  return mapOf([
    ['id', id(member)],
    [member.tls ? 'tls-port' : 'port', integerReply(member.port)],
    ['ip', textValue(member.host)],
    ['endpoint', textValue(member.host)],
    ['role', textValue(isMaster ? 'master' : 'replica')],
    ['replication-offset', integerReply(offsetOf(cluster, member))],
    ['health', textValue(isOnline(cluster, member) ? 'online' : 'failed')]
  ])
}

const nodes = subcommand('NODES', {
  summary: 'The members as lines, as Redis writes them.',
  answer: (cluster) => {
    const { view } = cluster
    const master = lastLeaderOf(view)
    return { kind: 'text', text: view.members.map((member) => `${nodeLine(cluster, member, master)}\n`).join('') }
  }
})

function nodeLine(cluster: ServedCluster, member: ClusterMember, master: ClusterMember | undefined): string {
  const { view } = cluster
  const isMaster = member.id === master?.id
  const flags = [
    ...(member.id === view.ownId ? ['myself'] : []),
    isMaster ? 'master' : 'slave',
    ...(isOnline(cluster, member) ? [] : ['fail?'])
  ]
  // Members have no bus of Redis: where its port stands, theirs does. Nobody pings: the times are those of nobody waiting.
  const place = `${member.host}:${member.port}@${member.port}`
  const link = isOnline(cluster, member) ? 'connected' : 'disconnected'
  const masterId = isMaster || master === undefined ? '-' : nodeIdOf(master.id)
  const words = [nodeIdOf(member.id), place, flags.join(','), masterId, 0, 0, view.epoch, link]
  return [...words, ...(isMaster ? [`0-${slotCount - 1}`] : [])].join(' ')
}

const info = subcommand('INFO', {
  summary: 'How the cluster is.',
  answer: ({ view, watch }) => {
    const assigned = lastLeaderOf(view) === undefined ? 0 : slotCount
    const isWell = assigned > 0 && !watch.isDown
    const fields: readonly (readonly [string, string | number])[] = [
      ['cluster_state', isWell ? 'ok' : 'fail'],
      ['cluster_slots_assigned', assigned],
      ['cluster_slots_ok', isWell ? assigned : 0],
      ['cluster_slots_pfail', isWell ? 0 : assigned],
      ['cluster_slots_fail', 0],
      ['cluster_known_nodes', view.members.length],
      ['cluster_size', 1],
      ['cluster_current_epoch', view.epoch],
      ['cluster_my_epoch', view.epoch]
    ]
    return { kind: 'text', text: fields.map(([name, value]) => `${name}:${value}\r\n`).join('') }
  }
})

const myid = subcommand('MYID', {
  summary: 'The id of this member.',
  answer: ({ view }) => id(ownOf(view))
})

const keyslot = subcommand('KEYSLOT', {
  arity: 3,
  usage: '<key>',
  summary: "A key's slot, as clients compute it.",
  answer: (_, args) => integerReply(slotOf(argument(args, 0)))
})

const invalidSlot = errorReply('Invalid slot')
const uncounted = errorReply(
  'varve keeps all slots in one shard and does not count keys by slot: DBSIZE counts them all'
)

const countkeysinslot = subcommand('COUNTKEYSINSLOT', {
  arity: 3,
  usage: '<slot>',
  summary: 'Refused: keys are not kept by their slots.',
  answer: (_, args) => {
    const slot = wholeNumberOf(argument(args, 0))
    return slot === undefined || slot < 0n || slot >= BigInt(slotCount) ? invalidSlot : uncounted
  }
})

export const cluster = container(
  { name: 'CLUSTER', group: 'cluster', summary: 'The cluster as Redis Cluster would tell of it.' },
  [slots, shards, nodes, info, myid, keyslot, countkeysinslot]
)

const mark = (name: string, summary: string, note: (caller: Caller) => void = () => {}): Command => ({
  name,
  arity: 1,
  flags: ['fast'],
  group: 'cluster',
  summary,
  plan: () =>
    clusterPlan((_, caller) => {
      note(caller)
      return ok
    })
})

export const readonly = mark(
  'READONLY',
  'Reads of this connection may be as old as the configuration allows, which by default is not at all.',
  (caller) => {
    caller.readsLocally = true
  }
)
export const readwrite = mark('READWRITE', 'Takes READONLY back.', (caller) => {
  caller.readsLocally = false
})
export const asking = mark('ASKING', 'Tells that this client knows MOVED; slots never move here.')
