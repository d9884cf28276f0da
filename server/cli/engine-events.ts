// What the engine tells of itself, into the log of the server.
import type { Log } from '../log.ts'

const sentences = [
  ['health', 'warn', 'health has changed'],
  ['stall', 'warn', 'writers have to wait'],
  ['recovered', 'info', 'writers need not wait any more'],
  ['background-error', 'error', 'work in the background failed'],
  ['poisoned', 'error', 'nothing can be written until the server is started again'],
  ['snapshot-old', 'warn', 'a snapshot or scan is open for long'],
  ['flush', 'debug', 'flush'],
  ['compaction', 'debug', 'compaction']
] as const

interface Emitter {
  on(event: string, listener: (detail: unknown) => void): unknown
}

export function watchEngine(database: Emitter, log: Log): void {
  for (const [event, level, sentence] of sentences) {
    database.on(event, (detail) => log[level](plain(detail), sentence))
  }
}

/** Errors by their text: a log line is JSON. */
function plain(detail: unknown): object {
  if (detail instanceof Error) return { err: detail }
  if (typeof detail !== 'object' || detail === null) return {}
  const { error, ...others } = detail as { readonly error?: unknown }
  return error === undefined ? others : { ...others, err: error }
}
