// What the commands that copy share: the database they are of, progress in bytes, and Ctrl-C.
import type { CopyOptions, Database } from '../../lib/index.ts'
import { databaseExit } from './exit.ts'
import { say } from './output.ts'
import { Progress } from './progress.ts'

type Library = typeof import('../../lib/index.ts')

export interface JsonFlag {
  readonly json?: boolean
}

const interrupted = 130

/** Runs work of the library with a progress bar. Ctrl-C ends it, and removes what it made. */
export async function copying<Result>(
  title: string,
  work: (library: Library, options: Required<CopyOptions>) => Promise<Result>
): Promise<Result | undefined> {
  const progress = new Progress(title)
  const controller = new AbortController()
  const stop = (): void => controller.abort()
  process.once('SIGINT', stop)
  try {
    const onProgress = (done: number, total: number): void => progress.update({ done, total, isBytes: true })
    return await work(await import('../../lib/index.ts'), { onProgress, signal: controller.signal })
  } catch (error) {
    if (!controller.signal.aborted) throw databaseExit(error)
    process.exitCode = interrupted
    return undefined
  } finally {
    process.off('SIGINT', stop)
    progress.end()
    if (controller.signal.aborted) say('Stopped.')
  }
}

/** The same on a database that is there and that nobody has open. */
export function copyingFrom<Result>(
  title: string,
  dir: string,
  work: (db: Database, options: Required<CopyOptions>) => Promise<Result>
): Promise<Result | undefined> {
  return copying(title, async ({ open }, options) => {
    await using db = await open(dir, { createIfMissing: false })
    return await work(db, options)
  })
}

export const plural = (count: number, one: string): string => `${count} ${count === 1 ? one : `${one}s`}`
