// The transactions of a metamorphic program, as a database runs them.
import { type Transaction, VarveError } from '../../../lib/index.ts'
import { failure, listText } from './metamorphic-answers.ts'
import type { Bytes } from './metamorphic-database.ts'
import type { Change, Mode, Step, TransactionOperation } from './metamorphic-program.ts'
import type { RunState } from './metamorphic-run.ts'
import { writeChange } from './metamorphic-run-writes.ts'

type View = Transaction<Bytes, Bytes>
interface Walk {
  readonly iterator: ReturnType<View['keys']> | ReturnType<View['iterator']>
  readonly mode: Mode
}

class Thrown extends Error {}

class Attempt {
  readonly #state: RunState
  readonly #transaction: View
  readonly #walks: (Walk | undefined)[] = []

  constructor(state: RunState, transaction: View) {
    this.#state = state
    this.#transaction = transaction
  }

  #view(space: number): View {
    return space === 0 ? this.#transaction : this.#transaction.space(this.#state.space(space))
  }

  async step(step: Step, isDisturbed: boolean): Promise<string | undefined> {
    const { coding } = this.#state
    switch (step.do) {
      case 'put':
      case 'del':
      case 'deleteRange':
        this.#write(step)
        return undefined
      case 'get':
        return coding.valueText(await this.#view(step.space).get(coding.key(step.key)))
      case 'has':
        return String(await this.#view(step.space).has(coding.key(step.key)))
      case 'getMany':
        return listText((await this.#view(step.space).getMany(step.keys.map(coding.key))).map(coding.valueText))
      case 'open': {
        const view = this.#view(step.space)
        const options = coding.scan(step)
        const iterator =
          step.mode === 'keys'
            ? view.keys(options)
            : step.mode === 'values'
              ? view.values(options)
              : view.iterator(options)
        this.#walks[step.slot] = { iterator, mode: step.mode }
        return undefined
      }
      case 'next': {
        const walk = this.#walks[step.slot]
        const items: unknown[] = (await walk?.iterator.nextv(step.count)) ?? []
        return listText(items.map((item) => coding.item(walk?.mode ?? 'keys', item)))
      }
      case 'seek':
        this.#walks[step.slot]?.iterator.seek(coding.key(step.key))
        return undefined
      case 'outside':
        if (isDisturbed) await writeChange(this.#state, step.change, false)
        return undefined
      case 'outsideAdvance':
        if (isDisturbed) this.#state.advance(step.ms)
        return undefined
    }
  }

  #write(change: Change): void {
    const { coding } = this.#state
    const view = this.#view(change.space)
    if (change.do === 'deleteRange') view.deleteRange(coding.range(change.range))
    else if (change.do === 'del') view.del(coding.key(change.key))
    else view.put(coding.key(change.key), coding.value(change.value), change.expiry)
  }
}

/** Attempts until one succeeds: what each of them read, and the outcome. */
export async function runTransaction(state: RunState, operation: TransactionOperation): Promise<string> {
  const answers: string[] = []
  let attempts = 0
  const { steps, throws, disturbed, retries, sync } = operation
  const work = async (transaction: View): Promise<void> => {
    if (++attempts > 1) answers.push('|')
    const attempt = new Attempt(state, transaction)
    for (const step of steps) {
      const answer = await attempt.step(step, attempts <= disturbed)
      if (answer !== undefined) answers.push(answer)
    }
    if (throws === true) throw new Thrown()
  }
  const options = { sync: sync === true, ...(retries === undefined ? {} : { retries }) }
  try {
    await state.db.transaction(work, options)
    return `${answers.join(' ')} after ${attempts}`
  } catch (error) {
    if (error instanceof Thrown) return `${answers.join(' ')} thrown`
    if (!(error instanceof VarveError) || error.code !== 'VARVE_CONFLICT') throw error
    return `${answers.join(' ')} | ${failure(error.code)}`
  }
}
