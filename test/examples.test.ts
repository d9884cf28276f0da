// Every example runs on the built package and prints what its comments say.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root, runNode } from './support/varve.ts'

const directory = join(root, 'examples')
const helpers = ['city-entries.mjs', 'example-directory.mjs']
const examples = readdirSync(directory).filter((name) => name.endsWith('.mjs') && !helpers.includes(name))

test.each(examples.filter((name) => !name.startsWith('cities')))('%s', async (name) => {
  const source = readFileSync(join(directory, name), 'utf8')
  const promised = [...source.matchAll(/^console\.log\(.*\) \/\/ (.*)$/gm)].map((match) => match[1])
  expect(promised.length).toBeGreaterThan(0)
  const { code, stdout, stderr } = await runNode([join('examples', name)])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout.trimEnd().split('\n')).toEqual(promised)
})

test('cities.mjs', async () => {
  const { code, stdout, stderr } = await runNode([join('examples', 'cities.mjs')])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain(' 138398 cities ')
  expect(stdout.endsWith('all of it is there, byte for byte\n')).toBe(true)
  console.log(stdout)
})

test('cities-jsonl.mjs', async () => {
  const { code, stdout } = await runNode([join('examples', 'cities-jsonl.mjs')])
  expect(code).toBe(0)
  const lines = stdout.trimEnd().split('\n')
  expect(lines).toHaveLength(138_398)
  expect(JSON.parse(lines[0] ?? '')).toEqual({ key: 'AD/000000', value: expect.stringContaining('"country":"AD"') })
})

test('the README of the examples names each of them', () => {
  const readme = readFileSync(join(directory, 'README.md'), 'utf8')
  for (const name of [...examples, ...helpers]) expect(readme).toContain(name)
})
