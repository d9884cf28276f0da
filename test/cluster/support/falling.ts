// All members fall at the same time, under load, and start again: what was acknowledged has to be there.
import { expect } from 'vitest'
import type { Random } from '../../server/support/random.ts'
import { checkRound, judge } from './judging.ts'
import { Load, type Member } from './load.ts'
import type { ClusterProcesses } from './nodes.ts'
import { RawConnection, requestOf } from './raw-connection.ts'

export interface Falling {
  readonly cluster: ClusterProcesses
  readonly falls: number
  readonly random: Random
  /** Begins at the call, and resolves once no process is left. After `isOff` no answer counts. */
  readonly fall: (isOff: () => void) => Promise<unknown>
}

export interface FallingFigures extends Readonly<Record<string, unknown>> {
  readonly falls: number
  readonly unknown: number
}

const askedAtOnce = 500

/** How many of the keys a member has. */
async function countOf({ port }: Member, keys: readonly string[]): Promise<number> {
  const connection = await RawConnection.open(port, 0)
  let count = 0
  for (let i = 0; i < keys.length; i += askedAtOnce) {
    const reply = await connection?.ask(requestOf('EXISTS', ...keys.slice(i, i + askedAtOnce)))
    expect(reply).toMatch(/^:/)
    count += Number(reply?.slice(1))
  }
  connection?.close()
  return count
}

export async function fallTogether({ cluster, falls, random, fall }: Falling): Promise<FallingFigures> {
  const load = new Load(cluster.nodes, random.below(2 ** 32))
  const { acknowledged, counts } = load.history
  const startMs = performance.now()
  let backMsMax = 0
  for (let i = 0; i < falls; i++) {
    const before = acknowledged.length
    load.begin()
    await load.more(200 + random.below(1_000))
    const fallen = fall(() => load.hearNoMore())
    await Promise.all([load.end(), fallen])
    const fallenMs = performance.now()
    await Promise.all(cluster.nodes.map((node) => cluster.restart(node)))
    const leader = await cluster.leader()
    backMsMax = Math.max(backMsMax, performance.now() - fallenMs)
    const written = acknowledged.slice(before)
    expect(written.length).toBeGreaterThan(0)
    expect(await countOf(leader, written)).toBe(written.length)
    await checkRound(cluster, load)
  }
  const seconds = Math.round((performance.now() - startMs) / 1000)
  const { digest, keys } = await judge(cluster, load)
  const keysWrittenOnce = acknowledged.length
  return { falls, ...counts, keysWrittenOnce, keys, lost: 0, backMsMax: Math.round(backMsMax), digest, seconds }
}
