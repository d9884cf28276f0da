// What COMMAND DOCS says of arguments is what usages say, in the words and the shapes that Redis has for them.
import { expect, test } from 'vitest'
import { commands } from '../../server/commands/table.ts'
import { argumentsOf, type DocsArgument } from '../../server/commands/usage-arguments.ts'
import { hasCommand, skipUnless } from '../support/skip.ts'
import { startRedis } from './support/redis-server.ts'
import { RespPeer, requestOf } from './support/resp-peer.ts'

const key = { name: 'key', type: 'key' }
const token = (word: string) => ({ name: word.toLowerCase(), type: 'pure-token', token: word })
const integer = (name: string, word: string) => ({ name, type: 'integer', token: word })

test('optional, alternative, repeated arguments, and those after a word', () => {
  expect(argumentsOf('key value [NX | XX] [GET] [EX seconds | KEEPTTL]')).toEqual([
    key,
    { name: 'value', type: 'string' },
    { name: 'option', type: 'oneof', isOptional: true, items: [token('NX'), token('XX')] },
    { ...token('GET'), isOptional: true },
    { name: 'option', type: 'oneof', isOptional: true, items: [integer('seconds', 'EX'), token('KEEPTTL')] }
  ])
  expect(argumentsOf('key [key ...]')).toEqual([{ ...key, isMultiple: true }])
  expect(argumentsOf('[<event> ...]')).toEqual([{ name: 'event', type: 'string', isMultiple: true, isOptional: true }])
  const pair = { name: 'key_value', type: 'block', isMultiple: true, items: [key, { name: 'value', type: 'string' }] }
  expect(argumentsOf('key value [key value ...]')).toEqual([pair])
  expect(argumentsOf('cursor [MATCH pattern] [COUNT count]')).toEqual([
    { name: 'cursor', type: 'integer' },
    { name: 'pattern', type: 'pattern', token: 'MATCH', isOptional: true },
    { ...integer('count', 'COUNT'), isOptional: true }
  ])
  expect(argumentsOf('(ON|OFF)')).toEqual([{ name: 'option', type: 'oneof', items: [token('ON'), token('OFF')] }])
})

test('every usage of the table is read to its end', () => {
  let read = 0
  for (const { usage } of commands.values()) {
    if (usage === undefined) continue
    read++
    expect(argumentsOf(usage).length, usage).toBeGreaterThan(0)
    expect(namesOf(argumentsOf(usage)).size, usage).toBe(
      new Set(usage.match(/[\w:-]*[a-z][\w:-]*/g) ?? []).size + tokensOf(usage)
    )
  }
  expect(read).toBeGreaterThan(40)
})

/** Of names and of words that stand alone. */
function namesOf(items: readonly DocsArgument[], names = new Set<string>()): Set<string> {
  for (const { name, items: inner } of items) {
    if (inner === undefined) names.add(name)
    else namesOf(inner, names)
  }
  return names
}

/** Words in capitals that no name follows. */
const tokensOf = (usage: string): number =>
  new Set(usage.match(/\b[A-Z][A-Z-]*\b(?!\s+[<(]?[a-z])/g)?.map((word) => word.toLowerCase()) ?? []).size

test.runIf(skipUnless('redis-server', hasCommand('redis-server'), 'needs the Debian package of this name'))(
  'of commands that both have, with the shape that Redis tells',
  async () => {
    const redis = await startRedis()
    const peer = await RespPeer.connect({ path: redis.path })
    try {
      const same = [
        'GET',
        'MGET',
        'MSET',
        'DEL',
        'STRLEN',
        'APPEND',
        'INCRBY',
        'KEYS',
        'SCAN',
        'EXISTS',
        'GETSET',
        'SETNX'
      ]
      for (const name of same) {
        const [reply = ''] = await peer.ask([requestOf('COMMAND', 'DOCS', name)])
        const [, their = ''] = /arguments\r\n([\s\S]*)/.exec(reply) ?? []
        const shape = (text: string) =>
          text.match(/\b(key|string|integer|pattern|block|optional|multiple|MATCH|COUNT|TYPE)\r\n/g)
        const ours = flat(argumentsOf(commands.get(name)?.usage ?? ''))
        expect(sorted(ours), name).toEqual(sorted(shape(their)?.map((word) => word.trim()) ?? []))
      }
    } finally {
      peer[Symbol.dispose]()
      await redis.stop()
    }
  }
)

const sorted = (words: readonly string[]): string[] => [...words].sort()

/** The words of the shape that the test above looks for, names among them. */
function flat(items: readonly DocsArgument[]): string[] {
  const looked = new Set([
    'key',
    'string',
    'integer',
    'pattern',
    'block',
    'optional',
    'multiple',
    'MATCH',
    'COUNT',
    'TYPE'
  ])
  return items.flatMap(({ name, type, token: word = '', isOptional, isMultiple, items: inner = [] }) =>
    [name, type, word, isOptional ? 'optional' : '', isMultiple ? 'multiple' : '', ...flat(inner)].filter((each) =>
      looked.has(each)
    )
  )
}
