// The micro suites: single parts of the data plane, measured by the package `benchmark` through the addon as it ships. Each
// suite's file says what a call really does, since the addon has no entry points for benches.
//
// A figure is the mean of many samples of one call, divided by the units it treats (entries, keys, bytes); ± is the
// relative margin of error that `benchmark` gives.

import Benchmark from 'benchmark'
import { suite as block } from './micro/block.mjs'
import { suite as bloom } from './micro/bloom.mjs'
import { suite as crc32c } from './micro/crc32c.mjs'
import { suite as memtable } from './micro/memtable.mjs'
import { suite as merge } from './micro/merge.mjs'
import { hundredths } from './support/report.mjs'

const suites = { crc32c, bloom, memtable, block, merge }
// The memtable is a B+ tree; who asks for the skip list of other LSM trees means it.
const synonyms = { skiplist: ['memtable'], micro: Object.keys(suites) }
const secondsMax = 1.5

/** One call again and again, after `prepare` once. */
function measure(suite, { name, units, unit, prepare, call }) {
  prepare?.()
  call()
  const bench = new Benchmark(name, call, { maxTime: secondsMax, minSamples: 10 }).run({ async: false })
  if (bench.error) throw bench.error
  const { mean, rme, sample } = bench.stats
  const perUnit = mean / units
  const result = {
    name: `${suite}: ${name}`,
    nanoseconds: hundredths(perUnit * 1e9),
    per: unit,
    perSecond: Math.round(1 / perUnit),
    errorPercent: hundredths(rme),
    samples: sample.length
  }
  const figure = `${String(result.nanoseconds).padStart(10)} ns per ${unit.padEnd(6)}`
  console.log(
    `${result.name.padEnd(52)} ${figure} ${String(result.perSecond).padStart(13)} /s  ± ${result.errorPercent} %`
  )
  return result
}

export function run({ names }) {
  const wanted = [...new Set(names.flatMap((name) => synonyms[name] ?? [name]))]
  const results = []
  for (const name of wanted) {
    const { cases, close } = suites[name]()
    for (const one of cases) results.push(measure(name, one))
    close?.()
  }
  return { results }
}
