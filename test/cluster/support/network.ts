// Network: members in network namespaces of their own, each with a cable to one bridge, so that iptables can part them: in one
// direction, in both, and from some and not others. What clients send comes from the bridge and is never cut.
//
//   10.77.0.1, .2, .3 (e0 of varve-<pid>-1, …)  ─veth─  bridge of varve-<pid>-0, 10.77.0.254
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { hasCommand, isRoot } from '../../support/skip.ts'
import { tracked } from '../../support/varve.ts'

/** One member does not hear another. */
export interface Cut {
  readonly at: number
  readonly from: number
}

const asker = fileURLToPath(new URL('ask.mjs', import.meta.url))
const run = (command: string, ...args: readonly string[]) => execFileSync(command, args, { stdio: 'pipe' })

/** Whether this process may part a network: tried, since containers often may not. */
export function canPart(): boolean {
  if (!isRoot || !hasCommand('ip') || !hasCommand('iptables')) return false
  const name = `varve-${process.pid}-try`
  try {
    run('ip', 'netns', 'add', name)
  } catch {
    return false
  }
  try {
    run('ip', '-n', name, 'link', 'add', 'e0', 'type', 'veth', 'peer', 'name', 'e1')
    run('ip', 'netns', 'exec', name, 'iptables', '-A', 'INPUT', '-s', '10.77.0.1', '-j', 'DROP')
    return true
  } catch {
    return false
  } finally {
    run('ip', 'netns', 'del', name)
  }
}

export class Network {
  readonly #names: readonly string[]
  readonly #asker: ChildProcess
  readonly #asked = new Map<number, (answer: string) => void>()
  #lastId = 0

  /** Of members 1 to `count`. */
  constructor(count: number) {
    this.#names = Array.from({ length: count + 1 }, (_, i) => `varve-${process.pid}-${i}`)
    for (const name of this.#names) run('ip', 'netns', 'add', name)
    const [hub = ''] = this.#names
    run('ip', '-n', hub, 'link', 'add', 'bridge', 'type', 'bridge')
    run('ip', '-n', hub, 'link', 'set', 'bridge', 'up')
    run('ip', '-n', hub, 'addr', 'add', '10.77.0.254/24', 'dev', 'bridge')
    for (let member = 1; member <= count; member++) {
      const name = this.#nameOf(member)
      run('ip', '-n', name, 'link', 'add', 'e0', 'type', 'veth', 'peer', 'name', `p${member}`, 'netns', hub)
      run('ip', '-n', hub, 'link', 'set', `p${member}`, 'master', 'bridge', 'up')
      run('ip', '-n', name, 'addr', 'add', `${this.addressOf(member)}/24`, 'dev', 'e0')
      run('ip', '-n', name, 'link', 'set', 'e0', 'up')
      run('ip', '-n', name, 'link', 'set', 'lo', 'up')
    }
    this.#asker = this.#spawn(hub, [process.execPath, asker])
    createInterface({ input: this.#asker.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const { id, answer } = JSON.parse(line) as { readonly id: number; readonly answer: string }
      this.#asked.get(id)?.(answer)
      this.#asked.delete(id)
    })
  }

  addressOf(member: number): string {
    return `10.77.0.${member}`
  }

  /** A process at a member's place. */
  spawn(member: number, command: readonly string[]): ChildProcess {
    return this.#spawn(this.#nameOf(member), command)
  }

  /** What a client got as an answer: all that came within the time; '': nothing did. */
  ask(member: number, text: string, waitMs: number): Promise<string> {
    const id = ++this.#lastId
    return new Promise((resolve) => {
      this.#asked.set(id, resolve)
      this.#asker.stdin?.write(`${JSON.stringify({ id, host: this.addressOf(member), port: 9000, text, waitMs })}\n`)
    })
  }

  /** From here on all of these are in force. */
  cut(cuts: readonly Cut[]): void {
    for (const { at, from } of cuts) this.#filter(at, '-A', 'INPUT', '-s', this.addressOf(from), '-j', 'DROP')
  }

  /** From here on none is. */
  heal(): void {
    for (let member = 1; member < this.#names.length; member++) this.#filter(member, '-F')
  }

  close(): void {
    this.#asker.kill('SIGKILL')
    for (const name of this.#names) run('ip', 'netns', 'del', name)
  }

  #filter(member: number, ...args: readonly string[]): void {
    run('ip', 'netns', 'exec', this.#nameOf(member), 'iptables', '-w', ...args)
  }

  #nameOf(member: number): string {
    return this.#names[member] ?? ''
  }

  #spawn(name: string, command: readonly string[]): ChildProcess {
    return tracked(spawn('ip', ['netns', 'exec', name, ...command], { stdio: ['pipe', 'pipe', 'inherit'] }))
  }
}
