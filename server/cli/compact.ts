// varve compact <dir>: merges all tables of a data directory that nobody has open: the least space, the quickest reads.
import { Command } from 'commander'
import type { Database, Stats } from '../../lib/index.ts'
import { copyingFrom, type JsonFlag, plural } from './copying.ts'
import { examples, print, printJson } from './output.ts'

/** How often it is looked how far it is. */
const lookMs = 100

export const compactCommand = (): Command =>
  new Command('compact')
    .description('merge all tables of a data directory that nobody has open: the least space, the quickest reads')
    .argument('<dir>', 'data directory')
    .option('--json', 'print the result as one line of JSON')
    .addHelpText('after', examples('varve compact ./data', 'varve compact ./data --json'))
    .action(async (dir: string, { json }: JsonFlag) => {
      const start = performance.now()
      const done = await copyingFrom('compact', dir, async (db, { onProgress, signal }) => {
        const before = sizeOf(db.stats())
        await watched(db, onProgress, signal)
        return { before, after: sizeOf(db.stats()) }
      })
      if (done === undefined) return
      const { before, after } = done
      const seconds = Math.round(performance.now() - start) / 1000
      if (json) {
        const sizes = {
          bytesBefore: before.bytes,
          bytes: after.bytes,
          tablesBefore: before.tables,
          tables: after.tables
        }
        printJson({ ...sizes, seconds })
      } else {
        print(
          `${plural(before.tables, 'table')}, ${before.bytes} bytes → ${plural(after.tables, 'table')}, ${after.bytes} bytes`
        )
      }
    })

interface Size {
  readonly tables: number
  readonly bytes: number
}

function sizeOf({ levels }: Stats): Size {
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
  return { tables: sum(levels.map(({ tables }) => tables)), bytes: sum(levels.map(({ bytes }) => bytes)) }
}

/** Compacts, and tells what share of the bytes has been read. Ctrl-C leaves the database as it was, or is by then. */
async function watched(
  db: Database,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal
): Promise<void> {
  await db.flush()
  const total = sizeOf(db.stats()).bytes
  const readBefore = db.stats().background.compactionBytesRead
  const look = (): void => {
    onProgress(Math.min(db.stats().background.compactionBytesRead - readBefore, total), total)
  }
  const timer = setInterval(look, lookMs)
  try {
    await Promise.race([db.compact(), aborted(signal)])
    onProgress(total, total)
  } finally {
    clearInterval(timer)
  }
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
