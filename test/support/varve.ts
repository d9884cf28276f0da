// The built program as its users have it: child processes, with ports and directories of their own.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

export const root = fileURLToPath(new URL('../../', import.meta.url))

/** The built `varve`, to be run by Node. */
export const program = join(root, 'dist', 'server', 'cli.js')

// A test that fails half-way leaves no program behind.
const running = new Set<ChildProcess>()
afterAll(() => {
  for (const child of running) child.kill('SIGKILL')
})

/** Kills the child when the file's tests are over, if it is still there. */
export function tracked<C extends ChildProcess>(child: C): C {
  running.add(child)
  child.once('close', () => running.delete(child))
  return child
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  readonly cwd?: string
}

/** A directory that is removed with `[Symbol.dispose]`. */
export function temporaryDirectory(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), 'varve-test-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Runs a Node program to its end. */
export async function runNode(args: readonly string[], { env, input, cwd = root }: RunOptions = {}): Promise<Ended> {
  const child = tracked(spawn(process.execPath, args, { cwd, env: { ...process.env, ...env } }))
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  // A program that ends without reading its input is no fault of this end.
  child.stdin.on('error', () => {})
  child.stdin.end(input ?? '')
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }
}

/** Runs `varve` with these arguments. */
export const varve = (args: readonly string[], options: RunOptions = {}): Promise<Ended> =>
  runNode([program, ...args], options)

/** `varve serve` on a free port, once it says that it listens. */
export class ServerProcess {
  readonly port: number
  readonly #child: ChildProcess
  readonly #exited: Promise<[number | null, NodeJS.Signals | null]>
  readonly #output: { text: string }

  private constructor(child: ChildProcess, port: number, exited: ServerProcess['exited'], output: { text: string }) {
    this.#child = child
    this.port = port
    this.#exited = exited
    this.#output = output
  }

  static async start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
    const child = tracked(
      spawn(process.execPath, [program, 'serve', ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, ...env }
      })
    )
    const exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
    const output = { text: '' }
    const port = await new Promise<number>((resolve, reject) => {
      // What it logs comes by another pipe, and may come to stand anywhere in between.
      let banner = ''
      child.stdout?.on('data', (chunk: Buffer) => {
        output.text += chunk
        banner += chunk
        const found = /listening on \S+:(\d+)\b.*\n/.exec(banner)
        if (found && banner.includes('Ctrl-C\n')) resolve(Number(found[1]))
      })
      child.stderr?.on('data', (chunk: Buffer) => {
        output.text += chunk
      })
      void exited.then(([code]) => reject(new Error(`varve serve ended with ${code}:\n${output.text}`)))
    })
    return new ServerProcess(child, port, exited, output)
  }

  /** What it has said so far. */
  get output(): string {
    return this.#output.text
  }

  get exited(): Promise<[number | null, NodeJS.Signals | null]> {
    return this.#exited
  }

  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<[number | null, NodeJS.Signals | null]> {
    this.#child.kill(signal)
    return this.#exited
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.end('SIGKILL')
  }
}
