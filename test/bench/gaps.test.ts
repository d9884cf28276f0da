// What the bench of gaps says about a gap: which collections fall into it, which functions ran.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { collectionsIn, GapWatch, Longest } from '../../bench/support/gaps.mjs'
import { functionsIn } from '../../bench/support/profile.mjs'
import { limit, limitLines, median } from '../../bench/support/report.mjs'
import { runNode, temporaryDirectory } from '../support/varve.ts'

const gap = { startMs: 100, endMs: 110 }

test('collections count as far as they fall into the gap', () => {
  const collections = [
    { startMs: 90, endMs: 101, kind: 'scavenge' },
    { startMs: 104, endMs: 106, kind: 'scavenge' },
    { startMs: 109, endMs: 120, kind: 'mark-compact' },
    { startMs: 120, endMs: 130, kind: 'scavenge' }
  ]
  expect(collectionsIn(gap, collections)).toEqual({ ms: 4, kinds: { scavenge: 3, 'mark-compact': 1 } })
  expect(collectionsIn(gap, [])).toEqual({ ms: 0, kinds: {} })
})

test('a collection within another counts once', () => {
  const collections = [
    { startMs: 103, endMs: 104, kind: 'weak callbacks' },
    { startMs: 102, endMs: 106, kind: 'mark-compact' }
  ]
  expect(collectionsIn(gap, collections)).toEqual({ ms: 4, kinds: { 'mark-compact': 4, 'weak callbacks': 1 } })
})

test('the longest are kept, longest first', () => {
  const longest = new Longest(3)
  for (const length of [3, 1, 4, 1, 5, 9, 2, 6]) longest.add({ startMs: 0, endMs: length })
  expect(longest.kept.map(({ endMs }) => endMs)).toEqual([9, 6, 5])
})

test('a blocked loop is a gap, and what ran in it is told', async () => {
  const watch = new GapWatch(1)
  const start = performance.now()
  while (performance.now() - start < 30);
  const { maxMs, histogram, longest } = await watch.stop()
  expect(maxMs).toBeGreaterThanOrEqual(30)
  expect(longest).toHaveLength(1)
  const long = histogram.filter(({ toMs }) => toMs === null || toMs > 30)
  expect(long.reduce((sum, { gaps }) => sum + gaps, 0)).toBeGreaterThanOrEqual(1)
  const [parts] = longest
  if (parts === undefined || !('cpuMs' in parts)) return
  expect(parts.cpuMs + parts.waitingMs + parts.blockedMs).toBeCloseTo(maxMs, 0)
  expect(parts.stolenMs).toBeGreaterThanOrEqual(0)
})

test('functions are told by their own time within the span', () => {
  const frame = (functionName: string, url = '') => ({ functionName, url, lineNumber: 6 })
  const profile = {
    startTime: 0,
    nodes: [
      { id: 1, callFrame: frame('(root)'), children: [2] },
      { id: 2, callFrame: frame('put', 'file:///a/writer.js'), children: [3] },
      { id: 3, callFrame: frame('write') }
    ],
    samples: [2, 3, 3, 2],
    timeDeltas: [1000, 1000, 2000, 1000]
  }
  expect(functionsIn(profile, 1500, 5000)).toEqual([
    { name: 'write', ms: 3, under: 'put' },
    { name: 'put writer.js:7', ms: 0.5, under: '' }
  ])
})

test('limits are met up to themselves', () => {
  const lines = limitLines([limit('opening', 100, 100, 'ms'), limit('gap', 10.1, 10, 'ms')])
  expect(lines).toEqual(['met    opening  100 ms, at most 100', 'MISSED gap      10.1 ms, at most 10'])
  expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5])
})

test('benches run by name and write their results', async () => {
  using directory = temporaryDirectory()
  const out = join(directory.path, 'out.json')
  const { code, stderr } = await runNode(['bench/run.mjs', 'fillseq', 'readsync', '--entries=1000', `--out=${out}`])
  expect([code, stderr]).toEqual([0, ''])
  const { bench, entries, results, summary } = JSON.parse(readFileSync(out, 'utf8'))
  expect([bench, entries]).toEqual(['workloads', 1000])
  expect(results.map(({ name, operations }: { name: string; operations: number }) => [name, operations])).toEqual([
    ['fillseq', 1000],
    ['readsync', 1000]
  ])
  expect(summary.liveBytes).toBe(116_000)
})

test('a name or a flag that is not there is told in one line', async () => {
  const refusals = [['nothing'], ['gaps', 'crc32c'], ['--entries=few'], ['--speed'], ['gaps', '--only=nothing']]
  for (const args of refusals) {
    const { code, stderr } = await runNode(['bench/run.mjs', ...args])
    expect([args, code, stderr.trimEnd().split('\n').length]).toEqual([args, 2, 1])
  }
})
