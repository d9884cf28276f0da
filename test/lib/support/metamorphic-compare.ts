// Runs one program on option sets and compares what they answer with what the model says; makes a program that shows a
// difference small, and tells all about it.
import { createHash } from 'node:crypto'
import { newTally, type Tally } from './metamorphic-database.ts'
import { type Mistake, Model } from './metamorphic-model.ts'
import { optionSets } from './metamorphic-options.ts'
import { lineOf, type Operation, type Program, touches } from './metamorphic-program.ts'
import { Run } from './metamorphic-run.ts'

/** An operation that has not answered for so long never will. */
const answerMsMax = 30_000
const shownBefore = 12

export interface Difference {
  readonly optionSet: number
  readonly program: Program
  readonly index: number
  readonly expected: string
  readonly found: string
  readonly error: string
}

export interface Outcome {
  readonly hash: string
  readonly difference: Difference | undefined
}

export function hashOf(history: Iterable<string>): string {
  const hash = createHash('sha256')
  for (const answer of history) hash.update(`${answer}\n`)
  return hash.digest('hex').slice(0, 16)
}

/** One run, up to the first answer that is not the expected one. */
export async function compare(
  program: Program,
  expected: readonly string[],
  optionSet: number,
  tally: Tally = newTally()
): Promise<Outcome> {
  const history: string[] = []
  const run = new Run(optionSet, program.length + optionSet, tally)
  const differs = (found: string): Outcome => ({
    hash: hashOf(history),
    difference: {
      optionSet,
      program,
      index: history.length,
      expected: expected[history.length] ?? '',
      found,
      error: run.lastError === undefined ? '' : textOf(run.lastError)
    }
  })
  const watch = new Watch(() => history.length)
  try {
    await watch.over(run.open())
    for (const operation of program) {
      const found = await watch.over(run.answer(operation))
      if (found !== expected[history.length]) return differs(found)
      history.push(found)
    }
    await watch.over(run.close())
    return { hash: hashOf(history), difference: undefined }
  } catch (error) {
    return differs(textOf(error))
  } finally {
    watch.end()
    await run.world.end()
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error))

/** Tells of work that goes on for ever. */
class Watch {
  #timer: NodeJS.Timeout
  #never: Promise<never>

  constructor(progress: () => number) {
    let reject: (error: Error) => void = () => {}
    this.#never = new Promise((_, refuse) => {
      reject = refuse
    })
    this.#never.catch(() => undefined)
    let last = -1
    this.#timer = setInterval(() => {
      if (progress() === last) reject(new Error('It never answered.'))
      last = progress()
    }, answerMsMax)
  }

  over<Result>(work: Promise<Result>): Promise<Result> {
    return Promise.race([work, this.#never])
  }

  end(): void {
    clearInterval(this.#timer)
  }
}

/** The smallest program found, until the time is over, that still shows a difference on the option set. */
export async function shrink(
  difference: Difference,
  mistake: Mistake | undefined,
  untilMs: number
): Promise<Difference> {
  const { optionSet } = difference
  let best = difference
  const tryIt = async (program: Program): Promise<boolean> => {
    const expected = new Model(mistake).history(program)
    const { difference: found } = await compare(program, expected, optionSet)
    if (found === undefined) return false
    best = { ...found, program: program.slice(0, found.index + 1) }
    return true
  }
  const isTime = (): boolean => performance.now() < untilMs
  // What comes after the first difference matters to nothing before it.
  await tryIt(difference.program.slice(0, difference.index + 1))
  let size = 0
  do {
    size = best.program.length
    for (let chunk = size >>> 1; chunk >= 1 && isTime(); chunk >>>= 1) {
      for (let from = Math.max(0, best.program.length - chunk); from >= 0 && isTime(); from -= chunk) {
        await tryIt([...best.program.slice(0, from), ...best.program.slice(from + chunk)])
      }
    }
    for (let at = best.program.length - 1; at >= 0 && isTime(); at--) await shrinkLists(() => best.program, at, tryIt)
  } while (isTime() && best.program.length < size)
  return best
}

// Fewer changes of a batch, steps of a transaction, reads at once.
async function shrinkLists(
  programOf: () => Program,
  at: number,
  tryIt: (program: Program) => Promise<boolean>
): Promise<void> {
  for (const name of ['changes', 'steps', 'reads']) {
    for (let i = 0; ; ) {
      const program = programOf()
      const operation = program[at] as unknown as Record<string, readonly unknown[] | undefined> | undefined
      const list = operation?.[name]
      if (list === undefined || i >= list.length) break
      const smaller = { ...operation, [name]: [...list.slice(0, i), ...list.slice(i + 1)] } as unknown as Operation
      if (!(await tryIt([...program.slice(0, at), smaller, ...program.slice(at + 1)]))) i++
    }
  }
}

/** The key where two answers part, if they name one. */
function keyAt(expected: string, found: string, operation: Operation | undefined): string | undefined {
  if (operation !== undefined && 'key' in operation) return operation.key
  const [due, given] = [expected, found].map((answer) => answer.replace(/[[\]]/g, '').split(' '))
  const at = due?.findIndex((item, i) => item !== given?.[i]) ?? -1
  const item = at < 0 ? given?.at(-1) : due?.[at]
  return item?.split('=')[0]
}

/** Everything that helps to see why. */
export function explain(seed: number, difference: Difference, first: Difference): string {
  const { program, index, optionSet, expected, found, error } = difference
  const operation = program[index]
  const key = keyAt(expected, found, operation)
  const before = program.slice(0, index).flatMap((one, i) => {
    return key !== undefined && touches(one, key) ? [`  ${i}: ${lineOf(one)}`] : []
  })
  return [
    `Seed ${seed}, option set ${optionSet} (${optionSets[optionSet]?.name}), operation ${first.index} of ${first.program.length}:`,
    `  ${operation === undefined ? 'opening or closing' : lineOf(operation)}`,
    `expected ${clip(expected)}`,
    `found    ${clip(found)}`,
    ...(error === '' ? [] : [`last error: ${error}`]),
    `the last operations before it on ${JSON.stringify(key)}:`,
    ...before.slice(-shownBefore),
    `the program, made as small as time allowed (${program.length} operations):`,
    ...program.map(lineOf)
  ].join('\n')
}

const clip = (text: string): string => (text.length > 2000 ? `${text.slice(0, 2000)}… (${text.length})` : text)
