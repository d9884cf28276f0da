// The wal cut at every byte. What is left must open to whole writes, in order and none left out in between; and where
// something says that the missing bytes had been on disk, it must not open: VARVE_CORRUPTION with file and offset.
import { afterAll, beforeAll, expect, test } from 'vitest'
import native from '#native'
import type { Database } from '../../lib/database.ts'
import { type KeyOperation, VarveError } from '../../lib/index.ts'
import type { OpenOptions } from '../../lib/options.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { directory, type Files, filesOf, Machine, machineWith, useMachineTime } from './support/machine.ts'

/**
 * Every length up to the last record's end is tried, and of the zeros after it one in `zeroStep`; one in `writableOneIn`
 * also with an open that writes. `lengths`: how many of a segment that another follows.
 */
const size = campaign('wal cuts', {
  short: { writes: 10, zeroStep: 8192, writableOneIn: 8, lengths: 150 },
  long: { writes: 40, zeroStep: 64, writableOneIn: 1, lengths: 4000 },
  instrumented: { writes: 4, zeroStep: 16_384, writableOneIn: 8, lengths: 20 }
})
const options: OpenOptions = { durability: 'os', memtableBytes: 128 << 10, blockCacheBytes: 0 }

/** What the database holds after each write, the first: before any. */
type States = readonly string[]
interface Made {
  readonly files: Files
  readonly states: States
  /** Of the last segment that has begun: its name, and where each of its records ends. */
  readonly wal: string
  readonly ends: readonly number[]
}

beforeAll(useMachineTime)
const random = randomOf(seedOf('wal cuts'))
const { below } = drawsOf(random)
const counts = { cuts: 0, whole: 0, shorter: 0, refused: 0 }
afterAll(() => report('wal cuts', counts))

const textOf = (state: ReadonlyMap<string, string>): string => JSON.stringify([...state].sort())
const contentsOf = async (db: Database): Promise<string> => JSON.stringify(await db.iterator().all())

interface Plan {
  readonly writes: number
  /** Every so many writes one is synced; 0: none. */
  readonly syncEvery: number
  readonly rotateAfter?: number
}

/** Writes, of which each is one record, and the state after each of them. */
async function make(plan: Plan, end: (machine: Machine, db: Database) => Promise<void>): Promise<Made> {
  const made = new Machine(seedOf('wal cuts'))
  const db = await made.run(made.open(options))
  const state = new Map<string, string>()
  const states = [textOf(state)]
  for (let i = 0; i < plan.writes; i++) {
    const operations = Array.from({ length: 1 + (i % 4) * 2 }, (): KeyOperation<string, string> => {
      const key = `key${below(30)}`
      if (below(4) > 0) return { type: 'put', key, value: `${i}${'v'.repeat(below(60))}` }
      return { type: 'del', key }
    })
    for (const one of operations) {
      if (one.type === 'put') state.set(one.key, one.value)
      else state.delete(one.key)
    }
    const sync = plan.syncEvery > 0 && i % plan.syncEvery === plan.syncEvery - 1
    await made.run(db.batch(operations, { sync }))
    states.push(textOf(state))
    if (i === plan.rotateAfter) {
      await made.run(db.put('large', 'x'.repeat(70_000)))
      state.set('large', 'x'.repeat(70_000))
      states.push(textOf(state))
    }
  }
  await end(made, db)
  const files = await filesOf(made)
  const begun = [...files].filter(([name, bytes]) => name.endsWith('.wal') && bytes.some((byte) => byte !== 0))
  const [wal, bytes] = begun.at(-1) ?? ['', Buffer.alloc(0)]
  return { files, states, wal, ends: recordEnds(bytes) }
}

/** Where the records of a segment end, the first: its header. See wal_format.h. */
function recordEnds(bytes: Buffer): number[] {
  const ends = [bytes.readUInt32LE(16)]
  for (;;) {
    const at = ends.at(-1) ?? 0
    if (at + 72 > bytes.length || bytes.readUInt32LE(at) === 0) return ends
    ends.push(at + 72 + Math.ceil(bytes.readUInt32LE(at + 4) / 8) * 8)
  }
}

const died = async (made: Machine, db: Database): Promise<void> => {
  native.memoryKill(made.fs)
  await made.run(db.close()).catch(() => undefined)
}
const closed = (made: Machine, db: Database): Promise<void> => made.run(db.close())

function lengthsOf({ files, wal, ends }: Made): number[] {
  const [last, whole] = [ends.at(-1) ?? 0, files.get(wal)?.length ?? 0]
  const before = Array.from({ length: last + 1 }, (_, i) => i)
  for (let length = last + 1; length < whole; length += size.zeroStep) before.push(length)
  return [...before, whole]
}

