// Slow commands, into the log of the server: by name, for keys and values are nobody's who reads logs. SLOWLOG has them.
import type { Log } from '../log.ts'
import type { SlowEntry } from '../slow-log.ts'

/** A server in trouble has many of them, and the log is not to be more of it. */
const everyMs = 1_000

/** Writes one line a second at most; it says how many there were since the last one. */
export function slowCommands(log: Pick<Log, 'warn'>, nowMs: () => number): (entry: SlowEntry) => void {
  let saidMs = Number.NEGATIVE_INFINITY
  let unsaid = 0
  return ({ words: [command], micros, address }) => {
    if (nowMs() - saidMs < everyMs) {
      unsaid++
      return
    }
    saidMs = nowMs()
    const others = unsaid === 0 ? {} : { others: unsaid }
    unsaid = 0
    log.warn({ command, micros, client: address, ...others }, 'a slow command; SLOWLOG GET has its arguments')
  }
}
