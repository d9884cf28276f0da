// Patterns as Redis writes them: * any bytes, ? one byte, [a-z] and [^a-z] classes, \ takes the next byte as it is. Bytes are
// compared as they are, without letters' case.
//
// A mismatch goes back to the last star alone, so the work is at most the product of both lengths.

const star = 0x2a
const question = 0x3f
const open = 0x5b
const close = 0x5d
const caret = 0x5e
const dash = 0x2d
const backslash = 0x5c

export function globMatches(pattern: Uint8Array, text: Uint8Array): boolean {
  let p = 0
  let t = 0
  /** Behind the last star, and the byte of the text it is tried at. */
  let afterStar = -1
  let starAt = 0
  while (t < text.length) {
    if (pattern[p] === star) {
      afterStar = ++p
      starAt = t
      continue
    }
    const next = p < pattern.length ? matchOne(pattern, p, text[t] as number) : -1
    if (next !== -1) {
      p = next
      t++
    } else if (afterStar !== -1) {
      p = afterStar
      t = ++starAt
    } else return false
  }
  while (pattern[p] === star) p++
  return p === pattern.length
}

/** Where the pattern goes on if its piece at `p` takes this byte, else -1. */
function matchOne(pattern: Uint8Array, p: number, byte: number): number {
  switch (pattern[p]) {
    case question:
      return p + 1
    case open:
      return matchClass(pattern, p + 1, byte)
    case backslash:
      if (p + 1 < pattern.length) return pattern[p + 1] === byte ? p + 2 : -1
      return byte === backslash ? p + 1 : -1
    default:
      return pattern[p] === byte ? p + 1 : -1
  }
}

/** A class without its end goes to the end of the pattern. */
function matchClass(pattern: Uint8Array, from: number, byte: number): number {
  const isNegated = pattern[from] === caret
  let p = isNegated ? from + 1 : from
  let isFound = false
  for (; p < pattern.length && pattern[p] !== close; p++) {
    if (pattern[p] === backslash && p + 1 < pattern.length) {
      p++
      if (pattern[p] === byte) isFound = true
    } else if (pattern[p + 1] === dash && p + 2 < pattern.length) {
      const first = pattern[p] as number
      const last = pattern[p + 2] as number
      if (byte >= Math.min(first, last) && byte <= Math.max(first, last)) isFound = true
      p += 2
    } else if (pattern[p] === byte) isFound = true
  }
  return isFound === isNegated ? -1 : Math.min(p + 1, pattern.length)
}
