// A small database on a machine, with all its entries known, to be copied while the disk fails.
import { expect } from 'vitest'
import native from '#native'
import type { Database } from '../../../lib/database.ts'
import { outcome } from '../../../lib/disk/jobs.ts'
import { type OpenOptions, VarveError } from '../../../lib/index.ts'
import { openIn } from '../../../lib/open.ts'
import { type Files, filesOf, Machine, machineWith } from './machine.ts'

export const options: OpenOptions = { memtableBytes: 16 << 10, tableBytes: 32 << 10, blockCacheBytes: 0 }
export type Entries = readonly [string, string][]

const clock = (): number => 1_700_000_000_000

export function openAt(machine: Machine, path: string, more: OpenOptions = {}): Promise<Database> {
  return machine.run(openIn<string, string>(path, { clock, ...options, ...more }, machine.environment))
}

/** A closed database of a few tables. */
export async function smallDatabase(seed: number): Promise<{ files: Files; entries: Entries }> {
  const machine = new Machine(seed)
  const db = await openAt(machine, '/data')
  for (let round = 0; round < 3; round++) {
    for (let i = round; i < 60; i += 1 + round) void db.put(`key${i}`, `${round} ${'v'.repeat(i)}`)
    await machine.run(db.flush())
  }
  await machine.run(db.put('last', 'in the log', { sync: true }))
  const entries = await machine.run(db.iterator().all())
  await machine.run(db.close())
  const files = await filesOf(machine)
  machine.release()
  return { files, entries }
}

/** A machine with that database, open. */
export async function opened(files: Files): Promise<{ machine: Machine; db: Database }> {
  const machine = machineWith(files)
  const db = await openAt(machine, '/data')
  // Nothing of the database's own is under way when the copy begins.
  await machine.run(db.flush())
  await machine.run(db.drain())
  return { machine, db }
}

/** The VarveError that the work ended with; undefined: it did what it should. */
export async function failure(machine: Machine, work: () => Promise<unknown>): Promise<VarveError | undefined> {
  try {
    await machine.run(work())
    return undefined
  } catch (error) {
    if (error instanceof VarveError) return error
    throw error
  }
}

/** Opens a copy: undefined when it is refused, else what it holds. */
export async function contentOf(machine: Machine, path: string): Promise<Entries | undefined> {
  let db: Database
  try {
    db = await openAt(machine, path, { createIfMissing: false })
  } catch (error) {
    expect(error).toBeInstanceOf(VarveError)
    return undefined
  }
  const entries = await machine.run(db.iterator().all())
  await machine.run(db.close())
  return entries
}

/** Names in a directory of a machine. */
export async function namesIn(machine: Machine, path: string): Promise<string[]> {
  const { executor, fs } = machine.environment()
  try {
    return await machine.run(outcome(native.list(executor, fs, path)))
  } finally {
    native.release(executor)
  }
}

export interface Fault {
  readonly name: string
  readonly errno: number
  readonly forever: boolean
}

/** The n-th call to the disk fails. */
export const faults: readonly Fault[] = [
  { name: 'EIO, once', errno: 5, forever: false },
  { name: 'EIO, for ever', errno: 5, forever: true },
  { name: 'ENOSPC, once', errno: 28, forever: false }
]

/** Runs `one` for n = 1, 2, … until the n-th call was not reached; gives how many failed. */
export async function forEachCall(
  { errno, forever }: Fault,
  step: () => number,
  one: (fail: (machine: Machine) => void) => Promise<Machine>
): Promise<number> {
  for (let n = 1, runs = 0; ; n += step(), runs++) {
    try {
      const machine = await one((failing) => native.memoryFaults(failing.fs, { atCall: n, errno, forever }))
      const calls = callsOf.get(machine)
      expect(calls).toBeDefined()
      machine.release()
      if ((calls ?? 0) < n) return runs
    } catch (error) {
      throw new Error(`call ${n} fails: ${String(error)}`, { cause: error })
    }
  }
}

const callsOf = new WeakMap<Machine, number>()

/** The disk works again; how many calls there were is noted. */
export function heal(machine: Machine): void {
  callsOf.set(machine, native.memoryCalls(machine.fs))
  native.memoryFaults(machine.fs, null)
}
