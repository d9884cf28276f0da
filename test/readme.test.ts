// The programs of the README and of the client's page print what their comments say: each is run as it stands, but for where
// varve is, and its server.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Server } from '../server/server.ts'
import { DatabaseStore } from '../server/store/database.ts'
import { root, runNode } from './support/varve.ts'

const programs = ['README.md', 'server/client/README.md'].flatMap((page) =>
  [...readFileSync(join(root, page), 'utf8').matchAll(/```js\n([\s\S]*?)```/g)].map(([, text]) => text ?? '')
)

test('there are some', () => {
  expect(programs.length).toBeGreaterThanOrEqual(6)
})

test.each(programs.map((text, i) => [i, text] as const))('program %d', async (_, text) => {
  const directory = mkdtempSync(join(tmpdir(), 'varve-readme-'))
  const path = join(directory, 'program.mjs')
  const served = text.includes('port: 9000') ? await serve(join(directory, 'served')) : undefined
  // Node 20 has no `await using`; what is left open ends with the process.
  const program = text
    .replace("from 'varve'", `from '${join(root, 'dist/lib/index.js')}'`)
    .replace("from 'varve/client'", `from '${join(root, 'dist/server/client/index.js')}'`)
    .replace('port: 9000', `port: ${served?.port}`)
    .replace('await using', 'const')
    .replaceAll("'./", `'${directory}/`)
  writeFileSync(path, program)
  const { stdout, stderr } = await runNode([path])
  await served?.stop()
  const promised = [...text.matchAll(/^.*console\.log\(.*\/\/ (.*)$/gm)].map((match) => match[1])
  expect(stderr).toBe('')
  expect(stdout.replaceAll(directory, '.').trimEnd().split('\n')).toEqual(promised)
  rmSync(directory, { recursive: true, force: true })
})

/** A server as `varve serve` starts one, on a port that the system chooses. */
async function serve(directory: string): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const store = await DatabaseStore.open(directory)
  const server = await Server.listen({ store, port: 0 })
  const stop = async () => {
    await server.stop()
    await store.close()
  }
  return { port: server.address.port, stop }
}
