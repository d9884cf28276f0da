// The server over a store that loses its leader: what clients are told, and what is there afterwards. Every write makes two
// entries at once, so that one that was half done would show.
import { afterEach, describe, expect, test } from 'vitest'
import { Client } from '../../server/client/client.ts'
import { ClientStore } from '../../server/client/store.ts'
import { Server } from '../../server/server.ts'
import { type Decision, type Store, StoreError, writtenNothing } from '../../server/store.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { type Random, randomOf } from './support/random.ts'
import { RawClient } from './support/raw-client.ts'
import { ThreeMembers } from './support/three-members.ts'

const closing: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const bytes = (text: string): Buffer => Buffer.from(text)
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

interface Told {
  readonly id: string
  /** It was a decision, which adds one to `count`. */
  readonly counts: boolean
  readonly outcome: 'done' | 'unknown' | 'nothing'
}

/** Writes both entries, by a write or by a decision, and what came of it. */
function make(store: Store, id: string, random: Random): Promise<Told> {
  const put = (half: string) => ({ type: 'put', key: bytes(`${half}:${id}`), value: bytes(id) }) as const
  if (random.below(2) === 0) return told(id, false, store.write([put('left'), put('right')]))
  const decision: Decision = {
    keys: [bytes('count')],
    decide: (view) => {
      view.put(bytes('count'), bytes(String(Number(view.get(bytes('count'))?.value ?? 0) + 1)))
      for (const half of ['left', 'right']) view.put(bytes(`${half}:${id}`), bytes(id))
    }
  }
  return told(id, true, store.decide(decision))
}

async function told(id: string, counts: boolean, call: Promise<unknown>): Promise<Told> {
  try {
    await call
    return { id, counts, outcome: 'done' }
  } catch (error) {
    if (writtenNothing(error)) return { id, counts, outcome: 'nothing' }
    expect((error as StoreError).code).toBe('OUTCOME_UNKNOWN')
    return { id, counts, outcome: 'unknown' }
  }
}

/** What is there is what was told: done means there, nothing means not there, unknown means either, and never half. */
async function check(store: Store, all: readonly Told[]): Promise<void> {
  for (const { id, outcome } of all) {
    const [left, right] = await store.getMany([bytes(`left:${id}`), bytes(`right:${id}`)])
    expect([id, left?.toString()]).toEqual([id, right?.toString()])
    if (outcome === 'done') expect([id, left?.toString()]).toEqual([id, id])
    if (outcome === 'nothing') expect([id, left]).toEqual([id, undefined])
  }
  // Each decision that is there has counted once, on top of all that are there.
  const decisions = all.filter(({ counts }) => counts).map(({ id }) => bytes(`left:${id}`))
  const there = (await store.getMany(decisions)).filter((left) => left !== undefined).length
  const [count] = await store.getMany([bytes('count')])
  expect(Number(count ?? 0)).toBe(there)
}

/** Every member has the same committed log. */
function checkMembers({ members }: ThreeMembers): void {
  const applied = Math.min(...members.map((member) => member.applied))
  const [first, ...others] = members.map(({ log }) => log.slice(0, applied).map((record) => record.operations))
  for (const other of others) expect(other).toEqual(first)
}

const tally = (all: readonly Told[]): Readonly<Record<string, number>> =>
  Object.fromEntries(
    ['done', 'unknown', 'nothing'].map((outcome) => [outcome, all.filter((one) => one.outcome === outcome).length])
  )

test('the store itself: acknowledged writes stay, refused ones never come, none is half', async () => {
  const rounds = campaign('lost leaders', { short: 30, long: 3_000 })
  const random = randomOf(seedOf('lost leaders'))
  const everything: Told[] = []
  for (let round = 0; round < rounds; round++) {
    const store = new ThreeMembers(random.below(2 ** 32))
    const calls: Promise<Told>[] = []
    for (let i = 0; i < 40; i++) {
      calls.push(make(store, `${i}`, random))
      if (random.below(12) === 0) store.loseLeader()
      if (random.below(3) === 0) await turn()
      if (random.below(10) === 0) {
        // What is acknowledged is seen by every read after it.
        const { id, outcome } = await (random.pick(calls) as Promise<Told>)
        const [left] = await store.getMany([bytes(`left:${id}`)]).catch(() => [undefined])
        if (outcome === 'done' && left !== undefined) expect(left.toString()).toBe(id)
      }
    }
    const all = await Promise.all(calls)
    await store.quiet()
    await check(store, all)
    checkMembers(store)
    everything.push(...all)
  }
  const { done, unknown } = tally(everything)
  expect(done).toBeGreaterThan(rounds)
  expect(unknown).toBeGreaterThan(rounds / 2)
  report('lost leaders', { rounds, ...tally(everything) })
})

