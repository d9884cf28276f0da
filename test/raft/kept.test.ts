// What a node keeps of its cluster beside its database.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { batchesOf } from '../../lib/member.ts'
import { changePayloadOf, isOfSystem, payloadOf } from '../../server/raft/entries.ts'
import { Kept } from '../../server/raft/kept.ts'
import { entryPayloads } from '../../server/raft/payloads.ts'

const directory = mkdtempSync(join(tmpdir(), 'varve-kept-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

let minted = 0
const mint = () => ++minted

test('an id is minted once, and who led is kept', async () => {
  const path = join(directory, 'a')
  const first = await Kept.open(path, mint)
  expect(first.memberId).toBeGreaterThan(0)
  expect(first.lastLeader).toBe(0)
  await Promise.all([first.keepLastLeader(7), first.keepLastLeader(8)])
  const plan = { clusterId: 'c', round: 1, members: [], firstCampaigner: 1, dataHolder: 0 }
  await first.keepBootstrap({ plan, isFormed: true })
  const again = await Kept.open(path, mint)
  expect([again.memberId, again.lastLeader]).toEqual([first.memberId, 8])
  expect(again.bootstrap).toEqual({ plan, isFormed: true })
  expect((await Kept.open(join(directory, 'b'), mint)).memberId).not.toBe(first.memberId)
})

test('a file that is damaged is refused, with a sentence that names it', async () => {
  const path = join(directory, 'c')
  await Kept.open(path, mint)
  const file = join(path, 'cluster.json')
  const whole = readFileSync(file, 'utf8')
  for (const text of ['', 'nonsense', whole.slice(0, -4), whole.replace('1', '2'), '{"formatVersion":1}']) {
    writeFileSync(file, text)
    await expect(Kept.open(path, mint)).rejects.toThrow(file)
  }
})

test('what an entry carries travels as it is', () => {
  const body = batchesOf((batch) => batch.put(1, 'key', 'value'), 1234)
  const { ref, size } = entryPayloads.payloadOf(Buffer.from(entryPayloads.bytesOf(payloadOf(body))))
  expect(size).toBe(body.payload.length)
  expect(ref).toMatchObject({ kind: 'batches', operations: 1, timeMs: 1234 })
  expect(Buffer.from((ref as typeof body).payload)).toEqual(Buffer.from(body.payload))
  const change = entryPayloads.payloadOf(Buffer.from(entryPayloads.bytesOf(changePayloadOf(Buffer.from('said')))))
  expect(String(change.ref)).toBe('said')
  for (const bytes of [
    [],
    [0],
    [7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]
  ]) {
    expect(() => entryPayloads.payloadOf(Buffer.from(bytes))).toThrow()
  }
})

test('the entries of the system are known', () => {
  const entryOf = (space: number, key: string) => {
    const payload = payloadOf(batchesOf((batch) => batch.put(space, key, 'v'), 0))
    return isOfSystem({ kind: 'normal', index: 1, term: 1, payload })
  }
  for (const key of ['', 'k', 'user/ann', 'k'.repeat(300)])
    expect([entryOf(0, key), entryOf(1, key)]).toEqual([true, false])
  expect(isOfSystem({ kind: 'normal', index: 1, term: 1, payload: { size: 0, ref: undefined } })).toBe(false)
})
