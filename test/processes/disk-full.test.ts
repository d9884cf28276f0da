// A real disk of 64 MB that fills up: puts are refused, reads are answered, and once there is space, by deletes or because
// another file went away, writing goes on by itself. Nothing acknowledged is lost, nothing is left lying about, and the
// database stays open all the time.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Database, open, VarveError } from '../../lib/index.ts'
import { verify } from '../../lib/inspect.ts'
import { campaign, report, seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'
import { skipUnless } from '../support/skip.ts'
import { hasPowerSwitch, PowerDisk, powerSwitchNeeds } from './support/power.ts'

const cycles = campaign('disk full', { short: 20, long: 100, instrumented: 2 })
const seed = seedOf('disk full')
const { below, oneOf } = drawsOf(randomOf(seed))
const options = {
  memtableBytes: 2 << 20,
  tableBytes: 2 << 20,
  blockCacheBytes: 1 << 20,
  valueEncoding: 'buffer'
} as const
const inFlight = 16
const ballastBytes = 16 << 20
const counts = { cycles: 0, puts: 0, refused: 0, deletes: 0, reads: 0, stops: 0 }

type Model = Map<string, Buffer>
type Db = Database<string, Buffer>

const isSame = (a: Buffer | undefined, b: Buffer | undefined): boolean =>
  a === undefined || b === undefined ? a === b : a.equals(b)

/** Puts, many in flight, until one is refused. Each of those who write has keys of its own, and reads them. */
async function fill(db: Db, model: Model): Promise<void> {
  let isFull = false
  const write = async (writer: number): Promise<void> => {
    while (!isFull) {
      const key = `key${writer}.${below(400)}`
      const value = Buffer.alloc(500 + below(20_000), `${counts.puts++}.`)
      const before = model.get(key)
      model.set(key, value)
      try {
        await db.put(key, value)
      } catch (error) {
        expect(error).toMatchObject({ code: 'VARVE_DISK_FULL' })
        expect(db.health).toBe('stopped')
        counts.refused++
        isFull = true
        if (before === undefined) model.delete(key)
        else model.set(key, before)
      }
      expect(isSame(await db.get(key), model.get(key))).toBe(true)
      counts.reads++
    }
  }
  // A flush may have made room by the time that all are done.
  await Promise.all(Array.from({ length: inFlight }, (_, writer) => write(writer)))
}

async function checkAll(db: Db, model: Model): Promise<void> {
  let entries = 0
  for await (const [key, value] of db.iterator()) {
    expect(model.get(key)?.equals(value)).toBe(true)
    entries++
  }
  expect(entries).toBe(model.size)
  counts.reads += entries
}

async function remove(db: Db, model: Model, share: number): Promise<void> {
  for (const key of [...model.keys()].filter(() => below(100) < share * 100)) {
    try {
      await db.del(key)
      model.delete(key)
      counts.deletes++
    } catch (error) {
      // Where even the reserve is used up.
      if (!(error instanceof VarveError) || error.code !== 'VARVE_DISK_FULL') throw error
    }
  }
}

async function untilResumed(db: Db): Promise<void> {
  while (db.health === 'stopped') {
    await new Promise<void>((resolve) => {
      const recovered = (): void => {
        db.off('recovered', recovered)
        resolve()
      }
      db.on('recovered', recovered)
      if (db.health !== 'stopped') recovered()
    })
  }
}

function filesOf(directory: string): { tables: number; manifests: number; segments: number; others: string[] } {
  const names = readdirSync(directory)
  const known = /\.sst$|^MANIFEST-|\.wal$|^(CURRENT|LOCK|IDENTITY)$/
  return {
    tables: names.filter((name) => name.endsWith('.sst')).length,
    manifests: names.filter((name) => name.startsWith('MANIFEST')).length,
    segments: names.filter((name) => name.endsWith('.wal')).length,
    others: names.filter((name) => !known.test(name))
  }
}

test.runIf(skipUnless('disk full on a disk of its own', hasPowerSwitch, powerSwitchNeeds))(
  'it fills, is refused, gets space and goes on, many times, without being opened again',
  async () => {
    using disk = new PowerDisk(64)
    const ballast = join(disk.directory, '..', 'ballast')
    mkdirSync(disk.directory)
    writeFileSync(ballast, Buffer.alloc(ballastBytes, 'b'))
    await using db = await open(disk.directory, options)
    const model: Model = new Map()
    for (let cycle = 1; cycle <= cycles; cycle++) {
      await fill(db, model)
      await checkAll(db, model)
      const share = oneOf([0, 0.3, 0.6, 1])
      if (share === 0) rmSync(ballast)
      else await remove(db, model, share)
      await untilResumed(db)
      await db.put(`cycle${cycle}`, Buffer.from(`${cycle}`))
      model.set(`cycle${cycle}`, Buffer.from(`${cycle}`))
      await checkAll(db, model)
      if (share === 0) {
        await remove(db, model, 0.8)
        await db.compact().catch(() => undefined)
        await untilResumed(db)
        writeFileSync(ballast, Buffer.alloc(ballastBytes, 'b'))
      }
      counts.cycles++
    }
    counts.stops = db.stats().disk.stops
    await db.compact()
    const tables = db.stats().levels.reduce((sum, level) => sum + level.tables, 0)
    expect(filesOf(disk.directory)).toMatchObject({ tables, manifests: 1, others: [] })
    expect(filesOf(disk.directory).segments).toBeLessThan(5)
    await db.close()
    expect(await verify(disk.directory)).toMatchObject({ ok: true })
    await using again = await open(disk.directory, options)
    await checkAll(again, model)
    await again.close()
    console.log(`disk full: ${JSON.stringify(counts)}`)
    report('disk full', counts)
    expect(counts.stops).toBeGreaterThanOrEqual(cycles)
  }
)
