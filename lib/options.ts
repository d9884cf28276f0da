// The only defaults and the only validation of options. Everything behind takes a frozen, complete Settings.

import native from '#native'
import {
  type CallEncodings,
  defaultEncodings,
  type Encodings,
  encodingsOf,
  type KeyEncoding,
  type ValueEncoding
} from './bytes/encodings.ts'
import { invalid } from './errors.ts'

export type Durability = 'interval' | 'sync' | 'os'

export interface Logger {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

export interface LimitOptions {
  /**
   * Bytes of the disk that puts leave free, besides what memtables will take once flushed, so that deletes, flush and
   * compaction still run. Default: an eighth of what the database has of the disk or could have, at most 64 MiB; 0: puts go
   * on until the disk is full.
   */
  readonly diskReserveBytes?: number
  /** A snapshot or iterator of this age is reported by the event `snapshot-old`. Default 10 minutes; 0: never. */
  readonly snapshotAgeMaxMs?: number
  /** Entries that a transaction may read and have checked. Default 10 000. */
  readonly checkedEntriesMax?: number
}

export interface Limits {
  /** undefined: by the size of the disk. */
  readonly diskReserveBytes: number | undefined
  readonly snapshotAgeMaxMs: number
  readonly checkedEntriesMax: number
}

export interface OpenOptions<
  AskedKey extends KeyEncoding = KeyEncoding,
  AskedValue extends ValueEncoding = ValueEncoding
> extends CallEncodings<AskedKey, AskedValue> {
  /** When a write resolves: 'interval' (default) when the system has it, with a sync within syncIntervalMs; 'sync' when it is on disk; 'os' without syncs. */
  readonly durability?: Durability
  /** Milliseconds a write may wait for its background sync ('interval'). Default 10. */
  readonly syncIntervalMs?: number
  /** Bytes for block cache, memtables, pinned indexes and filters together. Default 256 MiB. */
  readonly memoryBytes?: number
  /** Bytes of a memtable before it is flushed. Default 16 MiB. */
  readonly memtableBytes?: number
  /** Bytes of the block cache. Default 64 MiB. */
  readonly blockCacheBytes?: number
  /** Bytes of a table before compaction begins another. Default 32 MiB. */
  readonly tableBytes?: number
  /** Threads for reads that have to wait for the disk. Default 2. */
  readonly readThreads?: number
  /** What keys are: 'utf8' (default), 'buffer', 'view', 'ordered' or a codec. They are ordered by their bytes. */
  readonly keyEncoding?: AskedKey
  /** What values are: 'utf8' (default), 'json', 'buffer', 'view', 'msgpack' or a codec. */
  readonly valueEncoding?: AskedValue
  readonly readOnly?: boolean
  readonly createIfMissing?: boolean
  readonly errorIfExists?: boolean
  readonly limits?: LimitOptions
  readonly logger?: Logger
  /** Listeners to be there from the first event on: { stall: (event) => … }. */
  readonly events?: Readonly<Record<string, (event: unknown) => void>>
  /** Milliseconds since 1970. Default Date.now. */
  readonly clock?: () => number
}

export interface Settings extends Encodings {
  readonly durability: Durability
  readonly syncIntervalMs: number
  readonly memoryBytes: number
  readonly memtableBytes: number
  readonly blockCacheBytes: number
  readonly tableBytes: number
  readonly readThreads: number
  readonly readOnly: boolean
  readonly createIfMissing: boolean
  readonly errorIfExists: boolean
  readonly limits: Limits
  readonly logger: Logger | undefined
  readonly events: Readonly<Record<string, (event: unknown) => void>>
  readonly clock: () => number
}

const KiB = 1024
const MiB = 1024 * KiB

export const limits = {
  frozenMax: 4,
  level0Trigger: 4,
  level0Slow: 12,
  level0Stop: 24,
  levelFactor: 10,
  levels: 7,
  diskReserveBytes: 64 * MiB,
  slicedOperations: 1000,
  slicedBytes: 256 * KiB
} as const

export const tableOptions: native.TableOptions = {
  blockBytes: 4096,
  restartInterval: 8,
  filterBitsPerKey: 10,
  hashIndex: true
}

/** What a database stands on besides its options: real ones unless a test or the simulator brings its own. */
export interface Environment {
  readonly fs: native.FileSystem
  readonly executor: native.Executor
  /** Fills an array with random bytes: identities of files and lives of segments. */
  readonly random: (bytes: number) => Uint8Array
}

const readThreadsByDefault = 2
const byDefault = { readThreads: readThreadsByDefault }
// One compaction runs at a time.
const compactThreads = 1

export function realEnvironment({ readThreads }: Pick<Settings, 'readThreads'> = byDefault): Environment {
  return {
    fs: native.posixFileSystem(),
    executor: native.threadExecutor(readThreads, compactThreads),
    random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes))
  }
}

