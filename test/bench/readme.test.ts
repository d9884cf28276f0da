// The README's figures of speed are those of the results that it names.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { comparison } from '../../bench/support/comparison.mjs'

const textOf = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

interface Bar {
  readonly engine: string
  readonly opsPerSecond: number
  readonly ratio: number
}

test('the table of speed', () => {
  const rows = textOf('bench/results/peers.jsonl')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object)
  const { workloads } = comparison(rows) as { workloads: { title: string; bars: Bar[] }[] }
  const expected = workloads.map(({ title, bars: [varve, ...others] }) => {
    const best = others.sort((a, b) => b.opsPerSecond - a.opsPerSecond)[0]
    return `| ${title} | ${varve?.opsPerSecond} | ${best?.opsPerSecond} (${best?.engine}) | ${varve?.ratio.toFixed(2)} |`
  })
  expect(expected.length).toBe(14)
  const section = /## Speed\n(.*?)\n## /s.exec(textOf('README.md'))?.[1] ?? ''
  const lines = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| |'))
  expect(lines).toEqual(expected)
})
