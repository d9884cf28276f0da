// Results go to stdout, everything else to stderr; JSON is one object on one line.

export function print(line: string | Uint8Array): void {
  process.stdout.write(line)
  process.stdout.write('\n')
}

export const printJson = (value: unknown): void => print(JSON.stringify(value))

export const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

/** `varve inspect … | head` is an end, not a fault. */
export function endQuietlyWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}

/** The examples at the end of a command's help. */
export const examples = (...lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}`
