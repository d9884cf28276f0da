// Entries in a map, a clock that stands, and commands run as the one writer runs them: plan, decision, effects. No sockets, no store.
import { type AtomicPlan, decisionOf } from '../../../server/commands/atomic.ts'
import { takes } from '../../../server/commands/command.ts'
import { commands } from '../../../server/commands/table.ts'
import type { Reply } from '../../../server/protocol/reply.ts'
import { encodeResp } from '../../../server/protocol/resp-encoder.ts'
import { Overlay } from '../../../server/store/overlay.ts'
import type { Entry, Operation } from '../../../server/store.ts'

export class Keyspace {
  nowMs = 1_000_000
  readonly #entries = new Map<string, Entry>()
  #sequence = 0

  /** The reply's bytes, each line end a space: "$1 x". */
  run(line: string): string {
    return this.runAll([line])[0] as string
  }

  /** As one transaction. */
  runAll(lines: readonly string[]): string[] {
    const decision = decisionOf(lines.map(planOf), [])
    const keys = decision.keys.map((key) => Buffer.from(key))
    const overlay = new Overlay(
      keys,
      keys.map((key) => this.#get(key.toString('latin1'))),
      this.nowMs
    )
    const outcome = overlay.run(decision)
    if ('error' in outcome) throw outcome.error
    for (const operation of overlay.operations) this.#apply(operation)
    return (outcome.result as readonly Reply[]).map(shown)
  }

  /** What a line would write. */
  effectsOf(line: string): readonly Operation[] {
    const decision = decisionOf([planOf(line)], [])
    const entries = decision.keys.map((key) => this.#get(Buffer.from(key).toString('latin1')))
    const overlay = new Overlay(decision.keys, entries, this.nowMs)
    overlay.run(decision)
    return overlay.operations
  }

  #get(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    return entry?.expiresAt !== undefined && entry.expiresAt <= this.nowMs ? undefined : entry
  }

  #apply(operation: Operation): void {
    this.#sequence++
    if (operation.type === 'deleteRange') {
      this.#entries.clear()
      return
    }
    const key = Buffer.from(operation.key).toString('latin1')
    if (operation.type === 'del') this.#entries.delete(key)
    else {
      const { value, expiresAt } = operation
      this.#entries.set(key, { value: Buffer.from(value), sequence: this.#sequence, expiresAt })
    }
  }
}

/** Words are separated by one space; `""` is an empty one. */
function planOf(line: string): AtomicPlan {
  const [name = '', ...words] = line.split(' ').map((word) => (word === '""' ? '' : word))
  const command = commands.get(name)
  const args = words.map((word) => Buffer.from(word, 'latin1'))
  if (command === undefined || !takes(command, args)) throw new Error(`${line} is no command`)
  const plan = command.plan(args)
  if (plan.kind === 'slow' || plan.kind === 'run' || plan.kind === 'forward')
    throw new Error(`${name} takes many steps`)
  return plan
}

const shown = (reply: Reply): string => encodeResp([reply], 2).toString('latin1').trimEnd().replaceAll('\r\n', ' ')
