// The README's programs print what their comments say: each is run as it stands, but for where varve is.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root, runNode } from './support/varve.ts'

const programs = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/```js\n([\s\S]*?)```/g)].map(
  ([, text]) => text ?? ''
)

test('there are some', () => {
  expect(programs.length).toBeGreaterThanOrEqual(6)
})

test.each(programs.map((text, i) => [i, text] as const))('program %d', async (_, text) => {
  const directory = mkdtempSync(join(tmpdir(), 'varve-readme-'))
  const path = join(directory, 'program.mjs')
  // Node 20 has no `await using`; what is left open ends with the process.
  const program = text
    .replace("from 'varve'", `from '${join(root, 'dist/lib/index.js')}'`)
    .replace('await using', 'const')
    .replaceAll("'./", `'${directory}/`)
  writeFileSync(path, program)
  const { stdout, stderr } = await runNode([path])
  const promised = [...text.matchAll(/^.*console\.log\(.*\/\/ (.*)$/gm)].map((match) => match[1])
  expect(stderr).toBe('')
  expect(stdout.replaceAll(directory, '.').trimEnd().split('\n')).toEqual(promised)
  rmSync(directory, { recursive: true, force: true })
})
