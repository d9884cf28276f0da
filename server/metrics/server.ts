// Metrics of the listening socket, its sessions and their commands. Names of commands are the only labels that clients
// choose, and only of commands that there are.
import type { ClusterFigures } from './cluster.ts'
import type { Exposition, Histogram } from './exposition.ts'

/** What a server counts. */
export interface ServerFigures {
  readonly activeConnections: number
  readonly isStopping: boolean
  readonly statistics?: StatisticsView
  /** Undefined: it is no member of one. */
  readonly cluster?: ClusterFigures | undefined
}

/** The part of server/statistics.ts that is exposed. */
export interface StatisticsView {
  readonly counts: {
    readonly connectionsReceived: number
    readonly connectionsRejected: number
    readonly bytesReceived: number
    readonly bytesSent: number
    readonly messagesPublished: number
  }
  readonly tallies: ReadonlyMap<string, TallyView>
  readonly errors: ReadonlyMap<string, number>
}

interface TallyView {
  readonly calls: number
  readonly rejected: number
  readonly failed: number
  readonly micros: number
  /** Those below 2^i microseconds and not below 2^(i-1), for i from 0. */
  readonly durations: Readonly<Uint32Array>
}

export function exposeServer(to: Exposition, { activeConnections, statistics }: ServerFigures): void {
  to.gauge('varve_connections', 'Open connections.', activeConnections)
  if (statistics === undefined) return
  const { counts, tallies, errors } = statistics
  to.counter('varve_connections_received_total', 'Connections that came.', counts.connectionsReceived)
  to.counter('varve_connections_rejected_total', 'Connections over the limit.', counts.connectionsRejected)
  to.counter('varve_received_bytes_total', 'Bytes that clients sent.', counts.bytesReceived)
  to.counter('varve_sent_bytes_total', 'Bytes that were sent to clients.', counts.bytesSent)
  to.counter('varve_published_messages_total', 'Messages that clients published.', counts.messagesPublished)
  const commands = [...tallies].map(([name, tally]) => [{ command: name.toLowerCase() }, tally] as const)
  const rejected = commands.map(([labels, tally]) => ({ labels, value: tally.rejected }))
  const failed = commands.map(([labels, tally]) => ({ labels, value: tally.failed }))
  const codes = [...errors].map(([code, value]) => ({ labels: { code }, value }))
  to.counter('varve_commands_rejected_total', 'Commands refused before they ran.', rejected)
  to.counter('varve_commands_failed_total', 'Commands that ran and answered an error.', failed)
  to.counter('varve_errors_total', 'Error replies by their first word.', codes)
  const durations = commands.map(([labels, tally]) => histogramOf(labels, tally))
  to.histogram('varve_command_duration_seconds', 'How long commands took, from their chunk to their reply.', durations)
}

// Every second one of the powers of two from 16 µs to 67 s: enough to tell fast from slow, and few series.
const firstBound = 4
const lastBound = 26
const boundStep = 2

function histogramOf(labels: Readonly<Record<string, string>>, { calls, micros, durations }: TallyView): Histogram {
  const buckets: [number, number][] = []
  let below = 0
  for (let i = 0; i <= lastBound; i++) {
    below += durations[i] ?? 0
    if (i >= firstBound && (i - firstBound) % boundStep === 0) buckets.push([2 ** i / 1e6, below])
  }
  return { labels, buckets, sum: micros / 1e6, count: calls }
}
