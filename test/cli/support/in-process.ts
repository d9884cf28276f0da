// Runs `varve` in this process, as the program does, with its output kept: a hundred calls in the time of two processes.
import { Readable } from 'node:stream'
import { runProgram } from '../../../server/cli/program.ts'
import type { Ended } from '../../support/varve.ts'

export interface InProcessOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

// Output belongs to the call that runs: one at a time.
let before: Promise<unknown> = Promise.resolve()

export function run(args: readonly string[], options: InProcessOptions = {}): Promise<Ended> {
  const ended = before.then(() => runAlone(args, options))
  before = ended.catch(() => {})
  return ended
}

async function runAlone(args: readonly string[], { env = {}, input }: InProcessOptions): Promise<Ended> {
  const out: Buffer[] = []
  const err: Buffer[] = []
  const restore = [
    keepWrites(process.stdout, out),
    keepWrites(process.stderr, err),
    withProperty(process, 'env', { ...process.env, ...env }),
    withProperty(process, 'stdin', Object.assign(Readable.from(input === undefined ? [] : [Buffer.from(input)]), {})),
    withProperty(process.stderr, 'isTTY', false)
  ]
  process.exitCode = undefined
  try {
    const code = await runProgram(['node', 'varve', ...args])
    return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }
  } finally {
    process.exitCode = undefined
    for (const undo of restore) undo()
  }
}

function keepWrites(stream: NodeJS.WriteStream, into: Buffer[]): () => void {
  return withProperty(stream, 'write', (chunk: string | Uint8Array) => {
    into.push(Buffer.from(chunk as string))
    return true
  })
}

function withProperty(target: object, name: string, value: unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(target, name)
  Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: true })
  return () => {
    if (own === undefined) Reflect.deleteProperty(target, name)
    else Object.defineProperty(target, name, own)
  }
}