/** Opens these files, for reading only and maybe for writing: what they hold, or the error, the same for both. */
async function opened(files: Files): Promise<string | VarveError> {
  const found: (string | VarveError)[] = []
  for (const readOnly of below(size.writableOneIn) === 0 ? [true, false] : [true]) {
    const copy = machineWith(files)
    try {
      const db = await copy.run(copy.open({ ...options, readOnly }))
      found.push(await copy.run(contentsOf(db)))
      await copy.run(db.close())
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      found.push(error)
    }
    copy.release()
  }
  counts.cuts++
  const [first, second] = found
  if (second === undefined) return first as string | VarveError
  if (typeof first === 'string') expect(second).toBe(first)
  else expect(second).toMatchObject({ code: first?.code, file: first?.file, offset: first?.offset })
  return first as string | VarveError
}

const cut = ({ files, wal }: Made, length: number): Files =>
  new Map(files).set(wal, files.get(wal)?.subarray(0, length) ?? Buffer.alloc(0))

test('a log of which nothing was synced opens to the whole writes that are left', async () => {
  const made = await make({ writes: size.writes, syncEvery: 0 }, died)
  expect(made.ends.length).toBe(made.states.length)
  for (const length of lengthsOf(made)) {
    const whole = Math.max(0, made.ends.filter((end) => end <= length).length - 1)
    expect(await opened(cut(made, length)), `cut at ${length}`).toBe(made.states[whole])
    if (whole === made.states.length - 1) counts.whole++
    else counts.shorter++
  }
})

test('a log that was closed opens whole or is refused', async () => {
  const made = await make({ writes: size.writes, syncEvery: 4 }, closed)
  for (const length of lengthsOf(made)) {
    const found = await opened(cut(made, length))
    if (!(found instanceof VarveError)) {
      expect(found, `cut at ${length}`).toBe(made.states.at(-1))
      counts.whole++
      continue
    }
    expect(found, `cut at ${length}`).toMatchObject({ code: 'VARVE_CORRUPTION', file: `${directory}/${made.wal}` })
    expect(found.offset).toBeLessThanOrEqual(length)
    counts.refused++
  }
})

test('bytes that a later record knows to have been synced are missed, whichever they are', async () => {
  const made = await make({ writes: size.writes, syncEvery: 4 }, closed)
  const bytes = made.files.get(made.wal) ?? Buffer.alloc(0)
  const [start, markAt] = [made.ends[0] ?? 0, made.ends.at(-2) ?? 0]
  for (let at = start; at < markAt; at++) {
    // From here on up to the sync mark that close wrote there are zeros.
    const holed = Buffer.from(bytes).fill(0, at, markAt)
    const found = await opened(new Map(made.files).set(made.wal, holed))
    if (holed.equals(bytes)) {
      expect(found).toBe(made.states.at(-1))
      continue
    }
    expect(found, `zeros from ${at}`).toBeInstanceOf(VarveError)
    expect(found).toMatchObject({ code: 'VARVE_CORRUPTION', file: `${directory}/${made.wal}` })
    // What was padding is zero as before.
    const damaged = bytes.findIndex((byte, i) => byte !== holed[i])
    expect((found as VarveError).offset, `zeros from ${at}`).toBe(made.ends.filter((end) => end <= damaged).at(-1))
    counts.refused++
  }
})

test('a segment that another one follows may not be cut', async () => {
  const made = await make({ writes: 12, syncEvery: 3, rotateAfter: 6 }, closed)
  const segments = [...made.files.keys()].filter((name) => name.endsWith('.wal') && name < made.wal)
  const first = segments.at(-1) ?? ''
  const bytes = made.files.get(first) ?? Buffer.alloc(0)
  const ends = recordEnds(bytes)
  const last = ends.at(-1) ?? 0
  expect(last).toBeGreaterThan(70_000)
  const near = Array.from({ length: 40 }, (_, i) => last - i)
  const lengths = [
    ...near,
    ...Array.from({ length: size.lengths }, (_, i) => (i % 2 === 0 ? below(2000) : below(last)))
  ]
  for (const length of lengths) {
    const files = new Map(made.files).set(first, bytes.subarray(0, length))
    const found = await opened(files)
    if (length >= last) {
      expect(found).toBe(made.states.at(-1))
      continue
    }
    expect(found, `cut at ${length}`).toMatchObject({ code: 'VARVE_CORRUPTION' })
    expect((found as VarveError).file, `cut at ${length}`).toContain('.wal')
    expect((found as VarveError).offset).toBeTypeOf('number')
    counts.refused++
  }
})
