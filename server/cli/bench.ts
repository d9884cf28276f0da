// varve bench: how much a server does, and how long it takes: a table with percentiles. It writes under keys of its own, and
// removes them.
import { Command, InvalidArgumentError } from 'commander'
import type { RequestPart } from '../protocol/resp-requests.ts'
import { addClientFlags, type ClientFlags, targetOf } from './address.ts'
import { type Outcome, runLoad, withWire } from './bench-load.ts'
import { connectionExit } from './exit.ts'
import { examples, print, printJson, say } from './output.ts'
import { Progress } from './progress.ts'
import { behindPrefix } from './range.ts'
import type { Target } from './wire.ts'

interface BenchFlags extends ClientFlags {
  readonly clients: number
  readonly pipeline: number
  readonly requests: number
  readonly size: number
  readonly keys: number
  readonly tests: readonly TestName[]
  readonly seed: number
  readonly keep?: boolean
}

const testNames = ['set', 'get', 'incr', 'mget', 'range'] as const

type TestName = (typeof testNames)[number]

export const benchCommand = (): Command =>
  addClientFlags(new Command('bench'))
    .description('measure a server: requests a second and how long they take; it removes what it wrote')
    .option('-c, --clients <n>', 'connections', count, 50)
    .option('-P, --pipeline <n>', 'requests that each has under way', count, 1)
    .option('-n, --requests <n>', 'requests of each test', count, 100_000)
    .option('-d, --size <bytes>', 'length of a value', count, 100)
    .option('-r, --keys <n>', 'keys to choose from', count, 10_000)
    .option('-t, --tests <names>', `of ${testNames.join(',')}`, parseTests, testNames)
    .option('--seed <n>', 'for the choice of keys', count, 1)
    .option('--keep', 'leave the keys there')
    .addHelpText(
      'after',
      examples('varve bench', 'varve bench -c 10 -P 16 -n 20000 -t set,get', 'varve bench -n 1000 -d 1000 --json')
    )
    .action(async (flags: BenchFlags) => {
      const target = await targetOf(flags)
      try {
        await bench(target, flags)
      } catch (error) {
        throw connectionExit(error, target)
      }
    })

function count(text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number < 1 || !Number.isSafeInteger(number)) {
    throw new InvalidArgumentError('It is a whole number from 1.')
  }
  return number
}

function parseTests(text: string): readonly TestName[] {
  const names = text.split(',').map((name) => name.trim().toLowerCase())
  const tests = names.flatMap((name) => testNames.find((test) => test === name) ?? [])
  if (tests.length !== names.length) throw new InvalidArgumentError(`There are ${testNames.join(', ')}.`)
  return tests
}

const prefix = 'varve-bench:'

async function bench(target: Target, flags: BenchFlags): Promise<void> {
  await withWire(target, async (wire) => {
    const value = Buffer.alloc(flags.size, 'x')
    for (let i = 0; i < flags.keys; i++) {
      await wire.room()
      // The last of them is awaited; what fails before ends the connection's turn there.
      void wire.call('SET', keyOf(i), value).catch(() => {})
    }
    await wire.call('SET', keyOf(0), value)
  })
  try {
    if (!flags.json) print(headLine())
    for (const test of flags.tests) {
      const outcome = await measured(target, test, flags)
      if (flags.json) printJson(resultOf(test, outcome, flags))
      else print(lineOf(test, outcome))
    }
  } finally {
    if (!flags.keep) {
      const cleaned = withWire(target, (wire) => wire.call('DELRANGE', prefix, behindPrefix(Buffer.from(prefix))))
      await cleaned.catch(() => say(`The keys that begin with ${prefix} are still there.`))
    }
  }
}

async function measured(target: Target, test: TestName, flags: BenchFlags): Promise<Outcome> {
  const { clients, pipeline, requests } = flags
  const progress = new Progress(test)
  const load = { clients: Math.min(clients, requests), pipeline, requests, next: requestsOf(test, flags) }
  try {
    return await runLoad(target, load, (done) => {
      // A plain log needs no tenths of a second.
      if (process.stderr.isTTY) progress.update({ done, total: requests, count: done })
    })
  } finally {
    progress.end()
  }
}

const mgetKeys = 10
const rangeEntries = 100

function requestsOf(test: TestName, { size, keys, seed }: BenchFlags): () => readonly RequestPart[] {
  const value = Buffer.alloc(size, 'x')
  let state = seed >>> 0
  // A linear congruential generator: choosing a key costs nothing beside the request.
  const key = (): string => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return keyOf(Math.floor((state / 2 ** 32) * keys))
  }
  switch (test) {
    case 'set':
      return () => ['SET', key(), value]
    case 'get':
      return () => ['GET', key()]
    case 'incr':
      return () => ['INCR', `${prefix}counter`]
    case 'mget':
      return () => ['MGET', ...Array.from({ length: mgetKeys }, key)]
    case 'range':
      return () => ['RANGE', key(), '', 'LIMIT', rangeEntries]
  }
}

const keyOf = (number: number): string => `${prefix}${String(number).padStart(12, '0')}`

const shares = [0.5, 0.95, 0.99, 0.999] as const

const nameOf = (share: number): string => `p${String(share * 100).replace('.', '')}`

const columns = (cells: readonly string[]): string =>
  cells.map((cell, i) => (i === 0 ? cell.padEnd(8) : cell.padStart(12))).join('')

const headLine = (): string => columns(['test', 'ops/s', 'mean ms', ...shares.map(nameOf), 'max ms'])

function lineOf(test: TestName, { requests, seconds, latencies }: Outcome): string {
  const times = [latencies.meanMs, ...shares.map((share) => latencies.percentileMs(share)), latencies.maxMs]
  return columns([test, String(Math.round(requests / seconds)), ...times.map((ms) => ms.toFixed(3))])
}

function resultOf(test: TestName, { requests, seconds, latencies }: Outcome, flags: BenchFlags): object {
  const rounded = (ms: number): number => Math.round(ms * 1000) / 1000
  const percentiles = shares.map((share) => [`${nameOf(share)}Ms`, rounded(latencies.percentileMs(share))])
  return {
    test,
    clients: flags.clients,
    pipeline: flags.pipeline,
    valueBytes: flags.size,
    requests,
    seconds: rounded(seconds),
    opsPerSecond: Math.round(requests / seconds),
    meanMs: rounded(latencies.meanMs),
    ...Object.fromEntries(percentiles),
    maxMs: rounded(latencies.maxMs)
  }
}
