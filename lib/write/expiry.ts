// Expiry: from what a caller says to a time in the log. Only times are logged, never durations.

import { invalid } from '../errors.ts'

export interface ExpiryOptions {
  /** Milliseconds from now until the entry is gone. */
  readonly ttl?: number
  /** When the entry is gone, in milliseconds since 1970 (or a Date). */
  readonly expiresAt?: number | Date
}

/** An entry that stays. */
export const never = 0

/** When an entry written with these options expires; `never` without any. */
export function expiresAtOf(options: ExpiryOptions | undefined, now: () => number): number {
  if (options === undefined) return never
  const { ttl, expiresAt } = options
  if (ttl === undefined && expiresAt === undefined) return never
  if (ttl !== undefined && expiresAt !== undefined) throw invalid('Give either ttl or expiresAt, not both.')
  if (expiresAt !== undefined) return momentOf(expiresAt)
  if (typeof ttl !== 'number' || !(ttl > 0)) {
    throw invalid(`ttl must be a number of milliseconds above 0, not ${String(ttl)}.`)
  }
  if (ttl === Number.POSITIVE_INFINITY) return never
  return momentOf(now() + Math.ceil(ttl))
}

function momentOf(moment: number | Date): number {
  const ms = moment instanceof Date ? moment.getTime() : moment
  if (typeof ms !== 'number' || !Number.isFinite(ms) || ms < 1 || ms > Number.MAX_SAFE_INTEGER) {
    throw invalid(`expiresAt must be a time in milliseconds since 1970 or a Date, not ${String(moment)}.`)
  }
  return Math.floor(ms)
}
