// Lost: what a repair tells that could not be read.

import type native from '#native'

/** A key, and the space it is in. */
export interface KeyBound {
  readonly space: number
  readonly key: Buffer
}

/** Keys between two bounds, both inclusive; a bound that is not known is left out. */
export interface LostKeys {
  /** 'keys': they may be missing, or show an older value. 'deletions': what a range delete removed may be back. */
  readonly kind: 'keys' | 'deletions'
  readonly first?: KeyBound
  readonly last?: KeyBound
  readonly offset: number
  readonly bytes: number
}

/** Writes of which only the sequences are known. */
export interface LostWrites {
  readonly kind: 'writes'
  readonly offset: number
  readonly sequenceFirst: number
  /** Left out: up to the end of the log. */
  readonly sequenceLast?: number
}

export type Lost = LostKeys | LostWrites

export interface DamagedFile {
  readonly name: string
  readonly error: string
  readonly lost: readonly Lost[]
  /** Of a table: how many entries (versions of keys) could not be read, where that is known. */
  readonly entriesLost?: number
}

/** A stored key taken apart: varint space id, then the user's bytes. */
export function keyBoundOf(stored: Buffer): KeyBound {
  let space = 0
  let at = 0
  for (let factor = 1; at < stored.length && at < 8; factor *= 128) {
    const byte = stored[at++] ?? 0
    space += (byte & 0x7f) * factor
    if (byte < 0x80) break
  }
  return { space, key: stored.subarray(at) }
}

/** A span that the data plane could not read; what it knows no bound of lies within the table's own. */
export function lostKeysOf(
  { offset, bytes, first, last, isRanges }: native.LostSpan,
  within: { readonly keyFirst: Buffer; readonly keyLast: Buffer } | undefined
): LostKeys {
  const from = first ?? within?.keyFirst
  const to = last ?? within?.keyLast
  return {
    kind: isRanges ? 'deletions' : 'keys',
    ...(from === undefined ? {} : { first: keyBoundOf(from) }),
    ...(to === undefined ? {} : { last: keyBoundOf(to) }),
    offset,
    bytes
  }
}

export const lostWritesOf = ({ offset, sequenceFirst, sequenceLast }: native.LostRecords): LostWrites => ({
  kind: 'writes',
  offset,
  sequenceFirst,
  ...(sequenceLast === 0 ? {} : { sequenceLast })
})
