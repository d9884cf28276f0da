// Opened and closed over and over in one process, a database leaves nothing behind: no descriptor, no thread, nothing that
// keeps the loop alive, no memory.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { campaign, report } from '../support/campaign.ts'
import { skipUnless } from '../support/skip.ts'
import { runNode, temporaryDirectory } from '../support/varve.ts'

const cycles = campaign('open and close', { short: 200, long: 3_000, instrumented: 60 })
const program = fileURLToPath(new URL('support/open-close.mjs', import.meta.url))
const MiB = 1 << 20

interface Held {
  readonly cycle: number
  readonly descriptors: number
  readonly threads: number
  readonly resources: readonly string[]
  readonly rss: number
  readonly external: number
  readonly heapUsed: number
}

test.runIf(skipUnless('open and close', existsSync('/proc/self/task'), 'needs /proc'))(
  `${cycles} databases opened and closed leave nothing behind`,
  async () => {
    using directory = temporaryDirectory()
    const path = join(directory.path, 'data')
    const { code, stdout, stderr } = await runNode(['--expose-gc', program, path, String(cycles), String(cycles / 10)])
    expect([code, stderr]).toEqual([0, ''])
    const lines = stdout
      .trim()
      .split('\n')
      .map((line): Held => JSON.parse(line))
    expect(lines.length).toBe(10)
    // After a fifth the process has what it needs: buffers, arenas, compiled code.
    const [warm, last] = [lines[1] as Held, lines[9] as Held]
    for (const { descriptors, threads, resources } of lines.slice(1)) {
      expect({ descriptors, threads, resources }).toEqual({
        descriptors: warm.descriptors,
        threads: warm.threads,
        resources: []
      })
    }
    const grown = {
      rss: last.rss - warm.rss,
      external: last.external - warm.external,
      heapUsed: last.heapUsed - warm.heapUsed
    }
    // Each cycle writes half a MiB: what is left of one in three would be seen.
    expect(grown.rss).toBeLessThan(48 * MiB)
    expect(grown.external).toBeLessThan(MiB)
    expect(grown.heapUsed).toBeLessThan(3 * MiB)
    const { descriptors, threads } = last
    report('open and close', { cycles, descriptors, threads, rss: last.rss, grown })
  }
)
