// Spaces: names ⇄ ids of key spaces.
//
// Space 0 is the system's, 1 the users' default; named ones follow. Names stand in space 0 as utf8 keys with JSON values,
// written by ordinary batches:
//
//   spaces         {"formatVersion":1,"nextId":4}
//   space:users    {"id":2}
//   space:visits   {"id":3}
//
// 1. An id is never used for another name: `nextId` is above every id that a name was ever stored with.
// 2. A name is stored by the batch of the first write into its space, so a space is there if and only if something was
//    written into it; until then it reads as empty. Should that write fail, the next one stores the name again.
// 3. A drop is one batch: the name goes, and a range tombstone over the space comes. What was opened on it refuses from
//    then on; the same name, asked for again, is another space with another id.

import type native from '#native'
import type { Batch } from '../bytes/batch.ts'
import { isWellFormed, nameOf } from '../bytes/codec.ts'
import { keyEncodingOf, valueEncodingOf } from '../bytes/encodings.ts'
import { invalid, VarveError } from '../errors.ts'
import { EntryIterator } from '../read/iterator.ts'
import { Reader } from '../read/reader.ts'
import type { Slabs } from '../read/slabs.ts'
import type { Turn } from '../read/turn.ts'
import type { Tree } from '../tree/tree.ts'
import type { TableFile } from '../tree/version.ts'
import type { Writer } from './writer.ts'

const systemSpace = 0
const defaultSpaceId = 1
const rootKey = 'spaces'
const namePrefix = 'space:'
const formatVersion = 1
/** No name is ever stored with it. */
const nowhere = Number.MAX_SAFE_INTEGER
const nameBytesMax = 255

/** One space of a database, as all that is open on it share it. */
export interface KnownSpace {
  readonly owner: Spaces
  /** '' is the default space. */
  readonly name: string
  readonly id: number
  /**
   * new: nothing was written yet; begun: the write that stores the name was called; failed: and failed; stored; dropped.
   */
  state: 'new' | 'begun' | 'failed' | 'stored' | 'dropped'
  /** The space that had the name before, while its drop is not known to have been written. */
  replaces: KnownSpace | undefined
}

export interface SpacesContext {
  readonly engine: native.Engine
  readonly tree: Tree
  readonly writer: Writer
  readonly turn: Turn
  readonly slabs: Slabs
  readonly clock: () => number
  /** Names are stored elsewhere, and come with what is applied here: they are looked up whenever they are asked for. */
  readonly isReplicated: boolean
}

export class Spaces {
  readonly #context: SpacesContext
  readonly #known = new Map<string, KnownSpace>()
  readonly #dropping = new Map<string, KnownSpace>()
  readonly default = this.#knownAs('', defaultSpaceId, 'stored')
  /** What varve itself keeps. */
  readonly system = this.#knownAs('(system)', systemSpace, 'stored')
  #nextId = defaultSpaceId + 1
  #failure: unknown

  constructor(context: SpacesContext) {
    this.#context = context
  }

  /**
   * Reads the names; once, at open. What cannot be read fails those who ask for a space, not the opening: the default
   * space needs no name.
   */
  async load(): Promise<void> {
    try {
      await this.#load()
    } catch (error) {
      if (error instanceof VarveError && error.code === 'VARVE_UNSUPPORTED') throw error
      this.#failure = error
    }
  }

  async #load(): Promise<void> {
    const { engine, tree, slabs, clock } = this.#context
    const valueEncoding = valueEncodingOf('json')
    const reader = new Reader({ engine, space: systemSpace, clock, slabs })
    // A filter answers this where there are no named spaces; the scan would read a block of tables that hold none.
    const root = await reader.getFromDisk(rootKey, valueEncoding, -1, 0)
    if (root === undefined) {
      if (!tree.version.levels.flat().some(reachesNamedSpaces)) return
      throw new VarveError(
        'VARVE_CORRUPTION',
        'There are entries of named spaces, but their names and the next id are lost. Restore a backup to use them.'
      )
    }
    this.#nextId = nextIdOf(root)
    for (const entry of await this.#storedNames().all()) {
      const [name, id] = nameAndId(entry)
      if (id >= this.#nextId) throw damaged(`space:${name}`, entry[1])
      this.#known.set(name, this.#knownAs(name, id, 'stored'))
    }
  }

