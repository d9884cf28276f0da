// What a scenario can say. Each takes the rest of its line and answers with lines.
//
//   open [option=value …]      reopen [option=value …]      close
//   kill                       the process dies: what the system has is kept
//   crash [seed]               the power goes: what was not synced is lost, or with a seed some of it
//   put key value [sync]       del key [sync]               batch put key value; del key; … [sync]
//   fill prefix first..last value
//   get key [at=snapshot]      getMany key … [at=snapshot]
//   scan|keys|count [prefix= gte= gt= lt= lte= limit= reverse at=]
//   snapshot name              release name
//   iterator name [bounds]     next name [count]            seek name key      end name
//   flush                      compact [bounds]             levels             stats name …
//   begin directive            step count                   finish
//   fail sync|write|create     mend                         from now on such calls to the disk fail, or no more
//
// A value x*100 is a hundred times x. Bytes may end in K: memtableBytes=16K.
import native from '#native'
import type { BatchOperation, Snapshot, WriteOptions } from '../../../lib/index.ts'
import type { OpenOptions } from '../../../lib/options.ts'
import type { IteratorOptions } from '../../../lib/read/iterator.ts'
import type { World } from './world.ts'

type Said = readonly string[] | undefined
export type Directive = (world: World, rest: string) => Promise<Said>

const words = (rest: string): string[] => rest.split(' ').filter((word) => word !== '')

function spelt(word: string): string {
  const [, text, times] = /^(.+)\*(\d+)$/.exec(word) ?? []
  return text === undefined ? word : text.repeat(Number(times))
}

const shown = (value: string | undefined): string => {
  if (value === undefined) return '(missing)'
  const [, character] = /^(.)\1{15,}$/.exec(value) ?? []
  return character === undefined ? value : `${character}*${value.length}`
}

/** name=value pairs; a name alone is true. */
function settings(rest: string): Record<string, string | number | boolean> {
  const pairs = words(rest).map((word): [string, string | number | boolean] => {
    const [name = '', ...values] = word.split('=')
    const value = values.join('=')
    const [, number, unit] = /^(\d+)(K?)$/.exec(value) ?? []
    if (number !== undefined) return [name, Number(number) * (unit === 'K' ? 1024 : 1)]
    return [name, values.length === 0 || value === 'true' ? true : value === 'false' ? false : value]
  })
  return Object.fromEntries(pairs)
}

function snapshotOf(world: World, name: unknown): { snapshot?: Snapshot } {
  if (name === undefined) return {}
  const snapshot = world.snapshots.get(String(name))
  if (snapshot === undefined) throw new Error(`there is no snapshot '${String(name)}'`)
  return { snapshot }
}

const boundNames = ['prefix', 'gte', 'gt', 'lt', 'lte', 'limit', 'reverse', 'at']

function rangeOf(world: World, rest: string): IteratorOptions<string> {
  const given = settings(rest)
  for (const name of Object.keys(given)) if (!boundNames.includes(name)) throw new Error(`there is no bound '${name}'`)
  const { at, limit, reverse, ...bounds } = given
  const keys = Object.fromEntries(Object.entries(bounds).map(([name, key]) => [name, String(key)]))
  return {
    ...keys,
    ...(limit === undefined ? {} : { limit: Number(limit) }),
    reverse: reverse === true,
    ...snapshotOf(world, at)
  }
}

/** A write's words, and whether they end in "sync". */
function writeOf(rest: string): { readonly rest: string; readonly options: WriteOptions } {
  const sync = rest.endsWith(' sync')
  return { rest: sync ? rest.slice(0, -' sync'.length) : rest, options: { sync } }
}

function operationOf(text: string): BatchOperation<string, string> {
  const [type, key = '', value = ''] = words(text)
  if (type === 'put') return { type, key, value: spelt(value) }
  if (type === 'del') return { type, key }
  throw new Error(`an operation is put or del, not '${text}'`)
}

const namedIterator = (world: World, name: string) => {
  const iterator = world.iterators.get(name)
  if (iterator === undefined) throw new Error(`there is no iterator '${name}'`)
  return iterator
}

const entryLine = ([key, value]: readonly [string, string]): string => `${key} = ${shown(value)}`
const orNone = (lines: readonly string[]): readonly string[] => (lines.length === 0 ? ['(none)'] : lines)

const operations: Readonly<Record<string, number>> = { create: 1, write: 4, sync: 8 }

/** The tree of describe(), without numbers of files and sizes. */
function levelLines(description: string): string[] {
  const lines = description.split('\n')
  const memtable = /^memtable: (\d+ entries, \d+ tombstones).*; (\d+ frozen)$/
  const table = /^ {2}\S+\.sst {2}\d+ bytes {2}(.*)$/
  return lines.flatMap((line) => {
    const [, counts, frozen] = memtable.exec(line) ?? []
    if (counts !== undefined) return [`memtable: ${counts}, ${frozen}`]
    const [, level] = /^(level \d+: \d+ tables)/.exec(line) ?? []
    if (level !== undefined) return [level]
    const [, facts] = table.exec(line) ?? []
    return facts === undefined ? [] : [`  ${facts.split('  ').join(', ')}`]
  })
}

