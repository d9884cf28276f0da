// Results go to stdout, everything else to stderr; JSON is one object on one line.

import type { Writable } from 'node:stream'

/** A text leaves whole: what goes to stderr meanwhile does not come to stand in it. */
export function print(line: string | Uint8Array): void {
  if (typeof line === 'string') process.stdout.write(`${line}\n`)
  else {
    process.stdout.write(line)
    process.stdout.write('\n')
  }
}

export const printJson = (value: unknown): void => print(JSON.stringify(value))

export const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

/** Resolves once a stream has room for more. */
export async function wrote(stream: Writable): Promise<void> {
  if (!stream.writableNeedDrain || stream.destroyed) return
  await new Promise<void>((resolve) => {
    const go = (): void => {
      stream.off('drain', go)
      stream.off('close', go)
      resolve()
    }
    stream.once('drain', go)
    stream.once('close', go)
  })
}

/** `varve inspect … | head` is an end, not a fault. */
export function endQuietlyWithReader(): void {
  process.stdout.on('error', endWithReader)
}

/** The examples at the end of a command's help. */
export const examples = (...lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`

function endWithReader(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
}

/** For what serves others: it goes on when nobody reads any more what it says. */
export function outliveReaders(): void {
  process.stdout.off('error', endWithReader)
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}
