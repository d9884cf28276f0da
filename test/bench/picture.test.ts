// The picture of a comparison: what is put side by side, and that the drawing shows it.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { comparison, rowOfGaps } from '../../bench/support/comparison.mjs'
import { drawPicture, shortNumber, stepFor } from '../../bench/support/drawing.mjs'
import { runNode, temporaryDirectory } from '../support/varve.ts'

const varve = { engine: 'project', n: 500_000, 'get.c1': 400_000, 'get.c1.gap_max_ms': 4, 'fillsync.c1': 6000 }
const lmdb = { engine: 'lmdb', n: 500_000, 'get.c1': 200_000, 'get.c1.gap_max_ms': 900, 'fillsync.c1': 4000 }
const rocksdb = { engine: '@nxtedition/rocksdb', n: 500_000, 'get.c1': 20_000, 'fillsync.c1': 9_000_000 }
const map = { engine: 'map', n: 500_000, 'get.c1': 600_000 }
const rows = [lmdb, map, varve, rocksdb]

test('varve comes first, and its ratio is to the best peer', () => {
  const { engines, workloads, entries } = comparison(rows)
  expect(engines).toEqual(['project', 'lmdb', '@nxtedition/rocksdb'])
  expect(entries).toBe(500_000)
  expect(workloads.map(({ name, best }) => [name, best])).toEqual([
    ['fillsync.c1', 4000],
    ['get.c1', 200_000]
  ])
  const [own, other] = workloads[1]?.bars ?? []
  expect(own).toEqual({ engine: 'project', opsPerSecond: 400_000, gapMs: 4, ratio: 2 })
  expect(other).toEqual({ engine: 'lmdb', opsPerSecond: 200_000, gapMs: 900, ratio: 1 })
})

test('of several runs of an engine the medians count, and failed workloads do not', () => {
  const runs = [{ ...varve, 'get.c1': 1 }, varve, { ...varve, 'get.c1': 1e9 }, { ...varve, 'get.c1': 'ERR bad read' }]
  expect(comparison([...runs, lmdb]).workloads[1]?.bars[0]?.opsPerSecond).toBe(400_000)
})

test('a result of gaps is a row', () => {
  const results = [{ name: 'get.c1', opsPerSecond: 400_000, gaps: { maxMs: 4 } }]
  const row = rowOfGaps({ bench: 'gaps', entries: 500_000, machine: { node: 'v20' }, results })
  expect(row).toEqual({ engine: 'project', n: 500_000, node: 'v20', 'get.c1': 400_000, 'get.c1.gap_max_ms': 4 })
  expect(() => rowOfGaps({ bench: 'micro', entries: 1, machine: { node: 'v20' }, results })).toThrow('micro')
})

/** Opening and closing tags in pairs, and the text between. */
function checkWellFormed(svg: string): void {
  const open: string[] = []
  for (const [, closing, name, , selfClosing] of svg.matchAll(/<(\/?)([a-z]+)((?:\s[\w:-]+="[^"<>]*")*)(\/?)>/g)) {
    if (closing) expect(open.pop()).toBe(name)
    else if (!selfClosing) open.push(name ?? '')
  }
  expect(open).toEqual([])
  expect(svg.replace(/<\/?[a-z]+(\s[\w:-]+="[^"<>]*")*\/?>/g, '')).not.toMatch(/[<>]|&(?!amp;|lt;|gt;|quot;)/)
}

test('the drawing is well-formed, shows every bar with its figure, and says what its axes are', () => {
  const svg = drawPicture(comparison(rows))
  checkWellFormed(svg)
  for (const figure of ['varve: gets, one at a time: 400 k/s, 2.00×', 'lmdb: gets, one at a time: 900 ms', '4 ms'])
    expect(svg).toContain(figure)
  expect(svg).toContain('operations a second against the best peer')
  expect(svg).toContain('milliseconds, logarithmic')
  expect(svg).toContain('prefers-color-scheme: dark')
  expect(svg).not.toContain('9.00 M')
  expect(drawPicture(comparison(rows))).toBe(svg)
})

test('every bar stays within the picture', () => {
  const svg = drawPicture(comparison([{ ...varve, 'get.c1': 7_999_999, 'get.c1.gap_max_ms': 99_999 }, lmdb]))
  for (const [, x, barWidth] of svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g))
    expect(Number(x) + Number(barWidth)).toBeLessThanOrEqual(941)
})

test('without peers it shows operations a second', () => {
  const svg = drawPicture(comparison([varve]))
  checkWellFormed(svg)
  expect(svg).toContain('varve: gets, one at a time: 400 k/s<')
  expect(svg).not.toContain('peer')
})

test('names are text, not markup', () => {
  checkWellFormed(drawPicture(comparison([varve, { ...lmdb, engine: '<b> & "c"' }])))
})

test('steps are round, numbers short', () => {
  expect([1, 3, 9, 47, 1200, 0.3].map((most) => stepFor(most, 5))).toEqual([0.2, 1, 2, 10, 500, 0.1])
  const numbers = [0, 999, 1234, 56_789, 999_499, 1_234_567]
  expect(numbers.map(shortNumber)).toEqual(['0', '999', '1.2 k', '57 k', '999 k', '1.23 M'])
})

test('the command reads JSON lines and results of gaps, and writes the picture', async () => {
  using directory = temporaryDirectory()
  const lines = join(directory.path, 'peers.jsonl')
  const own = join(directory.path, 'gaps.json')
  const out = join(directory.path, 'picture.svg')
  writeFileSync(lines, `${[lmdb, rocksdb].map((row) => JSON.stringify(row)).join('\n')}\n`)
  const results = [{ name: 'get.c1', opsPerSecond: 400_000, gaps: { maxMs: 4 } }]
  writeFileSync(own, JSON.stringify({ bench: 'gaps', entries: 500_000, machine: {}, results }, null, 2))
  const written = await runNode(['bench/run.mjs', 'picture', lines, own, `--out=${out}`])
  expect([written.code, written.stderr]).toEqual([0, ''])
  expect(readFileSync(out, 'utf8')).toContain('varve: gets, one at a time: 400 k/s, 2.00×')
  const refused = await runNode(['bench/run.mjs', 'picture', lines])
  expect([refused.code, refused.stderr]).toEqual([2, 'No row is of the engine "project", varve.\n'])
})
