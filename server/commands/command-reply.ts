// A command as COMMAND INFO and COMMAND DOCS tell it, with the words that Redis has for flags, categories and places of keys.
import { arrayReply, integerReply, type Reply, textValue } from '../protocol/reply.ts'
import type { Command, Flag, Group, KeyPlaces } from './command.ts'
import { spelt } from './command.ts'
import { argumentsOf, type DocsArgument } from './usage-arguments.ts'

const simple = (text: string): Reply => ({ kind: 'simple', text })
const setOf = (texts: readonly string[]): Reply => ({ kind: 'set', items: texts.map(simple) })
const emptySet: Reply = { kind: 'set', items: [] }

const flagWords: Partial<Record<Flag, string>> = {
  read: 'readonly',
  write: 'write',
  admin: 'admin',
  fast: 'fast',
  noauth: 'no_auth',
  pubsub: 'pubsub',
  no_multi: 'no_multi'
}

const groupCategories: Record<Group, string> = {
  generic: '@keyspace',
  string: '@string',
  connection: '@connection',
  server: '@server',
  transactions: '@transaction',
  pubsub: '@pubsub',
  cluster: '@connection',
  varve: '@varve'
}

/** In Redis's order. */
const categoryOrder = ['@keyspace', '@read', '@write', '@string', '@pubsub', '@admin', '@fast', '@slow', '@dangerous']

export function categoriesOf({ flags, group }: Command): string[] {
  const categories: string[] = [groupCategories[group], flags.includes('fast') ? '@fast' : '@slow']
  for (const flag of ['read', 'write', 'admin', 'dangerous'] as const)
    if (flags.includes(flag)) categories.push(`@${flag}`)
  const known = categoryOrder.filter((category) => categories.includes(category))
  return [...known, ...categories.filter((category) => !categoryOrder.includes(category))]
}

/** Ten fields: name, arity, flags, first, last and step of the keys, categories, tips, places of keys, subcommands. */
export function infoOf(command: Command): Reply {
  const { arity, flags, keys, subcommands } = command
  const words = flags.map((flag) => flagWords[flag]).filter((word) => word !== undefined)
  return arrayReply([
    textValue(spelt(command)),
    integerReply(arity),
    setOf(words),
    integerReply(keys?.first ?? 0),
    integerReply(keys?.last ?? 0),
    integerReply(keys?.step ?? 0),
    setOf(categoriesOf(command)),
    emptySet,
    keys === undefined ? emptySet : { kind: 'set', items: [keySpec(keys, flags)] },
    subcommands === undefined ? emptySet : arrayReply([...subcommands.values()].map(infoOf))
  ])
}

const mapOf = (pairs: readonly (readonly [string, Reply])[]): Reply => ({
  kind: 'map',
  pairs: pairs.map(([name, reply]) => [textValue(name), reply])
})

function keySpec({ first, last, step }: KeyPlaces, flags: readonly Flag[]): Reply {
  const isWrite = flags.includes('write')
  return mapOf([
    ['flags', setOf(isWrite ? ['RW', 'update'] : ['RO', 'access'])],
    [
      'begin_search',
      mapOf([
        ['type', textValue('index')],
        ['spec', mapOf([['index', integerReply(first)]])]
      ])
    ],
    [
      'find_keys',
      mapOf([
        ['type', textValue('range')],
        [
          'spec',
          mapOf([
            // Counted from the first key, or with a minus from the end.
            ['lastkey', integerReply(last < 0 ? last : last - first)],
            ['keystep', integerReply(step)],
            ['limit', integerReply(0)]
          ])
        ]
      ])
    ]
  ])
}

export function docsOf(command: Command): Reply {
  const { summary, group, usage, subcommands } = command
  const pairs: [string, Reply][] = [
    ['summary', textValue(summary)],
    ['since', textValue('0.1.0')],
    ['group', textValue(group)]
  ]
  if (usage !== undefined) pairs.push(['usage', textValue(usage)])
  const args = usage === undefined ? [] : argumentsOf(usage)
  if (args.length > 0) pairs.push(['arguments', arrayReply(args.map(docsOfArgument))])
  if (subcommands !== undefined) {
    pairs.push(['subcommands', mapOf([...subcommands.values()].map((each) => [spelt(each), docsOf(each)] as const))])
  }
  return mapOf(pairs)
}

function docsOfArgument({ name, type, token, isOptional, isMultiple, items }: DocsArgument): Reply {
  const flags = [...(isOptional === true ? ['optional'] : []), ...(isMultiple === true ? ['multiple'] : [])]
  return mapOf([
    ['name', textValue(name)],
    ['type', textValue(type)],
    ...(type === 'key' ? [['key_spec_index', integerReply(0)] as const] : []),
    ...(token === undefined ? [] : [['token', textValue(token)] as const]),
    ...(flags.length === 0 ? [] : [['flags', setOf(flags)] as const]),
    ...(items === undefined ? [] : [['arguments', arrayReply(items.map(docsOfArgument))] as const])
  ])
}
