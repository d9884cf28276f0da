// Flushes and compactions side by side, stepped, so that what overlaps in time does so in every run.
import { expect, test, vi } from 'vitest'
import native from '#native'
import { Machine, useMachineTime } from './support/machine.ts'

test('a manifest line that failed is not tried again and again, and holds no writer', async () => {
  useMachineTime()
  for (let atCall = 1; atCall < 8; atCall++) {
    const machine = new Machine(1)
    let poisoned = false
    const events = {
      poisoned: () => {
        poisoned = true
      }
    }
    const db = await machine.run(machine.open({ memtableBytes: 16 << 10, durability: 'os', events }))
    await machine.run(db.put('first', 'v'))
    native.memoryFaults(machine.fs, { atCall, operations: 4 | 8 })
    const written = Array.from({ length: 8 }, (_, i) => db.put(`key${i}`, 'x'.repeat(20_000)).catch(() => undefined))
    await machine.run(db.flush().catch(() => undefined))
    await machine.run(Promise.all(written))
    const before = native.memoryCalls(machine.fs)
    for (let turns = 0; turns < 50; turns++) await machine.run(new Promise(setImmediate))
    if (poisoned) expect(native.memoryCalls(machine.fs) - before).toBeLessThan(10)
    await machine.run(db.close().catch(() => undefined))
  }
  vi.useRealTimers()
})

test('a write is not refused because the segment after it cannot begin', async () => {
  useMachineTime()
  for (let atCall = 1; atCall < 30; atCall++) {
    const machine = new Machine(1)
    const options = { memtableBytes: 128 << 10, durability: 'os' } as const
    const db = await machine.run(machine.open(options))
    native.memoryFaults(machine.fs, { atCall, errno: 28 })
    const refused: string[] = []
    for (let i = 0; i < 12; i++) {
      const written = db.put(`key${i}`, 'x'.repeat(9000))
      await machine.run(written.catch(() => refused.push(`key${i}`)))
    }
    native.memoryKill(machine.fs)
    await machine.run(db.close().catch(() => undefined))
    const again = await machine.run(machine.open(options))
    const there = await machine.run(again.keys().all())
    expect({ atCall, count: there.length }).toEqual({ atCall, count: 12 - refused.length })
    for (const key of refused) expect(there).not.toContain(key)
    await machine.run(again.close())
    machine.release()
  }
  vi.useRealTimers()
})

test('what piles up during a compaction by hand is compacted after it', async () => {
  useMachineTime()
  const machine = new Machine(1)
  let compacted: () => void = () => undefined
  const byItself = new Promise<void>((resolve) => {
    compacted = resolve
  })
  const compaction = (event: unknown): void => {
    if ((event as { reason: string }).reason === 'level0') compacted()
  }
  const options = { tableBytes: 32 << 10, durability: 'os' } as const
  const db = await machine.run(machine.open({ ...options, events: { compaction } }))
  for (let i = 0; i < 20_000; i++) void db.put(`key${String(i).padStart(6, '0')}`, 'v'.repeat(400))
  await machine.run(db.flush())
  await machine.run(db.drain())
  let isOver = false
  const byHand = db.compact().finally(() => {
    isOver = true
  })
  for (let i = 0; i < 5; i++) {
    void db.put('key000000', `${i}`)
    await machine.run(db.flush())
  }
  expect(isOver).toBe(false)
  await machine.run(byHand)
  // Nothing wakes it from here on.
  await machine.run(byItself)
  await machine.run(db.close())
  vi.useRealTimers()
})