  #storedNames(): EntryIterator {
    const { engine, slabs, clock, turn } = this.#context
    return new EntryIterator(
      {
        engine,
        space: systemSpace,
        keyEncoding: keyEncodingOf('utf8'),
        valueEncoding: valueEncodingOf('json'),
        turn,
        slabs,
        clock,
        view: () => 0,
        settle: () => undefined,
        settleSync: () => undefined,
        onClose: () => undefined
      },
      { prefix: namePrefix },
      { sequence: -1, timeMs: clock() }
    )
  }

  /** What was opened under a name that is another space by now, or none, refuses from here on. */
  #look(): void {
    if (!this.#context.isReplicated) return
    const stored = new Map([...this.#storedNames()].map(nameAndId))
    for (const [name, known] of this.#known) {
      if (known === this.default || known === this.system || stored.get(name) === known.id) continue
      // One that nothing was written into yet may still come to be.
      if (known.state === 'new' && !stored.has(name)) continue
      known.state = 'dropped'
      this.#known.delete(name)
    }
    for (const [name, id] of stored) {
      if (!this.#known.has(name)) this.#known.set(name, this.#knownAs(name, id, 'stored'))
    }
  }

  #knownAs(name: string, id: number, state: KnownSpace['state'], replaces?: KnownSpace): KnownSpace {
    return { owner: this, name, id, state, replaces }
  }

  /** The space of a name; it may have nothing in it yet. */
  of(name: unknown): KnownSpace {
    checkName(name)
    this.#checkLoaded()
    this.#look()
    const known = this.#known.get(name)
    if (known !== undefined) return known
    // Where others give the ids, it is no space that anything is in.
    const id = this.#context.isReplicated ? nowhere : this.#nextId++
    const made = this.#knownAs(name, id, 'new', this.#dropping.get(name))
    this.#known.set(name, made)
    return made
  }

  /** The names that are there, in the order of their bytes. */
  names(): string[] {
    this.#checkLoaded()
    this.#look()
    return [...this.#known.values()]
      .filter(isThere)
      .map(({ name }) => name)
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }

  /** id → name, of the spaces that are there. */
  byId(): ReadonlyMap<number, string> {
    return new Map([...this.#known.values()].filter(isThere).map(({ id, name }) => [id, name]))
  }

  /**
   * One batch, all or nothing, over any spaces. `each` lays the operations down, and says before the first one of a space
   * that it writes there: what stores the space's name goes ahead of it.
   */
  write(each: (batch: Batch, into: (space: KnownSpace) => void) => void, sync: boolean): Promise<void> {
    let begun: Set<KnownSpace> | undefined
    const written = this.#context.writer.batch((batch) => {
      each(batch, (space) => {
        if (space.state === 'stored' || begun?.has(space) === true) return
        checkThere(space)
        begun ??= new Set()
        begun.add(space)
        this.#store(batch, space)
      })
    }, sync)
    if (begun !== undefined) for (const space of begun) note(space, written)
    return written
  }

  #store(batch: Batch, { name, id, replaces }: KnownSpace): void {
    if (replaces !== undefined) erase(batch, replaces)
    batch.put(systemSpace, `${namePrefix}${name}`, JSON.stringify({ id }))
    batch.put(systemSpace, rootKey, JSON.stringify({ formatVersion, nextId: this.#nextId }))
  }

  /** Everything in it goes, and the name; nothing happens where there is no such space. */
  drop(name: unknown, sync: boolean): Promise<void> {
    checkName(name)
    this.#checkLoaded()
    const space = this.#known.get(name)
    if (space === undefined) return Promise.resolve()
    const { state } = space
    const isWritten = state !== 'new' || space.replaces !== undefined
    const written = isWritten ? this.#writeDrop(space, sync) : Promise.resolve()
    space.state = 'dropped'
    this.#known.delete(name)
    if (!isWritten) return written
    this.#dropping.set(name, space)
    void written.then(
      () => {
        this.#forget(space)
        const next = this.#known.get(name)
        if (next?.replaces === space) next.replaces = undefined
      },
      () => {
        this.#forget(space)
        // It is as it was, unless the name is another's already: the first write into that one drops this one.
        if (this.#known.has(name)) return
        space.state = state
        this.#known.set(name, space)
      }
    )
    return written
  }

  #writeDrop(space: KnownSpace, sync: boolean): Promise<void> {
    return this.#context.writer.batch((batch) => {
      erase(batch, space)
      batch.del(systemSpace, `${namePrefix}${space.name}`)
    }, sync)
  }

  #forget(space: KnownSpace): void {
    if (this.#dropping.get(space.name) === space) this.#dropping.delete(space.name)
  }

  #checkLoaded(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}

/** What is said to a space of elsewhere, and to what is none. */
export function notOurs(): VarveError {
  return invalid('A space must be one of this database: what db.space(name) gives, or db itself.')
}

const noBytes = new Uint8Array(0)

function erase(batch: Batch, space: KnownSpace): void {
  if (space.replaces !== undefined) erase(batch, space.replaces)
  batch.deleteRange(space.id, noBytes, null)
}

/** Throws VARVE_CLOSED where the space was dropped. */
export function checkThere(space: KnownSpace): void {
  if (space.state !== 'dropped') return
  throw new VarveError(
    'VARVE_CLOSED',
    `The space '${space.name}' was dropped. db.space('${space.name}') gives a new one of that name.`
  )
}

function isThere({ state }: KnownSpace): boolean {
  return state === 'stored' || state === 'begun'
}

function note(space: KnownSpace, written: Promise<void>): void {
  if (space.state !== 'stored') space.state = 'begun'
  void written.then(
    () => {
      if (space.state === 'dropped') return
      space.state = 'stored'
      space.replaces = undefined
    },
    () => {
      if (space.state === 'begun') space.state = 'failed'
    }
  )
}

function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || name === '') {
    const given = name === '' ? 'an empty one' : nameOf(name)
    throw invalid(`The name of a space must be a string that is not empty, not ${given}.`)
  }
  const bytes = Buffer.byteLength(name)
  if (bytes > nameBytesMax) {
    throw invalid(`The name of a space is limited to ${nameBytesMax} bytes of utf8; this one has ${bytes}.`)
  }
  if (!isWellFormed(name)) throw invalid('The name of a space has a lone surrogate, which utf8 cannot hold.')
}

function nameAndId([key, value]: readonly [unknown, unknown]): [name: string, id: number] {
  const name = (key as string).slice(namePrefix.length)
  const { id } = (value ?? {}) as { readonly id?: unknown }
  if (!isId(id)) throw damaged(`space:${name}`, value)
  return [name, id]
}

function isId(id: unknown): id is number {
  return Number.isSafeInteger(id) && (id as number) > defaultSpaceId
}

// What a repair could not save of the system's space: an id given again would show the entries of the one before.
function reachesNamedSpaces({ keyLast, boundIsRangeEnd }: TableFile): boolean {
  const first = keyLast[0] ?? 0
  // The end of the default space, where all of it was deleted, is not a key.
  const isEnd = boundIsRangeEnd && keyLast.length === 1 && first === defaultSpaceId + 1
  return first > defaultSpaceId && !isEnd
}

function nextIdOf(root: unknown): number {
  const { formatVersion: found, nextId } = (root ?? {}) as {
    readonly formatVersion?: unknown
    readonly nextId?: unknown
  }
  if (typeof found === 'number' && found > formatVersion) {
    throw new VarveError(
      'VARVE_UNSUPPORTED',
      `The names of spaces have format ${found}; this version of varve reads format ${formatVersion}. Use a later one.`
    )
  }
  if (found !== formatVersion || !isId(nextId)) throw damaged(rootKey, root)
  return nextId
}

function damaged(key: string, value: unknown): VarveError {
  return new VarveError(
    'VARVE_CORRUPTION',
    `The entry '${key}' of the system's space is not valid: ${JSON.stringify(value)}.`
  )
}