function statLine(world: World, path: string): string {
  let value: unknown = world.db.stats()
  for (const name of path.split('.')) value = (value as Record<string, unknown> | undefined)?.[name]
  if (value === undefined) throw new Error(`there is no figure '${path}'`)
  return `${path}: ${JSON.stringify(value)}`
}

const life: Readonly<Record<string, Directive>> = {
  async open(world, rest) {
    await world.open(settings(rest) as OpenOptions)
    return undefined
  },
  async reopen(world, rest) {
    await world.close()
    await world.open({ ...world.options, ...settings(rest) } as OpenOptions)
    return undefined
  },
  async close(world) {
    await world.close()
    return undefined
  },
  async kill(world) {
    await world.die(() => native.memoryKill(world.fs))
    return undefined
  },
  async crash(world, rest) {
    await world.die(() => native.memoryCrash(world.fs, Number(rest)))
    return undefined
  },
  async fail(world, rest) {
    const bit = operations[rest]
    if (bit === undefined) throw new Error(`what fails is one of ${Object.keys(operations).join(', ')}`)
    native.memoryFaults(world.fs, { atCall: 1, forever: true, operations: bit })
    return undefined
  },
  async mend(world) {
    native.memoryFaults(world.fs, null)
    return undefined
  }
}

const writes: Readonly<Record<string, Directive>> = {
  async put(world, line) {
    const { rest, options } = writeOf(line)
    const [key = '', value = ''] = words(rest)
    await world.db.put(key, spelt(value), options)
    return undefined
  },
  async del(world, line) {
    const { rest, options } = writeOf(line)
    await world.db.del(rest, options)
    return undefined
  },
  async batch(world, line) {
    const { rest, options } = writeOf(line)
    await world.db.batch(rest.split(';').map(operationOf), options)
    return undefined
  },
  async fill(world, rest) {
    const [prefix, range = '', value = ''] = words(rest)
    const [first, last] = range.split('..').map(Number)
    const keys: string[] = []
    for (let i = first as number; i <= (last as number); i++) keys.push(`${prefix}${String(i).padStart(3, '0')}`)
    await Promise.all(keys.map((key) => world.db.put(key, spelt(value))))
    return undefined
  }
}

const reads: Readonly<Record<string, Directive>> = {
  async get(world, rest) {
    const [key = '', at] = rest.split(' at=')
    return [shown(await world.db.get(key, snapshotOf(world, at)))]
  },
  async getMany(world, rest) {
    const [keys = '', at] = rest.split(' at=')
    return (await world.db.getMany(words(keys), snapshotOf(world, at))).map(shown)
  },
  scan: async (world, rest) => orNone((await world.db.iterator(rangeOf(world, rest)).all()).map(entryLine)),
  keys: async (world, rest) => orNone(await world.db.keys(rangeOf(world, rest)).all()),
  count: async (world, rest) => [String((await world.db.keys(rangeOf(world, rest)).all()).length)],
  async snapshot(world, name) {
    world.snapshots.set(name, world.db.snapshot())
    return undefined
  },
  async release(world, name) {
    snapshotOf(world, name).snapshot?.close()
    return undefined
  },
  async iterator(world, rest) {
    const [name = '', ...bounds] = words(rest)
    world.iterators.set(name, world.db.iterator(rangeOf(world, bounds.join(' '))))
    return undefined
  },
  async next(world, rest) {
    const [name = '', count = '1'] = words(rest)
    return orNone((await namedIterator(world, name).nextv(Number(count))).map(entryLine))
  },
  async seek(world, rest) {
    const [name = '', key = ''] = words(rest)
    namedIterator(world, name).seek(key)
    return undefined
  },
  async end(world, name) {
    await namedIterator(world, name).close()
    return undefined
  }
}

const background: Readonly<Record<string, Directive>> = {
  async flush(world) {
    await world.db.flush()
    return undefined
  },
  async compact(world, rest) {
    await world.db.compact(rangeOf(world, rest))
    return undefined
  },
  levels: async (world) => levelLines(world.db.describe()),
  stats: async (world, rest) => words(rest).map((path) => statLine(world, path)),
  async begin(world, rest) {
    const [name = ''] = words(rest)
    const directive = directives[name]
    if (directive === undefined) throw new Error(`there is no directive '${name}'`)
    world.begin(directive, rest.slice(name.length + 1))
    return undefined
  },
  async step(world, rest) {
    const done = await world.step(Number(rest))
    return done === Number(rest) ? undefined : [`nothing left after ${done}`]
  },
  finish: (world) => world.finish()
}

export const directives: Readonly<Record<string, Directive>> = { ...life, ...writes, ...reads, ...background }
