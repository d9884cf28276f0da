// Every file of test/scenarios, played: what it says stands below each line. VARVE_REWRITE=1 writes down what was said.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import native from '#native'
import { play } from './support/scenario/text.ts'
import { World } from './support/scenario/world.ts'

const directory = new URL('scenarios/', import.meta.url)
const names = readdirSync(directory).filter((name) => name.endsWith('.txt'))
const rewrites = Boolean(process.env['VARVE_REWRITE'])

test.each(names)('%s', async (name) => {
  const file = new URL(name, directory)
  const text = readFileSync(file, 'utf8')
  await using world = new World()
  const { differences, rewritten } = await play(text, world)
  if (rewrites) writeFileSync(file, rewritten)
  else {
    expect(differences).toEqual([])
    expect(text, 'laid out as VARVE_REWRITE=1 lays it out').toBe(rewritten)
  }
})

test.each(names)('%s leaves the same bytes each time', async (name) => {
  const digests = await Promise.all(
    [1, 2].map(async () => {
      await using world = new World()
      await play(readFileSync(new URL(name, directory), 'utf8'), world)
      return native.memoryDigest(world.fs)
    })
  )
  expect(digests[0]).toBe(digests[1])
})

describe('the language', () => {
  const played = async (text: string) => {
    await using world = new World()
    return play(text, world)
  }

  test('tells what is different, and what it should be', async () => {
    const { differences, rewritten } = await played('open\nput a 1\n# said\nget a\n----\n2\n\nget b\n')
    expect(differences).toEqual([
      { line: 4, text: 'get a', expected: ['2'], said: ['1'] },
      { line: 8, text: 'get b', expected: [], said: ['(missing)'] }
    ])
    expect(rewritten).toBe('open\nput a 1\n# said\nget a\n----\n1\n\nget b\n----\n(missing)\n')
    expect(await played(rewritten)).toEqual({ differences: [], rewritten })
  })

  test.each([
    ['open\nputt a 1\n', "there is no directive 'putt'; directives: batch, begin"],
    ['get a\n', 'line 1, get a: no database is open'],
    ['open\nscan to=b\n', "line 2, scan to=b: there is no bound 'to'"],
    ['open\nget a at=s\n', "there is no snapshot 's'"],
    ['open\nstats levels.none\n', "there is no figure 'levels.none'"],
    ['open cacheBytes=1\nget a\n', 'no database is open']
  ])('fails the file at what it does not know: %j', async (text, sentence) => {
    await expect(played(text)).rejects.toThrow(sentence)
  })

  test('an unknown directive fails before anything is played', async () => {
    const world = new World()
    await expect(play('open\nput a 1\nfly\n', world)).rejects.toThrow("'fly'")
    expect(() => world.db).toThrow('no database is open')
  })
})
