// varve simulate: runs simulated clusters from seeds. Needs no server and writes nothing.
import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import type { Fault } from '../simulation/plan.ts'
import type { Shrunk } from '../simulation/shrink.ts'
import type { Outcome, SimulationOptions } from '../simulation/simulation.ts'
import { exit, exitCodes, messageOf } from './exit.ts'
import { examples, print, printJson, say } from './output.ts'

interface Flags {
  readonly seed: number
  readonly seeds: number
  readonly steps: number
  readonly class?: string
  readonly plan?: string
  readonly events?: boolean
  readonly shrink: boolean
  readonly json?: boolean
}

export const simulateCommand = (): Command =>
  new Command('simulate')
    .description('run whole clusters on a virtual clock, network and disk; exit code 1 if one breaks a promise')
    .option('--seed <n>', 'the seed, or the first one', whole, 1)
    .option('--seeds <n>', 'how many seeds, counted up from the first', whole, 1)
    .option('--steps <n>', 'events of a run, at least', whole, 5_000)
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
  const { seedClassOf, simulate } = await import('../simulation/simulation.ts')
  try {
    seedClassOf(flags.seed, flags.class)
  } catch (error) {
    throw exit(exitCodes.usage, messageOf(error))
  }
  const plan = flags.plan === undefined ? undefined : await readPlan(flags.plan)
  let failed = 0
  for (let seed = flags.seed; seed < flags.seed + flags.seeds; seed++) {
    const options: SimulationOptions = {
      seed,
      steps: flags.steps,
      ...(plan && { plan }),
      ...(flags.class !== undefined && { seedClass: flags.class }),
      ...(flags.events && { listener: print })
    }
    const outcome = simulate(options)
    if (flags.json) printJson({ ...outcome, plan: outcome.violation === undefined ? undefined : outcome.plan })
    else print(lineOf(outcome))
    if (outcome.violation === undefined) continue
    failed++
    if (flags.shrink) await showSmaller(options, outcome, flags)
  }
  if (failed > 0) process.exitCode = exitCodes.failed
}

async function readPlan(path: string): Promise<readonly Fault[]> {
  const { planOf } = await import('../simulation/plan.ts')
  try {
    return planOf(JSON.parse(readFileSync(path, 'utf8')))
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

async function showSmaller(options: SimulationOptions, outcome: Outcome, flags: Flags): Promise<void> {
  const { shrink } = await import('../simulation/shrink.ts')
  const { listener: _, ...quiet } = options
  const shrunk = shrink(quiet, outcome)
  if (flags.json) {
    printJson({ shrunk: shrunk.outcome, runs: shrunk.runs })
    return
  }
  for (const sentence of sentencesOf(shrunk)) say(sentence)
  print(JSON.stringify(shrunk.outcome.plan))
}

/** How to see a smaller run that fails alike. Its plan goes to stdout, so that it can be kept. */
export function sentencesOf({ outcome: { seed, seedClass, steps, plan, violation }, runs }: Shrunk): string[] {
  const faults = plan.length === 1 ? '1 fault' : `${plan.length} faults`
  return [
    `The smallest of ${runs} other runs that fails alike has ${faults}: ${violation?.sentence} (at ${violation?.atMs} ms)`,
    'Keep the plan that follows in a file, and see it again with:',
    `varve simulate --seed ${seed} --steps ${steps} --class ${seedClass} --plan <file> --events`
  ]
}
