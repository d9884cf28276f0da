// What a connection's requests cost, told to the server's statistics and slow log: the planner notes each request, and once a
// group of them has run, its time is shared among them.
import { performance } from 'node:perf_hooks'
import type { Caller, Noted } from './commands/caller.ts'
import { type Arguments, spelt } from './commands/command.ts'
import { get } from './commands/get.ts'
import { set } from './commands/set.ts'
import type { Reply } from './protocol/reply.ts'
import { type Run, requestsOf } from './protocol/resp-runs.ts'
import { shownRequest } from './slow-log.ts'

const runCommands = { GET: get, SET: set }

export class Account {
  readonly #caller: Caller
  /** Noted and not settled, in order: a group's requests, perhaps the next group's first. */
  readonly #commands: (Noted | undefined)[] = []
  readonly #args: Arguments[] = []
  #last: Noted | undefined
  #beganMs = 0

  constructor(caller: Caller) {
    this.#caller = caller
  }

  get lastCommand(): string {
    return this.#last === undefined ? 'NULL' : spelt(this.#last)
  }

  note(command: Noted | undefined, args: Arguments): void {
    if (command !== undefined) this.#last = command
    this.#commands.push(command)
    this.#args.push(args)
  }

  /** A run was answered: nothing of it was noted. */
  settleRun(run: Run, count: number, replies: readonly Reply[]): void {
    const command = runCommands[run.name]
    this.#last = command
    const micros = this.#share(count)
    const { statistics, slowLog } = this.#caller.server
    if (replies[0]?.kind === 'encoded') statistics.ranMany(command.name, micros, count)
    else for (const reply of replies) statistics.ran(command.name, micros, reply)
    if (!slowLog.isSlow(micros)) return
    for (const { args } of requestsOf({ ...run, count: run.from + count })) this.#keepSlow(command, args, micros)
  }

  /** Of the time since the last group, in microseconds. */
  #share(count: number): number {
    const endedMs = performance.now()
    const micros = ((endedMs - this.#beganMs) * 1_000) / Math.max(count, 1)
    this.#beganMs = endedMs
    return micros
  }

  /** The time of what is settled next counts from here. */
  begin(): void {
    this.#beganMs = performance.now()
  }

  /** A group ran: the first noted are its requests, one for each reply. */
  settle(replies: readonly Reply[]): void {
    const micros = this.#share(replies.length)
    const { statistics, slowLog } = this.#caller.server
    const isSlow = slowLog.isSlow(micros)
    for (let i = 0; i < replies.length; i++) {
      const command = this.#commands[i]
      const reply = replies[i]
      if (command !== undefined) {
        statistics.ran(command.name, micros, reply)
        if (isSlow) this.#keepSlow(command, this.#args[i] ?? [], micros)
      } else if (reply?.kind === 'error') statistics.failed(reply.code)
    }
    if (this.#commands.length === replies.length) {
      this.#commands.length = 0
      this.#args.length = 0
    } else {
      this.#commands.splice(0, replies.length)
      this.#args.splice(0, replies.length)
    }
  }

  #keepSlow(command: Noted, args: Arguments, micros: number): void {
    const { server, address, name } = this.#caller
    const words = shownRequest(spelt(command), args, command.flags.includes('secret'))
    server.slowLog.add({ atMs: server.nowMs(), micros: Math.round(micros), words, address, clientName: name })
  }
}
