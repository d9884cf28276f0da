// varve simulate: runs simulated clusters from seeds. Needs no server and writes nothing.
import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import type { Fault } from '../simulation/plan.ts'
import type { Shrinkable, Shrunk } from '../simulation/shrink.ts'
import type { TraceListener } from '../simulation/trace.ts'
import { exit, exitCodes, messageOf } from './exit.ts'
import { examples, print, printJson, say } from './output.ts'

interface Flags {
  readonly seed: number
  readonly seeds: number
  readonly steps?: number
  readonly production?: boolean
  readonly class?: string
  readonly plan?: string
  readonly events?: boolean
  readonly shrink: boolean
  readonly json?: boolean
}

interface Options {
  readonly seed: number
  readonly steps: number
  readonly plan?: readonly Fault<string>[]
  readonly seedClass?: string
  readonly listener?: TraceListener
}

interface Outcome extends Shrinkable<string> {
  readonly seed: number
  readonly seedClass: string
  readonly traceHash: string
  readonly totals: object
}

/** What is simulated: the model around the core of Raft, or production code. */
interface Form {
  readonly steps: number
  readonly flag: string
  readonly kinds: readonly string[]
  /** Throws where there is no such class. */
  readonly classOf: (seed: number, name?: string) => unknown
  readonly simulate: (options: Options) => Outcome | Promise<Outcome>
}

export const simulateCommand = (): Command =>
  new Command('simulate')
    .description('run whole clusters on a virtual clock, network and disk; exit code 1 if one breaks a promise')
    .option('--seed <n>', 'the seed, or the first one', whole, 1)
    .option('--seeds <n>', 'how many seeds, counted up from the first', whole, 1)
    .option('--steps <n>', 'events of a run, at least (5000; of production code 3000)', whole)
    .option('--production', 'run the members, logs and tables of a server, instead of a model around the core of Raft')
    .option('--class <name>', 'the faults to run with, instead of those the seed picks')
    .option('--plan <file>', 'a list of faults as JSON, instead of those the seed makes')
    .option('--events', 'print every event')
    .option('--no-shrink', 'do not look for a smaller run that fails alike')
    .option('--json', 'print the result as one line of JSON for each seed')
    .addHelpText(
      'after',
      examples(
        'varve simulate --seed 7',
        'varve simulate --seed 7 --steps 20000 --json',
        'varve simulate --seed 1 --seeds 1000',
        'varve simulate --production --seed 1 --seeds 3',
        'varve simulate --seed 7 --events | tail -50',
        'varve simulate --seed 7 --plan faults.json'
      )
    )
    .action(run)

function whole(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) {
    throw new InvalidArgumentError('It must be a whole number.')
  }
  return number
}

async function run(flags: Flags): Promise<void> {
  const form = flags.production ? await productionForm() : await modelForm()
  try {
    form.classOf(flags.seed, flags.class)
  } catch (error) {
    throw exit(exitCodes.usage, messageOf(error))
  }
  const plan = flags.plan === undefined ? undefined : await readPlan(flags.plan, form.kinds)
  let failed = 0
  for (let seed = flags.seed; seed < flags.seed + flags.seeds; seed++) {
    const options: Options = {
      seed,
      steps: flags.steps ?? form.steps,
      ...(plan && { plan }),
      ...(flags.class !== undefined && { seedClass: flags.class }),
      ...(flags.events && { listener: print })
    }
    const outcome = await form.simulate(options)
    if (flags.json) printJson({ ...outcome, plan: outcome.violation === undefined ? undefined : outcome.plan })
    else print(lineOf(outcome))
    if (outcome.violation === undefined) continue
    failed++
    if (flags.shrink) await showSmaller(form, options, outcome, flags)
  }
  if (failed > 0) process.exitCode = exitCodes.failed
}

async function modelForm(): Promise<Form> {
  const { seedClassOf, simulate } = await import('../simulation/simulation.ts')
  const { faultKinds } = await import('../simulation/plan.ts')
  // A plan's kinds were checked when it was read.
  const one = (options: Options) => simulate(options as Parameters<typeof simulate>[0])
  return { steps: 5_000, flag: '', kinds: faultKinds, classOf: seedClassOf, simulate: one }
}

async function productionForm(): Promise<Form> {
  const { productionClassOf, simulateProduction } = await import('../simulation/production/simulation.ts')
  const { productionFaultKinds } = await import('../simulation/production/plan.ts')
  const one = (options: Options) => simulateProduction(options as Parameters<typeof simulateProduction>[0])
  return {
    steps: 3_000,
    flag: '--production ',
    kinds: productionFaultKinds,
    classOf: productionClassOf,
    simulate: one
  }
}

async function readPlan(path: string, kinds: readonly string[]): Promise<readonly Fault<string>[]> {
  const { planOf } = await import('../simulation/plan.ts')
  try {
    return planOf(JSON.parse(readFileSync(path, 'utf8')), kinds)
  } catch (error) {
    throw exit(exitCodes.usage, `${path} is not a plan of faults: ${messageOf(error)}`)
  }
}

/** A run in a line. */
export function lineOf({ seed, seedClass, traceHash, totals, violation }: Outcome): string {
  const counts = Object.entries(totals).map(([name, count]) => `${name} ${count}`)
  const end = violation === undefined ? 'ok' : `BROKEN: ${violation.promised}. ${violation.sentence}`
  return `seed ${seed}  class ${seedClass}  trace ${traceHash}  ${counts.join('  ')}  ${end}`
}

async function showSmaller(form: Form, options: Options, outcome: Outcome, flags: Flags): Promise<void> {
  const { shrink } = await import('../simulation/shrink.ts')
  const { listener: _, ...quiet } = options
  const shrunk = await shrink(outcome, (changed) => form.simulate({ ...quiet, ...changed }))
  if (flags.json) {
    printJson({ shrunk: shrunk.outcome, runs: shrunk.runs })
    return
  }
  for (const sentence of sentencesOf(shrunk, form.flag)) say(sentence)
  print(JSON.stringify(shrunk.outcome.plan))
}

/** How to see a smaller run that fails alike. Its plan goes to stdout, so that it can be kept. */
export function sentencesOf(
  { outcome: { seed, seedClass, steps, plan, violation }, runs }: Shrunk<Outcome>,
  flag = ''
): string[] {
  const faults = plan.length === 1 ? '1 fault' : `${plan.length} faults`
  return [
    `The smallest of ${runs} other runs that fails alike has ${faults}: ${violation?.sentence} (at ${violation?.atMs} ms)`,
    'Keep the plan that follows in a file, and see it again with:',
    `varve simulate ${flag}--seed ${seed} --steps ${steps} --class ${seedClass} --plan <file> --events`
  ]
}
