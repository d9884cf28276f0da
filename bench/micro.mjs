// The micro suites: single parts of the data plane, measured by the package `benchmark` through the addon as it
// ships. Each suite's file says what a call really does, since the addon has no entry points for benches.
//
// A figure is the mean of many samples of one call, divided by the units it treats (entries, keys, bytes); ± is the
// relative margin of error that `benchmark` gives. The cases of a suite take turns, three rounds of them, and each
// one's best round counts: so a machine that slows down for a while does not favour one case over another.

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
const secondsMax = 0.6
const roundCount = 3

/** One call again and again, after `prepare` once. */
function sample({ name, prepare, call }) {
  prepare?.()
  call()
  const bench = new Benchmark(name, call, { maxTime: secondsMax, minSamples: 10 }).run({ async: false })
  if (bench.error) throw bench.error
  return bench.stats
}

function report(suite, { name, units, unit }, stats) {
  const perUnit = stats.mean / units
  const result = {
    name: `${suite}: ${name}`,
    nanoseconds: hundredths(perUnit * 1e9),
    per: unit,
    perSecond: Math.round(1 / perUnit),
    errorPercent: hundredths(stats.rme),
    samples: stats.sample.length
  }
  const figure = `${String(result.nanoseconds).padStart(10)} ns per ${unit.padEnd(6)}`
  const speed = `${String(result.perSecond).padStart(13)} /s`
  console.log(`${result.name.padEnd(44)} ${figure} ${speed}  ± ${result.errorPercent} %`)
  return result
}

export function run({ names }) {
  const wanted = [...new Set(names.flatMap((name) => synonyms[name] ?? [name]))]
  const results = []
  for (const suite of wanted) {
    const { cases, close } = suites[suite]()
    const rounds = Array.from({ length: roundCount }, () => cases.map(sample))
    for (const [i, one] of cases.entries()) {
      const [best] = rounds.map((round) => round[i]).sort((a, b) => a.mean - b.mean)
      results.push(report(suite, one, best))
    }
    close?.()
  }
  return { results }
}
