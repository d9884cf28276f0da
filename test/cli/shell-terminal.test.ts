// The shell on a terminal: a prompt, completion, history and how it ends. `script` makes the terminal.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasCommand, skipUnless } from '../support/skip.ts'
import { program, tracked } from '../support/varve.ts'
import { type LocalServer, startServer } from './support/local-server.ts'

let server: LocalServer

beforeAll(async () => {
  server = await startServer()
})

afterAll(() => server[Symbol.asyncDispose]())

/** A program on a terminal of its own, as somebody who types sees it. */
class Terminal {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown[]>
  #output = ''
  #seen = 0
  #wake = () => {}

  constructor(args: readonly string[], env: Readonly<Record<string, string>>) {
    const command = [process.execPath, program, ...args].map((word) => `'${word}'`).join(' ')
    this.#child = tracked(
      spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
        env: { ...process.env, TERM: 'xterm', NO_COLOR: '1', ...env }
      })
    )
    this.#ended = once(this.#child, 'close')
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk
      this.#wake()
    })
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys)
  }

  /** Resolves once this comes behind all that was waited for before. */
  async until(text: string): Promise<void> {
    for (;;) {
      const at = this.#output.indexOf(text, this.#seen)
      if (at !== -1) {
        this.#seen = at + text.length
        return
      }
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#wake = resolve
        }),
        this.#ended.then(() => Promise.reject(new Error(`it ended without ${text}: ${this.#output}`)))
      ])
    }
  }

  /** The exit code. */
  async ended(): Promise<unknown> {
    const [code] = await this.#ended
    return code
  }
}

const tab = '\t'
const up = '\x1b[A'
const controlD = '\x04'

describe.runIf(skipUnless('the shell on a terminal', hasCommand('script'), 'script (bsdutils)'))(
  'on a terminal',
  () => {
    const historyOf = (name: string) => join(server.directory, `${name}.history`)
    const open = (name: string) =>
      new Terminal(['shell', '--port', String(server.port)], {
        XDG_CONFIG_HOME: join(server.directory, 'config'),
        VARVE_HISTORY_FILE: historyOf(name)
      })

    test('a prompt, completion, the line before, and an end', async () => {
      const terminal = open('first')
      const prompt = `127.0.0.1:${server.port}> `
      await terminal.until('help lists the commands, exit or Ctrl-D ends')
      await terminal.until(prompt)
      terminal.type('append word ab\r')
      await terminal.until('(integer) 2')
      await terminal.until(prompt)
      terminal.type(`${up}\r`)
      await terminal.until('(integer) 4')
      await terminal.until(prompt)
      terminal.type(`strle${tab}`)
      await terminal.until('strlen')
      terminal.type(' word\r')
      await terminal.until('(integer) 4')
      await terminal.until(prompt)
      terminal.type(controlD)
      expect(await terminal.ended()).toBe(0)
    })

    test('what was typed is there the next time', async () => {
      const first = open('second')
      await first.until('> ')
      first.type('set kept 1\r')
      await first.until('OK')
      first.type('exit\r')
      expect(await first.ended()).toBe(0)
      const second = open('second')
      await second.until('> ')
      // `exit` is the newest line.
      second.type(`${up}${up}\r`)
      await second.until('set kept 1')
      await second.until('OK')
      second.type(controlD)
      expect(await second.ended()).toBe(0)
      expect(readFileSync(historyOf('second'), 'utf8')).toContain('set kept 1')
    })
  }
)
