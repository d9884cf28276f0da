// The option sets that metamorphic programs are run on: no answer may depend on any of them.
import type { OpenOptions } from '../../../lib/index.ts'

export interface OptionSet {
  readonly name: string
  readonly options: OpenOptions
  /** Jobs are stepped, in an order drawn from this seed (0: in order); left out: threads. */
  readonly stepped?: number
  /** Nothing is in the page cache: what is not in the block cache is read by another thread. */
  readonly isCold?: boolean
}

const KiB = 1024
const tiny: OpenOptions = { memtableBytes: 16 * KiB, tableBytes: 32 * KiB, durability: 'os' }
const bytes = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const

export const optionSets: readonly OptionSet[] = [
  { name: 'tiny', options: tiny },
  { name: 'defaults', options: {} },
  { name: 'tiny, stepped at random', options: tiny, stepped: 1_234_567 },
  { name: 'tiny without cache', options: { ...tiny, durability: 'interval', syncIntervalMs: 1, blockCacheBytes: 0 } },
  { name: 'tiny and cold', options: { ...tiny, blockCacheBytes: 0 }, isCold: true },
  { name: 'tiny and synced', options: { ...tiny, tableBytes: 64 * KiB, durability: 'sync' } },
  { name: 'small with little memory', options: { memtableBytes: 32 * KiB, memoryBytes: 1024 * KiB } },
  { name: 'large tables', options: { ...tiny, tableBytes: 1024 * KiB, blockCacheBytes: 64 * KiB } },
  { name: 'tiny, in bytes', options: { ...tiny, ...bytes, blockCacheBytes: 32 * KiB } },
  { name: 'small, stepped in order', options: { ...tiny, memtableBytes: 48 * KiB }, stepped: 0 },
  { name: 'middling', options: { memtableBytes: 256 * KiB, tableBytes: 64 * KiB } },
  {
    name: 'tiny and cold, stepped at random',
    options: { ...tiny, blockCacheBytes: 16 * KiB },
    stepped: 89,
    isCold: true
  },
  { name: 'small tables', options: { memtableBytes: 1024 * KiB, tableBytes: 32 * KiB, blockCacheBytes: 0 } },
  { name: 'small, views', options: { ...tiny, memtableBytes: 24 * KiB, keyEncoding: 'view', valueEncoding: 'view' } },
  { name: 'small and synced, stepped at random', options: { ...tiny, durability: 'sync' }, stepped: 4_711 },
  {
    name: 'tiny with least memory',
    options: { ...tiny, memoryBytes: 1024 * KiB, blockCacheBytes: 8 * KiB, durability: 'interval' }
  },
  {
    name: 'small and cold, in bytes',
    options: { ...tiny, ...bytes, memtableBytes: 64 * KiB, blockCacheBytes: 0 },
    isCold: true
  },
  {
    name: 'small without cache, stepped at random',
    options: { ...tiny, memtableBytes: 32 * KiB, blockCacheBytes: 0, durability: 'interval', syncIntervalMs: 5 },
    stepped: 31
  }
]
