// What a leader has proposed lies over what is applied, until it is applied itself.
import { expect, test } from 'vitest'
import { InFlight } from '../../server/raft/in-flight.ts'
import type { Entry, Key, Operation } from '../../server/store.ts'
import { type Random, randomOf } from '../server/support/random.ts'
import { seedOf } from '../support/campaign.ts'

const key = (text: string): Buffer => Buffer.from(text, 'latin1')
const put = (text: string, value: string, expiresAt?: number): Operation => ({
  type: 'put',
  key: key(text),
  value: Buffer.from(value),
  ...(expiresAt === undefined ? {} : { expiresAt })
})
const del = (text: string): Operation => ({ type: 'del', key: key(text) })
const deleteRange = (gte?: string, lt?: string): Operation => ({
  type: 'deleteRange',
  range: { ...(gte === undefined ? {} : { gte: key(gte) }), ...(lt === undefined ? {} : { lt: key(lt) }) }
})

/** Entries as the log's first operations make them. */
class Applied {
  readonly entries = new Map<string, Entry>()

  apply(operations: readonly Operation[]): void {
    for (const operation of operations) {
      if (operation.type === 'put') {
        const { value, expiresAt } = operation
        this.entries.set(text(operation.key), { value: Buffer.from(value), sequence: 1, expiresAt })
      } else if (operation.type === 'del') this.entries.delete(text(operation.key))
      else
        for (const each of [...this.entries.keys()]) {
          const { gte, lt } = operation.range
          if ((gte === undefined || each >= text(gte)) && (lt === undefined || each < text(lt)))
            this.entries.delete(each)
        }
    }
  }

  readonly read = async (keys: readonly Key[]) => keys.map((each) => this.entries.get(text(each)))
}

const text = (bytes: Key): string => Buffer.from(bytes).toString('latin1')
const valuesOf = (entries: readonly (Entry | undefined)[]) => entries.map((entry) => entry && String(entry.value))

test('puts, removals and ranges, the newest above', async () => {
  const applied = new Applied()
  applied.apply([put('a', 'old'), put('b', 'old'), put('c', 'old')])
  const inFlight = new InFlight()
  const read = async (...keys: string[]) => valuesOf(await inFlight.read(keys.map(key), 50, applied.read))
  inFlight.add(1, [[put('a', '1'), del('b')]])
  expect(await read('a', 'b', 'c', 'd')).toEqual(['1', undefined, 'old', undefined])
  inFlight.add(2, [[deleteRange('a', 'c'), put('b', '2')]])
  expect(await read('a', 'b', 'c')).toEqual([undefined, '2', 'old'])
  inFlight.add(3, [[put('e', 'soon', 50), put('f', 'later', 51), deleteRange('c', 'd')]])
  expect(await read('c', 'e', 'f')).toEqual([undefined, undefined, 'later'])
  inFlight.clear()
  expect(await read('a', 'b', 'c', 'e')).toEqual(['old', 'old', 'old', undefined])
})

test('puts where they stand in a chunk are seen like others', async () => {
  const inFlight = new InFlight()
  const places = new Uint32Array([1, 1, 3, 3, 7, 1, 9, 1])
  inFlight.add(1, [[put('b', 'below')], { source: Buffer.from('.a.old.b.2'), places, from: 0, count: 2 }])
  const seen = await inFlight.read([key('a'), key('b'), key('c')], 0, new Applied().read)
  expect(valuesOf(seen)).toEqual(['old', '2', undefined])
})

test('what is applied while somebody reads is not forgotten before he has read', async () => {
  const applied = new Applied()
  const inFlight = new InFlight()
  inFlight.add(1, [[put('k', 'new')]])
  let answer: (entries: (Entry | undefined)[]) => void = () => {}
  const late = inFlight.read([key('k')], 0, () => new Promise((resolve) => (answer = resolve)))
  applied.apply([put('k', 'new')])
  inFlight.applied(1)
  // As it was when the read began.
  answer([undefined])
  expect(valuesOf(await late)).toEqual(['new'])
  applied.entries.clear()
  expect(await inFlight.read([key('k')], 0, applied.read)).toEqual([undefined])
})

test('whatever is proposed and applied, a read sees all that was proposed', async () => {
  const seed = seedOf('in flight')
  const random = randomOf(seed)
  const applied = new Applied()
  const all = new Applied()
  const inFlight = new InFlight()
  const log: (readonly Operation[])[] = []
  let appliedTo = 0
  const names = ['a', 'b', 'c', 'd', 'e']
  for (let step = 0; step < 3_000; step++) {
    const kind = random.below(3)
    if (kind === 0) {
      const operations = Array.from({ length: 1 + random.below(3) }, () => someOperation(random, names, step))
      log.push(operations)
      all.apply(operations)
      inFlight.add(log.length, [operations])
    } else if (kind === 1 && appliedTo < log.length) {
      applied.apply(log[appliedTo++] ?? [])
      inFlight.applied(appliedTo)
    } else {
      const seen = await inFlight.read(names.map(key), 0, applied.read)
      const expected = names.map((name) => all.entries.get(name))
      expect(valuesOf(seen), `seed ${seed}, step ${step}`).toEqual(valuesOf(expected))
    }
  }
  expect(appliedTo).toBeGreaterThan(500)
})

function someOperation(random: Random, names: readonly string[], step: number): Operation {
  const kind = random.below(5)
  if (kind < 3) return put(random.pick(names), `v${step}`)
  if (kind === 3) return del(random.pick(names))
  const [from, to] = [random.pick(names), random.pick(names)].sort()
  return deleteRange(random.below(4) === 0 ? undefined : from, random.below(4) === 0 ? undefined : to)
}
