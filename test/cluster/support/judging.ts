// What a campaign comes to at its end: everybody holds the same, and nothing that was acknowledged is missing.
import { expect } from 'vitest'
import { contentsOf } from './contents.ts'
import { lostOf } from './history.ts'
import type { Load } from './load.ts'
import { numberOf } from './load.ts'
import type { ClusterProcesses } from './nodes.ts'
import { RawConnection, requestOf } from './raw-connection.ts'

/** Reads every register of the round from every member, and checks what the round saw. */
export async function checkRound(cluster: ClusterProcesses, load: Load): Promise<void> {
  for (const { port, id } of cluster.nodes) {
    const connection = await RawConnection.open(port, 0)
    expect(connection, `node ${id}`).toBeDefined()
    for (let i = 0; i < load.registerCount && connection !== undefined; i++) {
      const calledAt = performance.now()
      const key = load.register(i)
      const reply = (await connection.ask(requestOf('GET', key))) ?? 'no reply'
      expect(reply, `node ${id}`).toMatch(/^\$/)
      load.history.read(key, numberOf(reply), calledAt, performance.now())
    }
    connection?.close()
  }
  expect(load.history.check()).toMatchObject({ verdict: 'linearizable' })
}

/** Stops all three, and compares what is on their disks with each other and with what was acknowledged. */
export async function judge(
  cluster: ClusterProcesses,
  load: Load
): Promise<{ readonly digest: string; readonly keys: number }> {
  const index = await cluster.applied()
  for (const node of cluster.nodes) expect(await cluster.end(node, 'SIGTERM'), node.said).toBe(0)
  const contents = await Promise.all(cluster.nodes.map(({ directory }) => contentsOf(directory, index)))
  const [{ digest, values }, ...others] = contents as [(typeof contents)[0], ...typeof contents]
  const { acknowledged } = load.history
  expect(acknowledged.length).toBeGreaterThan(0)
  expect(lostOf(acknowledged, (key) => values.has(key))).toEqual([])
  expect(others.map((other) => other.digest)).toEqual([digest, digest])
  return { digest, keys: values.size }
}

/** Milliseconds, whole. */
export function gapsOf(gapsMs: readonly number[]): { readonly medianMs: number; readonly worstMs: number } {
  const sorted = [...gapsMs].sort((a, b) => a - b)
  return { medianMs: Math.round(sorted[sorted.length >> 1] ?? 0), worstMs: Math.round(sorted.at(-1) ?? 0) }
}