const known = [
  'durability',
  'syncIntervalMs',
  'memoryBytes',
  'memtableBytes',
  'blockCacheBytes',
  'tableBytes',
  'readThreads',
  'keyEncoding',
  'valueEncoding',
  'readOnly',
  'createIfMissing',
  'errorIfExists',
  'limits',
  'logger',
  'events',
  'clock'
]

/** Checks options and fills in what was left out; throws VARVE_INVALID_ARGUMENT with a sentence. */
export function settingsOf(options: OpenOptions = {}): Settings {
  if (typeof options !== 'object' || options === null) throw invalid('Options must be an object.')
  for (const name of Object.keys(options)) {
    if (!known.includes(name))
      throw invalid(`There is no option '${name}'${suggestion(name, known)}. Options: ${known.join(', ')}.`)
  }
  const memtableBytes = bytesOption('memtableBytes', options.memtableBytes, 16 * MiB, 16 * KiB, 1024 * MiB)
  const blockCacheBytes = bytesOption('blockCacheBytes', options.blockCacheBytes, 64 * MiB, 0, 2 ** 40)
  return Object.freeze({
    durability: choice('durability', options.durability, ['interval', 'sync', 'os'] as const, 'interval'),
    syncIntervalMs: bytesOption('syncIntervalMs', options.syncIntervalMs, 10, 1, 60_000),
    memoryBytes: bytesOption(
      'memoryBytes',
      options.memoryBytes,
      Math.max(256 * MiB, blockCacheBytes + memtableBytes * 5),
      MiB,
      2 ** 42
    ),
    memtableBytes,
    blockCacheBytes,
    tableBytes: bytesOption('tableBytes', options.tableBytes, 32 * MiB, 32 * KiB, 1024 * MiB),
    readThreads: bytesOption('readThreads', options.readThreads, readThreadsByDefault, 1, 64),
    ...encodingsOf(options, defaultEncodings),
    readOnly: flag('readOnly', options.readOnly, false),
    createIfMissing: flag('createIfMissing', options.createIfMissing, true),
    errorIfExists: flag('errorIfExists', options.errorIfExists, false),
    limits: limitsOf(options.limits),
    logger: options.logger,
    events: options.events ?? {},
    clock: options.clock ?? Date.now
  })
}

const knownLimits = ['diskReserveBytes', 'snapshotAgeMaxMs', 'checkedEntriesMax']

function limitsOf(given: LimitOptions = {}): Limits {
  if (typeof given !== 'object' || given === null) throw invalid('limits must be an object.')
  for (const name of Object.keys(given)) {
    if (!knownLimits.includes(name))
      throw invalid(`There is no limit '${name}'${suggestion(name, knownLimits)}. Limits: ${knownLimits.join(', ')}.`)
  }
  const { diskReserveBytes, snapshotAgeMaxMs, checkedEntriesMax } = given
  return Object.freeze({
    diskReserveBytes:
      diskReserveBytes === undefined
        ? undefined
        : bytesOption('limits.diskReserveBytes', diskReserveBytes, 0, 0, Number.MAX_SAFE_INTEGER),
    snapshotAgeMaxMs: bytesOption('limits.snapshotAgeMaxMs', snapshotAgeMaxMs, 600_000, 0, 2 ** 31 - 1),
    checkedEntriesMax: bytesOption('limits.checkedEntriesMax', checkedEntriesMax, 10_000, 1, 2 ** 31 - 1)
  })
}

function suggestion(name: string, names: readonly string[]): string {
  const near = names.find(
    (other) => other.toLowerCase() === name.toLowerCase() || other.startsWith(name) || name.startsWith(other)
  )
  return near === undefined ? '' : `; did you mean '${near}'`
}

function bytesOption(name: string, value: unknown, fallback: number, least: number, most: number): number {
  if (value === undefined) return fallback
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most) {
    throw invalid(`${name} must be a whole number from ${least} to ${most}, not ${String(value)}.`)
  }
  return value
}

function flag(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback
  if (typeof value !== 'boolean') throw invalid(`${name} must be true or false, not ${String(value)}.`)
  return value
}

function choice<Choice extends string>(
  name: string,
  value: unknown,
  choices: readonly Choice[],
  fallback: Choice
): Choice {
  if (value === undefined) return fallback
  if (choices.includes(value as Choice)) return value as Choice
  throw invalid(`${name} must be one of ${choices.map((one) => `'${one}'`).join(', ')}, not ${String(value)}.`)
}
