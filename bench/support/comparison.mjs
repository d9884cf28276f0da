// Runs of several engines, put side by side workload by workload.

import { median } from './report.mjs'

/** In the order they are drawn; what a reader calls them. */
const workloadTitles = {
  'fillrandom.c64': 'random puts, 64 in flight',
  'fillseq.c1': 'puts in order, one at a time',
  'fillsync.c1': 'synced puts, one at a time',
  'fillsync.c64': 'synced puts, 64 in flight',
  fillbatch1000: 'batches of 1 000',
  'get.c1': 'gets, one at a time',
  'get.c64': 'gets, 64 in flight',
  getSync: 'gets at once (getSync)',
  getMany100: 'gets of 100 keys',
  'getmiss.c64': 'gets of absent keys',
  scanall: 'a scan of everything',
  range100: 'ranges of 100 entries',
  range10: 'ranges of 10 entries',
  'ycsbA.c16': 'half gets, half puts'
}

/** It acknowledges a sync before the disk can have it, so it is no peer where that is asked. */
const isNoPeer = (engine, workload) => workload.startsWith('fillsync') && engine.startsWith('@nxtedition')

/** A result of `gaps` as a row of the same form. */
export function rowOfGaps({ bench, entries, machine, results }) {
  if (bench !== 'gaps') throw new Error(`A result of ${bench} holds nothing to compare by; gaps does.`)
  const row = { engine: 'project', n: entries, node: machine.node }
  for (const { name, opsPerSecond, gaps } of results) {
    row[name] = opsPerSecond
    row[`${name}.gap_max_ms`] = gaps.maxMs
  }
  return row
}

/** The medians of an engine's rows, field by field. */
function merged(rows) {
  const names = new Set(rows.flatMap(Object.keys))
  const numbers = (name) => rows.map((row) => row[name]).filter((value) => typeof value === 'number')
  return Object.fromEntries(
    [...names].filter((name) => numbers(name).length > 0).map((name) => [name, median(numbers(name))])
  )
}

/**
 * Rows of engines as {engines, workloads}: engines in the order of the rows, varve ("project") first, the harness's own
 * Map left out; per workload {name, title, best, bars: [{engine, opsPerSecond, ratio, gapMs}]}, where a ratio is to the
 * best peer (undefined: there is none).
 */
export function comparison(rows) {
  const found = [...new Set(rows.map(({ engine }) => engine))].filter((engine) => engine !== 'map')
  const engines = [...found.filter((engine) => engine === 'project'), ...found.filter((engine) => engine !== 'project')]
  const runs = engines.map((engine) => merged(rows.filter((row) => row.engine === engine)))
  const workloads = Object.entries(workloadTitles)
    .map(([name, title]) => {
      const bars = engines
        .map((engine, i) => ({ engine, opsPerSecond: runs[i][name], gapMs: runs[i][`${name}.gap_max_ms`] }))
        .filter(({ engine, opsPerSecond }) => opsPerSecond !== undefined && !isNoPeer(engine, name))
      const peers = bars.filter(({ engine }) => engine !== 'project').map(({ opsPerSecond }) => opsPerSecond)
      const best = peers.length === 0 ? undefined : Math.max(...peers)
      const withRatio = (bar) => ({ ...bar, ratio: best === undefined ? undefined : bar.opsPerSecond / best })
      return { name, title, best, bars: bars.map(withRatio) }
    })
    .filter(({ bars }) => bars.some(({ engine }) => engine === 'project'))
  return { engines, workloads, entries: Math.max(...runs.map(({ n }) => n ?? 0)) }
}
