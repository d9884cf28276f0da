// The reads of a metamorphic program, and the iterators and snapshots that stay open over other operations.
import { type Iterator, type Snapshot, type Space, VarveError } from '../../../lib/index.ts'
import { entryText, failure, listText, noEntry } from './metamorphic-answers.ts'
import { Coding } from './metamorphic-coding.ts'
import type { Bytes, Opened } from './metamorphic-database.ts'
import type { OptionSet } from './metamorphic-options.ts'
import type { Held, Mode, Read, Scan } from './metamorphic-program.ts'
import type { RunState } from './metamorphic-run.ts'

type AnyIterator = Iterator<Bytes, Bytes, unknown>
interface At {
  readonly snapshot?: Snapshot
}
export interface Walk {
  readonly iterator: AnyIterator
  readonly mode: Mode
}

function at(state: RunState, snapshot: number | undefined): At {
  const held = snapshot === undefined ? undefined : state.snapshots[snapshot]
  return held === undefined ? {} : { snapshot: held }
}

export async function read(state: RunState, operation: Read): Promise<string> {
  if (operation.do === 'together') {
    return (await Promise.all(operation.reads.map((one) => read(state, one).catch(failureOf)))).join(' & ')
  }
  const space = state.space(operation.space)
  const when = at(state, 'snapshot' in operation ? operation.snapshot : undefined)
  const { coding } = state
  switch (operation.do) {
    case 'get':
      return coding.valueText(await space.get(coding.key(operation.key), when))
    case 'getSync':
      return coding.valueText(space.getSync(coding.key(operation.key), when))
    case 'has':
      return String(await space.has(coding.key(operation.key), when))
    case 'getMany':
      return listText((await space.getMany(operation.keys.map(coding.key), when)).map(coding.valueText))
    case 'hasMany':
      return listText((await space.hasMany(operation.keys.map(coding.key), when)).map(String))
    case 'getEntry':
      return readEntry(state, operation.space, operation.key, operation.slot, when)
    case 'ttl':
      return String((await space.ttl(coding.key(operation.key))) ?? noEntry)
    case 'scan':
      return scan(state, operation, operation.style, when)
    case 'count':
      return String(await space.count({ ...coding.range(operation.range), ...when }))
    case 'first':
    case 'last': {
      const entry = await space[operation.do]({ ...coding.range(operation.range), ...when })
      return entry === undefined ? noEntry : coding.item('entries', entry)
    }
  }
}

function failureOf(error: unknown): string {
  if (error instanceof VarveError) return failure(error.code)
  throw error
}

async function readEntry(state: RunState, space: number, key: string, slot: number, when: At): Promise<string> {
  state.slots[slot] = undefined
  const entry = await state.space(space).getEntry(state.coding.key(key), when)
  if (entry === undefined) return noEntry
  const value = state.coding.valueText(entry.value)
  state.slots[slot] = { value, sequence: entry.sequence }
  return entryText(value, entry.sequence, entry.expiresAt ?? 0)
}

async function scan(state: RunState, operation: Scan, style: string, when: At): Promise<string> {
  const iterator = iterate(state, operation, when)
  const items: unknown[] = []
  if (style === 'sync') for (const item of iterator) items.push(item)
  else if (style === 'await') for await (const item of iterator) items.push(item)
  else items.push(...(await iterator.all()))
  return listText(items.map((item) => state.coding.item(operation.mode, item)))
}

function iterate(state: RunState, operation: Scan, when: At): AnyIterator {
  const space = state.space(operation.space)
  const options = { ...state.coding.scan(operation), ...when }
  if (operation.mode === 'keys') return space.keys(options)
  return operation.mode === 'values' ? space.values(options) : space.iterator(options)
}

export async function hold(state: RunState, operation: Held): Promise<string> {
  const { snapshots, walks } = state
  switch (operation.do) {
    case 'openSnapshot':
      snapshots[operation.snapshot]?.close()
      snapshots[operation.snapshot] = state.db.snapshot()
      return 'ok'
    case 'closeSnapshot':
      snapshots[operation.snapshot]?.close()
      return 'ok'
    case 'openIterator': {
      await walks[operation.slot]?.iterator.close()
      walks[operation.slot] = undefined
      const iterator = iterate(state, operation, at(state, operation.snapshot))
      walks[operation.slot] = { iterator, mode: operation.mode }
      return 'ok'
    }
    default:
      return walk(state, operation, walks[operation.slot])
  }
}

async function walk({ coding }: RunState, operation: Held, held: Walk | undefined): Promise<string> {
  if (held === undefined) return 'none'
  const { iterator, mode } = held
  if (operation.do === 'closeIterator') {
    await iterator.close()
    return 'ok'
  }
  if (operation.do === 'next') {
    const item = await iterator.next()
    return item === undefined ? noEntry : coding.item(mode, item)
  }
  if (operation.do === 'nextv') {
    return listText((await iterator.nextv(operation.count)).map((item) => coding.item(mode, item)))
  }
  if (operation.do === 'seek') iterator.seek(coding.key(operation.key))
  return 'ok'
}

/** All that a database holds, with its last sequence. */
export async function everything(db: Opened, set: OptionSet): Promise<string> {
  const coding = new Coding(set.options)
  const spaces = [`s0 ${await allOf(db, coding)}`]
  for (const name of db.spaces()) {
    spaces.push(`${name} ${await allOf(db.space(name) as Space<Bytes, Bytes>, coding)}`)
  }
  return `${db.stats().log.lastSequence}: ${spaces.join(' ')}`
}

async function allOf(space: Space<Bytes, Bytes>, coding: Coding): Promise<string> {
  return listText((await space.iterator().all()).map((entry) => coding.item('entries', entry)))
}
