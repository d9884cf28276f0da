// The same random commands, valid and not, to varve and to Debian's redis-server: the replies are the same bytes, but for what
// stands in differences.ts.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Server } from '../../server/server.ts'
import { DatabaseStore } from '../../server/store/database.ts'
import { campaign, isLong, report, seedOf } from '../support/campaign.ts'
import { hasCommand, skipUnless } from '../support/skip.ts'
import { differences, differencesOf } from './differences.ts'
import { type Random, randomOf } from './support/random.ts'
import { oneWrite, someRequests, transactionOf, watchOf } from './support/random-commands.ts'
import { type RedisServer, startRedis } from './support/redis-server.ts'
import { type Request, RespPeer, requestOf } from './support/resp-peer.ts'

const seed = seedOf('differential')
const commandsMin = campaign('differential', { short: 100_000, long: 5_000_000, instrumented: 10_000 })
const batchMin = 400
/** Most of it is waiting for two processes to take turns: on a busy machine that takes its time. */
const patienceMs = isLong ? 4 * 3_600_000 : 240_000

/** A connection to each of the two. */
interface Pair {
  readonly redis: RespPeer
  readonly varve: RespPeer
}

const wordsOf = (request: Request): string[] => request.map((word) => word.toString('latin1'))

const shownBytes = 80
const shown = (text: string): string => (text.length > shownBytes ? `${text.slice(0, shownBytes)}…` : text)

describe.runIf(skipUnless('redis-server', hasCommand('redis-server'), 'needs the Debian package of this name'))(
  'varve and Redis',
  () => {
    let directory: string
    let redis: RedisServer
    let store: DatabaseStore
    let server: Server
    const faults: unknown[] = []

    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'varve-differential-'))
      redis = await startRedis()
      store = await DatabaseStore.open(directory, { durability: 'os' })
      server = await Server.listen({ store, port: 0, onFault: (error) => faults.push(error) })
    })

    afterAll(async () => {
      await server.stop()
      await store.close()
      await redis.stop()
      await rm(directory, { recursive: true, force: true })
      expect(faults).toEqual([])
    })

    async function connectBoth(): Promise<Pair> {
      return {
        redis: await RespPeer.connect({ path: redis.path }),
        varve: await RespPeer.connect({ port: server.address.port })
      }
    }

    const askBoth = ({ redis, varve }: Pair, requests: readonly Request[]): Promise<[string[], string[]]> =>
      Promise.all([redis.ask(requests), varve.ask(requests)])

    /** The first requests whose replies differ by more than they may. */
    async function compare(pair: Pair, requests: readonly Request[], used: Map<string, number>): Promise<string[]> {
      const [theirs, ours] = await askBoth(pair, requests)
      const found: string[] = []
      let queued: string[][] = []
      for (const [i, request] of requests.entries()) {
        const [redis, varve] = [theirs[i] as string, ours[i] as string]
        const words = wordsOf(request)
        words[0] = words[0]?.toUpperCase() ?? ''
        const names = differencesOf(words, queued, redis, varve)
        if (names === undefined) {
          const before = requests.slice(Math.max(0, i - 6), i).map((earlier) => wordsOf(earlier).map(shown))
          found.push(JSON.stringify({ words: words.map(shown), redis: shown(redis), varve: shown(varve), before }))
        }
        for (const name of names ?? []) used.set(name, (used.get(name) ?? 0) + 1)
        if (redis === '+QUEUED\r\n') queued.push(words)
        else if (words[0] === 'MULTI' && redis === '+OK\r\n') queued = []
      }
      return found.slice(0, 3)
    }

    async function run(pairs: readonly [Pair, Pair], random: Random, countMin: number, used: Map<string, number>) {
      const [pair, other] = pairs
      let count = 0
      while (count < countMin) {
        const requests: Request[] = []
        while (requests.length < batchMin) requests.push(...someRequests(random))
        // Of two connections, one watches and one writes in between.
        const watching = [watchOf(random)]
        const writing = random.below(2) === 0 ? [oneWrite(random)] : []
        const executing = transactionOf(random)
        for (const [to, some] of [
          [pair, requests],
          [pair, watching],
          [other, writing],
          [pair, executing]
        ] as const) {
          expect(await compare(to, some, used), `seed ${seed}, after ${count} commands`).toEqual([])
          count += some.length
        }
        if (random.below(8) === 0)
          expect(await keysByScan(pair.varve, 1 + random.below(20))).toEqual(await keysOf(pair.redis))
      }
      return count
    }

    test.each([2, 3])(
      'answer random commands with the same bytes, in RESP%i',
      async (version) => {
        const random = randomOf(seed + version)
        const used = new Map<string, number>()
        const pairs = [await connectBoth(), await connectBoth()] as const
        for (const { redis, varve } of pairs) {
          const hello = [requestOf('HELLO', String(version))]
          await Promise.all([redis.ask(hello), varve.ask(hello)])
        }
        const commands = await run(pairs, random, commandsMin / 2, used)
        report(`differential RESP${version}`, { commands, allowed: Object.fromEntries(used) })
        for (const { redis, varve } of pairs) for (const peer of [redis, varve]) peer[Symbol.dispose]()
      },
      patienceMs
    )

    test('differ where differences.ts says so, and it says why', async () => {
      expect(differences.length).toBeLessThanOrEqual(20)
      for (const { name, reason, example } of differences) {
        expect(reason).not.toBe('')
        if (example.length === 0) continue
        const pair = await connectBoth()
        await askBoth(pair, [requestOf('FLUSHALL')])
        const [theirs, ours] = await askBoth(
          pair,
          example.map((words) => requestOf(...words))
        )
        expect(ours.at(-1), name).not.toBe(theirs.at(-1))
        for (const peer of [pair.redis, pair.varve]) peer[Symbol.dispose]()
      }
    })
  }
)

/** All keys, in an order that does not matter. */
async function keysOf(peer: RespPeer): Promise<string[]> {
  const [reply = ''] = await peer.ask([requestOf('KEYS', '*')])
  return itemsOf(reply).sort()
}

/** The same by scanning, a few at a time. */
async function keysByScan(peer: RespPeer, count: number): Promise<string[]> {
  const keys: string[] = []
  let cursor = '0'
  do {
    const [reply = ''] = await peer.ask([requestOf('SCAN', cursor, 'COUNT', String(count))])
    const [, length = '0', rest = ''] = /^\*2\r\n\$(\d+)\r\n([\s\S]*)$/.exec(reply) ?? []
    cursor = rest.slice(0, Number(length))
    keys.push(...itemsOf(rest.slice(Number(length) + 2)))
  } while (cursor !== '0')
  return keys.sort()
}

/** The items of an array of bulk strings. */
function itemsOf(reply: string): string[] {
  const items: string[] = []
  let at = reply.indexOf('\r\n') + 2
  while (at < reply.length) {
    const lineEnd = reply.indexOf('\r\n', at)
    const length = Number(reply.slice(at + 1, lineEnd))
    items.push(reply.slice(lineEnd + 2, lineEnd + 2 + length))
    at = lineEnd + 4 + length
  }
  return items
}