test('the same seed and the same calls give the same run', async () => {
  const run = async (): Promise<readonly string[]> => {
    const store = new ThreeMembers(7)
    const random = randomOf(8)
    const calls = Array.from({ length: 30 }, (_, i) => {
      const call = make(store, `${i}`, random)
      if (i % 10 === 9) store.loseLeader()
      return call
    })
    return (await Promise.all(calls)).map(({ id, outcome }) => `${id} ${outcome}`)
  }
  expect(await run()).toEqual(await run())
})

describe('a session', () => {
  async function start() {
    const store = new ThreeMembers(seedOf('sessions'))
    await store.quiet()
    const faults: unknown[] = []
    const server = await Server.listen({ store, port: 0, onFault: (error) => faults.push(error) })
    closing.push(async () => {
      await server.stop()
      expect(faults).toEqual([])
    })
    const connect = async () => {
      const raw = await RawClient.connect(server.address)
      closing.push(async () => raw.socket.destroy())
      return raw
    }
    return { store, server, connect }
  }

  /** Resolves once the store was asked to write that often more. */
  function asked(store: ThreeMembers, method: 'write' | 'decide'): Promise<void> {
    const original = store[method].bind(store) as (...args: unknown[]) => Promise<unknown>
    return new Promise((resolve) => {
      Object.assign(store, {
        [method]: (...args: unknown[]) => {
          const call = original(...args)
          Object.assign(store, { [method]: original })
          resolve()
          return call
        }
      })
    })
  }

  test('RESP: what was proposed is not answered, nor is what came behind it, and the connection closes', async () => {
    const { store, connect } = await start()
    const raw = await connect()
    const answered = '+PONG\r\n$-1\r\n+OK\r\n'
    expect(
      await raw.ask(
        '*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n',
        answered
      )
    ).toBe(answered)
    const proposed = asked(store, 'decide')
    raw.send('*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*1\r\n$4\r\nPING\r\n')
    await proposed
    store.loseLeader()
    expect(await raw.rest()).toBe('+PONG\r\n')
    expect(await (await connect()).ask('*1\r\n$4\r\nPING\r\n', '+PONG\r\n')).toBe('+PONG\r\n')
  })

  test('the line protocol: it is said, and the connection goes on', async () => {
    const { store, connect } = await start()
    const raw = await connect()
    const proposed = asked(store, 'write')
    raw.send('PUT a 1\nPING\n')
    await proposed
    store.loseLeader()
    const replies = '-TIMEOUT outcome unknown\n+PONG\n'
    expect((await raw.bytes(replies.length)).toString()).toBe(replies)
    expect(await raw.ask('PUT a 2\nGET a\n', '+OK\n2\n')).toBe('+OK\n2\n')
  })

  test('nobody leads: it is said, and nothing was written', async () => {
    const { store, connect } = await start()
    const [line, resp] = [await connect(), await connect()]
    store.loseLeader({ keepsNone: true })
    const said = '-NO_LEADER nobody leads\n'
    expect(await line.ask('PUT a 1\n', said)).toBe(said)
    const down = '-CLUSTERDOWN nobody leads\r\n'
    expect(await resp.ask('*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n', down)).toBe(down)
    store.elect()
    expect(await line.ask('GET a\n', '-NOT_FOUND\n')).toBe('-NOT_FOUND\n')
  })

  test('another leads: it is said where', async () => {
    const { store, connect } = await start()
    const [line, resp] = [await connect(), await connect()]
    const refuse = () => Promise.reject(new StoreError('NOT_LEADER', 'another member leads', '10.0.0.2:9000'))
    Object.assign(store, { write: refuse, decide: refuse })
    expect(await line.ask('PUT a 1\n', '-NOT_LEADER 10.0.0.2:9000\n')).toBe('-NOT_LEADER 10.0.0.2:9000\n')
    const readonly = "-READONLY You can't write against a read only replica. The leader is 10.0.0.2:9000.\r\n"
    expect(await resp.ask('*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n', readonly)).toBe(readonly)
  })

  test('a client as a store: unknown is unknown, and nothing is done twice', async () => {
    const { store, server } = await start()
    const random = randomOf(seedOf('clients over lost leaders'))
    const client = await Client.connect({ ...server.address, keyEncoding: 'buffer', valueEncoding: 'buffer' })
    const remote = await ClientStore.over(client)
    closing.push(() => remote.close())
    const all: Told[] = []
    for (let round = 0; round < 25; round++) {
      const calls = Array.from({ length: 1 + random.below(5) }, (_, i) => {
        const id = `${round}.${i}`
        return make(remote, id, random)
      })
      if (random.below(2) === 0) {
        await Promise.race([asked(store, random.below(2) === 0 ? 'write' : 'decide'), Promise.all(calls)])
        store.loseLeader()
      }
      all.push(...(await Promise.all(calls)))
    }
    await store.quiet()
    await check(store, all)
    const outcomes = tally(all)
    expect(outcomes['done']).toBeGreaterThan(0)
    expect(outcomes['unknown']).toBeGreaterThan(0)
  })
})
