// How long to wait before a peer is dialled again: twice as long each time, and never quite as long as others wait.

export interface BackoffLimits {
  readonly backoffMsMin: number
  readonly backoffMsMax: number
}

/** `failures`: attempts in a row that failed, this one included. `random`: from 0 to below 1. */
export function backoffMs(failures: number, { backoffMsMin, backoffMsMax }: BackoffLimits, random: number): number {
  const longest = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(failures - 1, 30))
  return longest * (0.5 + random / 2)
}
