// VirtualTime: production code in a simulation. Its shells reach for timers, for turns of the event loop and for a clock that
// only goes forward (lib/tree/alarm.ts, lib/read/turn.ts and the like): while a run lasts they get those of the scheduler, so
// that nothing of a run depends on real time. And its promises go on between two events, to their end, as they would in a
// process that has nothing else to do.
//
// What stands in their place is the process': one run at a time.
import type { Scheduler } from '../scheduler.ts'

/** What the engine asks of a timer. */
class VirtualTimer {
  isOver = false

  unref(): this {
    return this
  }

  ref(): this {
    return this
  }

  hasRef(): boolean {
    return false
  }
}

type Call = (...values: never[]) => void

const turnOfTheLoop = globalThis.setImmediate
const realTurn = (): Promise<void> => new Promise((resolve) => turnOfTheLoop(resolve))
const replaced = ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'] as const

let isRunning = false

export class VirtualTime {
  readonly #scheduler: Scheduler
  readonly #onTimer: () => void
  /** Asked for the next turn of the loop. */
  readonly #turns: (() => void)[] = []
  readonly #real = new Map<string, unknown>()
  readonly #ownNow = Object.getOwnPropertyDescriptor(performance, 'now')

  /** From here to `end` time is the scheduler's. `onTimer` is called after each timer. */
  constructor(scheduler: Scheduler, onTimer: () => void) {
    if (isRunning) throw new Error('Another simulation of production code runs in this process.')
    isRunning = true
    this.#scheduler = scheduler
    this.#onTimer = onTimer
    for (const name of replaced) this.#real.set(name, globalThis[name])
    const cancel = (timer: unknown): void => {
      if (timer instanceof VirtualTimer) timer.isOver = true
    }
    Object.assign(globalThis, {
      setTimeout: (call: Call, ms = 1, ...values: never[]) => this.#set(Math.max(1, Math.ceil(ms)), call, values),
      setImmediate: (call: Call, ...values: never[]) => {
        const timer = new VirtualTimer()
        this.#turns.push(() => {
          if (!timer.isOver) call(...values)
        })
        return timer
      },
      clearTimeout: cancel,
      clearImmediate: cancel
    })
    performance.now = () => scheduler.nowMs
  }

  /** Everything that follows from what has happened, without time passing. */
  async settle(): Promise<void> {
    await realTurn()
    for (let call = this.#turns.shift(); call !== undefined; call = this.#turns.shift()) {
      call()
      await realTurn()
    }
  }

  end(): void {
    for (const [name, value] of this.#real) Object.assign(globalThis, { [name]: value })
    if (this.#ownNow === undefined) Reflect.deleteProperty(performance, 'now')
    else Object.defineProperty(performance, 'now', this.#ownNow)
    isRunning = false
  }

  #set(ms: number, call: Call, values: never[]): VirtualTimer {
    const timer = new VirtualTimer()
    this.#scheduler.after(ms, () => {
      if (timer.isOver) return
      timer.isOver = true
      call(...values)
      this.#onTimer()
    })
    return timer
  }
}
