// INFO [section …]: Redis's sections with the fields that are real here, and varve's own. What Redis counts and varve does not
// have is left out: tools that miss a field show nothing, and a made-up zero would lie.
import type { Reply } from '../protocol/reply.ts'
import type { ServerView } from './caller.ts'
import type { Arguments, Command } from './command.ts'
import { clusterFields, replication } from './info-cluster.ts'
import { commandStatistics, errorStatistics, statistics } from './info-counts.ts'
import { engine } from './info-engine.ts'
import { type Fields, type Section, textOfSections } from './info-text.ts'
import { sessionPlan } from './session-plan.ts'

/** Of the commands that there are: what clients decide by. */
export const redisVersion = '7.0.15'

export const modeOf = ({ cluster }: ServerView): string => (cluster === undefined ? 'standalone' : 'cluster')

function server(view: ServerView): Fields {
  const uptime = Math.floor((view.nowMs() - view.startedMs) / 1_000)
  return [
    ['redis_version', redisVersion],
    ['varve_version', view.version],
    ['redis_mode', modeOf(view)],
    ['os', `${process.platform} ${process.arch}`],
    ['arch_bits', 64],
    ['node_version', process.versions.node],
    ['process_id', process.pid],
    ['run_id', view.runId],
    ['tcp_port', view.port],
    ['server_time_usec', view.nowMs() * 1_000],
    ['uptime_in_seconds', uptime],
    ['uptime_in_days', Math.floor(uptime / 86_400)]
  ]
}

function clients(view: ServerView): Fields {
  return [
    ['connected_clients', view.activeConnections],
    ['maxclients', view.limits.connectionsMax],
    ['blocked_clients', 0],
    ['tracking_clients', 0]
  ]
}

function memory(view: ServerView): Fields {
  const { rss, heapUsed, external } = process.memoryUsage()
  const held = view.engineStats()?.memory
  const engineBytes = held === undefined ? 0 : held.memtableBytes + held.pinnedBytes + held.cacheBytes
  const used = heapUsed + external + engineBytes
  return [
    ['used_memory', used],
    ['used_memory_human', human(used)],
    ['used_memory_rss', rss],
    ['used_memory_rss_human', human(rss)],
    ['maxmemory', 0],
    ['maxmemory_human', '0B'],
    ['maxmemory_policy', 'noeviction']
  ]
}

const human = (bytes: number): string =>
  bytes < 2 ** 20
    ? `${(bytes / 2 ** 10).toFixed(2)}K`
    : bytes < 2 ** 30
      ? `${(bytes / 2 ** 20).toFixed(2)}M`
      : `${(bytes / 2 ** 30).toFixed(2)}G`

/** varve's log is what Redis calls an append-only file. */
function persistence(view: ServerView): Fields {
  const isWell = (view.engineStats()?.health ?? 'ok') === 'ok'
  return [
    ['loading', 0],
    ['async_loading', 0],
    ['rdb_bgsave_in_progress', 0],
    ['aof_enabled', 1],
    ['aof_rewrite_in_progress', 0],
    ['aof_last_write_status', isWell ? 'ok' : 'err']
  ]
}

function cpu(): Fields {
  const { user, system } = process.cpuUsage()
  return [
    ['used_cpu_sys', (system / 1e6).toFixed(6)],
    ['used_cpu_user', (user / 1e6).toFixed(6)]
  ]
}

/** About: how many there are takes a walk over all of them, DBSIZE. Which of them expire is not known. */
function keyspace(view: ServerView): Fields {
  const keys = view.estimateCount() ?? 0
  return keys === 0 ? [] : [['db0', `keys=${keys},expires=0,avg_ttl=0`]]
}

const sections: readonly Section[] = [
  { title: 'Server', fields: server },
  { title: 'Clients', fields: clients },
  { title: 'Memory', fields: memory },
  { title: 'Persistence', fields: persistence },
  { title: 'Stats', fields: statistics },
  { title: 'Replication', fields: replication },
  { title: 'CPU', fields: cpu },
  { title: 'Modules', fields: () => [] },
  { title: 'Commandstats', fields: commandStatistics, isExtra: true },
  { title: 'Errorstats', fields: errorStatistics },
  { title: 'Cluster', fields: clusterFields },
  { title: 'Keyspace', fields: keyspace },
  { title: 'Varve', fields: engine }
]

export const info: Command = {
  name: 'INFO',
  arity: -1,
  flags: ['dangerous'],
  group: 'server',
  summary: 'Tells about the server, its clients and its engine.',
  usage: '[section [section ...]]',
  plan: (args: Arguments) => {
    const wanted = new Set(args.map((word) => word.toString('latin1', 0, 32).toLowerCase()))
    const isWanted = wantedBy(wanted)
    return sessionPlan(({ server: view }): Reply => textOfSections(sections.filter(isWanted), view))
  }
}

function wantedBy(wanted: ReadonlySet<string>): (section: Section) => boolean {
  if (wanted.has('all') || wanted.has('everything')) return () => true
  const hasDefault = wanted.size === 0 || wanted.has('default')
  return ({ title, isExtra = false }) => wanted.has(title.toLowerCase()) || (hasDefault && !isExtra)
}
