// Patterns of KEYS, SCAN MATCH, PSUBSCRIBE and CONFIG GET, as Redis matches them, on bytes:
//
//   *        any bytes, none too          [ab]  [a-z]  [^a]   one byte that is, or is not, one of these
//   ?        one byte                     \x                  x itself
//
// Redis' oddities are kept: a class without its end reaches to the pattern's end, bytes of a range compare with their sign,
// and an empty text is matched by the empty pattern only. Time is at most pattern × text: a pattern that failed behind its
// last star is not tried again behind an earlier one.

type Token = 'star' | 'any' | number | Uint8Array

export interface Glob {
  /** What every matching text begins with. */
  readonly prefix: Buffer
  matches(text: Uint8Array): boolean
}

const star = 0x2a
const question = 0x3f
const open = 0x5b
const close = 0x5d
const caret = 0x5e
const dash = 0x2d
const backslash = 0x5c

export const globMatches = (pattern: Uint8Array, text: Uint8Array): boolean => globOf(pattern).matches(text)

export function globOf(pattern: Uint8Array): Glob {
  const tokens = tokensOf(pattern)
  const rest = tokens.findIndex((token) => typeof token !== 'number')
  const prefix = Buffer.from((rest === -1 ? tokens : tokens.slice(0, rest)) as number[])
  return { prefix, matches: (text) => matchTokens(tokens, text) }
}

function tokensOf(pattern: Uint8Array): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < pattern.length; at++) {
    const byte = pattern[at] as number
    if (byte === star) {
      if (tokens.at(-1) !== 'star') tokens.push('star')
    } else if (byte === question) tokens.push('any')
    else if (byte === open) {
      const { members, end } = classAt(pattern, at + 1)
      tokens.push(members)
      at = end
    } else if (byte === backslash && at + 1 < pattern.length) tokens.push(pattern[++at] as number)
    else tokens.push(byte)
  }
  return tokens
}

/** The class whose first byte behind "[" is at `start`: 1 for each byte that is in it, and where its "]" is. */
function classAt(pattern: Uint8Array, start: number): { readonly members: Uint8Array; readonly end: number } {
  const isNegated = pattern[start] === caret
  const members = new Uint8Array(256)
  let at = isNegated ? start + 1 : start
  for (; at < pattern.length && pattern[at] !== close; at++) {
    const left = pattern.length - at
    if (pattern[at] === backslash && left >= 2) members[pattern[++at] as number] = 1
    else if (left >= 3 && pattern[at + 1] === dash) {
      addRange(members, pattern[at] as number, pattern[at + 2] as number)
      at += 2
    } else members[pattern[at] as number] = 1
  }
  if (isNegated) for (let byte = 0; byte < 256; byte++) members[byte] = 1 - (members[byte] as number)
  return { members, end: at }
}

function addRange(members: Uint8Array, a: number, b: number): void {
  const [first, last] = signed(a) <= signed(b) ? [signed(a), signed(b)] : [signed(b), signed(a)]
  for (let byte = first; byte <= last; byte++) members[byte & 0xff] = 1
}

const signed = (byte: number): number => (byte < 128 ? byte : byte - 256)

function matchTokens(tokens: readonly Token[], text: Uint8Array): boolean {
  if (text.length === 0) return tokens.length === 0
  let token = 0
  let at = 0
  /** Where to go on when what is behind the last star fails: with one byte more for the star. */
  let starToken = -1
  let starAt = 0
  while (at < text.length) {
    const expected = tokens[token]
    if (expected === 'star') {
      starToken = token++
      starAt = at
    } else if (expected !== undefined && matchesByte(expected, text[at] as number)) {
      token++
      at++
    } else if (starToken === -1) return false
    else {
      token = starToken + 1
      at = ++starAt
    }
  }
  if (tokens[token] === 'star') token++
  return token === tokens.length
}

function matchesByte(token: Exclude<Token, 'star'>, byte: number): boolean {
  if (token === 'any') return true
  return typeof token === 'number' ? token === byte : token[byte] === 1
}
