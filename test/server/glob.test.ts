// Patterns: Redis' own meaning, by examples and against a plain transcription of its algorithm.
import { expect, test } from 'vitest'
import { globMatches, globOf } from '../../server/commands/glob.ts'
import { rangeOfPrefix } from '../../server/commands/walk.ts'
import { campaign, seedOf } from '../support/campaign.ts'
import { randomOf } from './support/random.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const matches = (pattern: string, text: string): boolean => globMatches(bytes(pattern), bytes(text))

test.each([
  ['*', 'anything', true],
  ['h?llo', 'hello', true],
  ['h?llo', 'hllo', false],
  ['h*llo', 'hllo', true],
  ['h[ae]llo', 'hallo', true],
  ['h[ae]llo', 'hillo', false],
  ['h[^e]llo', 'hallo', true],
  ['h[^e]llo', 'hello', false],
  ['h[a-b]llo', 'hbllo', true],
  ['h[b-a]llo', 'hallo', true],
  ['h\\*llo', 'h*llo', true],
  ['h\\*llo', 'hello', false],
  ['[\\]]', ']', true],
  ['[abc', 'c', true],
  ['[a-', '-', true],
  ['[', '[', false],
  ['[]', 'a', false],
  ['[^]', 'a', true],
  ['\\', '\\', true],
  ['a\\', 'a\\', true],
  ['[a-]', 'b', false],
  ['', '', true],
  ['*', '', false],
  ['', 'a', false],
  ['user:*:name', 'user:1:2:name', true],
  ['user:*:name', 'user:1:2:names', false],
  ['\xff*', '\xff\0\n', true],
  ['[\x80-\x01]', '\xf0', true],
  ['[\x80-\x01]', '\x02', false]
])('%j and %j: %s', (pattern, text, expected) => {
  expect(matches(pattern, text)).toBe(expected)
})

/** As Redis' stringmatchlen goes about it, without what makes it quick. */
function plainly(pattern: string, text: string): boolean {
  let p = 0
  let t = 0
  while (p < pattern.length && t < text.length) {
    const at = pattern[p] as string
    if (at === '*') {
      while (pattern[p + 1] === '*') p++
      if (p + 1 === pattern.length) return true
      for (; t < text.length; t++) if (plainly(pattern.slice(p + 1), text.slice(t))) return true
      return false
    }
    if (at === '[') {
      const { isMember, end } = classOf(pattern, p + 1, text[t] as string)
      if (!isMember) return false
      p = end
    } else if (at !== '?') {
      if (at === '\\' && p + 1 < pattern.length) p++
      if (pattern[p] !== text[t]) return false
    }
    p++
    t++
    if (t === text.length) while (pattern[p] === '*') p++
  }
  return p >= pattern.length && t === text.length
}

function classOf(pattern: string, start: number, char: string): { isMember: boolean; end: number } {
  const isNot = pattern[start] === '^'
  let isMember = false
  let p = isNot ? start + 1 : start
  for (; p < pattern.length && pattern[p] !== ']'; p++) {
    if (pattern[p] === '\\' && p + 1 < pattern.length) isMember = pattern[++p] === char || isMember
    else if (pattern[p + 1] === '-' && p + 2 < pattern.length) {
      const [low, high] = [pattern[p] as string, pattern[p + 2] as string].sort() as [string, string]
      isMember = (char >= low && char <= high) || isMember
      p += 2
    } else isMember = pattern[p] === char || isMember
  }
  return { isMember: isMember !== isNot, end: Math.min(p, pattern.length) }
}

const count = campaign('globs', { short: 20_000, long: 5_000_000 })

test('random patterns match what they match in Redis, and only texts with their prefix', () => {
  const random = randomOf(seedOf('globs'))
  const word = (letters: string, lengthMax: number): string =>
    Array.from({ length: random.below(lengthMax + 1) }, () => random.pick([...letters])).join('')
  const wrong: string[] = []
  for (let i = 0; i < count; i++) {
    const pattern = word('aabbc**?[]^-\\', 8)
    const text = word('aabbc-]\\', 6)
    const expected = plainly(pattern, text)
    const { gte = Buffer.alloc(0), lt } = rangeOfPrefix(globOf(bytes(pattern)).prefix)
    const isInRange = Buffer.compare(gte, bytes(text)) <= 0 && (lt === undefined || Buffer.compare(bytes(text), lt) < 0)
    if (matches(pattern, text) === expected && (isInRange || !expected)) continue
    wrong.push(`${JSON.stringify(pattern)} and ${JSON.stringify(text)}: ${expected}`)
  }
  expect(wrong.slice(0, 5)).toEqual([])
})

test('many stars cost no more than pattern times text', () => {
  const text = 'a'.repeat(20_000)
  // A search that tried every star anew would not end in a lifetime.
  expect(matches(`${'a*'.repeat(200)}b`, text)).toBe(false)
  expect(matches(`${'a*'.repeat(200)}a`, text)).toBe(true)
})

test.each([
  ['user:*', 'user:'],
  ['a\\*b?c', 'a*b'],
  ['*x', ''],
  ['[a]b', ''],
  ['plain', 'plain']
])('what matches %j begins with %j', (pattern, prefix) => {
  expect(globOf(bytes(pattern)).prefix.toString('latin1')).toBe(prefix)
})
