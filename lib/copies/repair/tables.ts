// Tables of a damaged database: those that are whole, and what can be read of the others.

import native from '#native'
import { join, tableName } from '../../disk/files.ts'
import type { Disk } from '../../disk/fs.ts'
import { outcome } from '../../disk/jobs.ts'
import { toVarveError, VarveError } from '../../errors.ts'
import { limits, tableOptions } from '../../options.ts'
import { type TableFile, tableFileOf } from '../../tree/version.ts'
import { type DamagedFile, lostKeysOf } from './lost.ts'
import { damageOf, type FoundState, twice } from './state.ts'

/** Where a repair works: an engine of its own, and numbers for new files. */
export interface Workshop {
  readonly disk: Disk
  readonly engine: native.Engine
  readonly directory: string
  readonly random: (bytes: number) => Uint8Array
  readonly nextNumber: () => number
  /** Names of the files it made. */
  readonly made: string[]
  readonly isDryRun: boolean
  readonly signal: AbortSignal
}

/** A table after it was looked at. */
export interface Examined {
  /** Its number in the state that was found. */
  readonly number: number
  /** It, or what was saved of it; undefined: nothing. */
  readonly table: TableFile | undefined
  readonly damaged: DamagedFile | undefined
  readonly sequenceLast: number
}

type Known = FoundState['tables'][number]

export async function examineTable(workshop: Workshop, { number, file }: Known, isThere: boolean): Promise<Examined> {
  const name = tableName(number)
  const whole = { offset: 0, bytes: file?.fileBytes ?? 0, first: null, last: null, isRanges: false }
  const gone = (error: string): Examined => ({
    number,
    table: undefined,
    damaged: {
      name,
      error,
      lost: [lostKeysOf(whole, file)],
      ...(file === undefined ? {} : { entriesLost: file.entries })
    },
    sequenceLast: file?.sequenceLast ?? 0
  })
  if (!isThere) return gone('The table is not there.')
  const path = join(workshop.directory, name)
  const { disk } = workshop
  let id: Uint8Array
  try {
    id = file?.id ?? (await twice(() => outcome(native.identifyTable(disk.executor, disk.fs, path))))
  } catch (error) {
    return gone(damageOf(error).message)
  }
  try {
    const properties = await twice(() => verified(workshop, path, number, id))
    const table = file ?? tableFileOf(number, id, properties)
    return { number, table, damaged: undefined, sequenceLast: properties.sequenceLast }
  } catch (error) {
    const { message } = damageOf(error)
    try {
      return await salvage(workshop, { number, file }, path, id, message)
    } catch (second) {
      // It is another table's file.
      if (second instanceof VarveError && second.code === 'VARVE_CORRUPTION') return gone(message)
      throw second
    }
  }
}

async function verified(
  { engine, signal }: Workshop,
  path: string,
  number: number,
  id: Uint8Array
): Promise<native.TableProperties> {
  const { table, properties } = await outcome(native.openTable(engine, path, number, id), signal)
  try {
    await outcome(native.verifyTable(table), signal)
    return properties
  } catch (error) {
    throw toVarveError(error)
  } finally {
    native.release(table)
  }
}

async function salvage(
  workshop: Workshop,
  { number, file }: Known,
  path: string,
  id: Uint8Array,
  error: string
): Promise<Examined> {
  const { disk, isDryRun, signal } = workshop
  const output = isDryRun ? null : newTable(workshop)
  const request = { path, id, output, table: tableOptions }
  const saved = await outcome(native.salvageTable(disk.executor, disk.fs, request), signal)
  const { properties, lost, entriesLost, sequenceLast } = saved
  return {
    number,
    table: output === null || properties === null ? undefined : tableFileOf(output.number, output.id, properties),
    damaged: {
      name: tableName(number),
      error,
      lost: lost.map((span) => lostKeysOf(span, file)),
      ...(entriesLost === null ? {} : { entriesLost })
    },
    sequenceLast: Math.max(sequenceLast, file?.sequenceLast ?? 0)
  }
}

/** A table to be written. */
export function newTable({ directory, nextNumber, random, made }: Workshop): native.OutputFile & { number: number } {
  const number = nextNumber()
  made.push(tableName(number))
  return { number, path: join(directory, tableName(number)), id: random(16) }
}

const outputBytes = 32 << 20

/** Merges tables of unknown order to one run: sequences alone say what is newer. */
export async function mergeTables(workshop: Workshop, tables: readonly TableFile[]): Promise<TableFile[]> {
  const { engine, directory, signal } = workshop
  const runs: native.Table[][] = []
  try {
    for (const { number, id } of tables) {
      const path = join(directory, tableName(number))
      runs.push([(await outcome(native.openTable(engine, path, number, id), signal)).table])
    }
    const bytes = tables.reduce((sum, { fileBytes }) => sum + fileBytes, 0)
    const most = Math.ceil(bytes / outputBytes) * 2 + 8
    const outputs = Array.from({ length: most }, () => newTable(workshop))
    const request = {
      runs,
      outputs: outputs.map(({ path, id }) => ({ path, id })),
      outputBytesMax: outputBytes,
      cutAfter: [],
      table: tableOptions,
      facts: { snapshots: [], expiredMs: 0, bottommost: true, deeper: [] }
    }
    const result = await outcome(native.compactJob(engine, request), signal)
    return result.outputs.map(({ file, properties }) => {
      const { number, id } = outputs[file] ?? { number: 0, id: new Uint8Array(16) }
      return tableFileOf(number, id, properties)
    })
  } finally {
    for (const table of runs.flat()) native.release(table)
  }
}

/** Where a merged run goes. */
export const mergedLevel = limits.levels - 1
