// All metrics of a server as one text, and what stands against its being ready.
import type { Database } from '../../lib/index.ts'
import { leaderOf } from '../cluster/view.ts'
import { type ClusterFigures, exposeCluster } from './cluster.ts'
import { exposeEngine } from './engine.ts'
import { Exposition } from './exposition.ts'
import type { ProcessMetrics } from './process.ts'
import { exposeServer, type ServerFigures } from './server.ts'

export interface MetricSources {
  readonly server: ServerFigures
  readonly database: Pick<Database, 'stats' | 'health'>
  readonly process: ProcessMetrics
  readonly nodeId: number
  readonly version: string
}

/** Families in a fixed order. */
export async function exposeAll({ server, database, process, nodeId, version }: MetricSources): Promise<string> {
  const to = new Exposition()
  to.gauge('varve_build_info', 'Always 1; its labels say what runs.', [
    { labels: { version, node: nodeId, nodejs: globalThis.process.version }, value: 1 }
  ])
  exposeEngine(to, database.stats())
  exposeServer(to, server)
  if (server.cluster !== undefined) exposeCluster(to, server.cluster)
  await process.expose(to)
  return to.text
}

/** What is checked → why it is not well, or undefined. */
export type Checks = Readonly<Record<string, string | undefined>>

export function checksOf({ server, database }: Pick<MetricSources, 'server' | 'database'>): Checks {
  const { health } = database
  return {
    accepting: server.isStopping ? 'the server is stopping' : undefined,
    log: health === 'poisoned' ? 'a write of the log failed: start the server again' : undefined,
    disk: health === 'stopped' ? 'the disk is full: puts are refused until there is space' : undefined,
    ...(server.cluster === undefined ? {} : { leader: leaderFault(server.cluster) })
  }
}

const leaderFault = ({ view }: ClusterFigures): string | undefined =>
  leaderOf(view) === undefined ? 'nobody is known to lead the cluster: calls wait for a leader' : undefined
