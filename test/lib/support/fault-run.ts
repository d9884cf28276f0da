// One run of a fixed workload on a machine whose disk fails at the n-th call, and what must be true after it.
//
// The ledger holds every write in order with how it ended. Acknowledged writes must be there after the process died;
// those that were acknowledged as durable, and all acknowledged ones before them, also after a power cut. A write that
// was rejected may be there or not, but not one that was refused for want of space. A batch is there as a whole or not
// at all.
import { expect } from 'vitest'
import native from '#native'
import type { Database } from '../../../lib/database.ts'
import { errorCodes, type KeyOperation, type OpenOptions, VarveError } from '../../../lib/index.ts'
import { Machine, Waits } from './machine.ts'

export interface Fault {
  readonly name: string
  readonly errno: number
  readonly shortWrite: boolean
  readonly forever: boolean
}

type Outcome = 'pending' | 'rejected' | 'refused' | 'written' | 'durable'
interface Write {
  readonly changes: ReadonlyMap<string, string | undefined>
  outcome: Outcome
}

const options: OpenOptions = { memtableBytes: 16 << 10, tableBytes: 32 << 10, blockCacheBytes: 0, syncIntervalMs: 5 }
/** A retried flush waits for longer and longer: so many timers show that the fault does not go away. */
const timersMax = 12

export class FaultRun {
  readonly machine: Machine
  readonly #writes: Write[] = []
  readonly #waiting: Promise<unknown>[] = []
  readonly #fault: Fault
  #isPoisoned = false
  failures = 0

  constructor(seed: number, order: number, fault: Fault) {
    this.machine = new Machine(seed, order)
    this.#fault = fault
  }

  /** The result; undefined when it was rejected with a VarveError, or waits for the disk to get well. */
  async #attempt<Result>(work: Promise<Result>): Promise<Result | undefined> {
    const settled = work.catch((error: unknown) => {
      this.#check(error)
      return undefined
    })
    try {
      return await this.machine.run(settled, timersMax)
    } catch (error) {
      if (!(error instanceof Waits) || !this.#fault.forever) throw error
      this.#waiting.push(settled)
      return undefined
    }
  }

  #poison(): void {
    this.#isPoisoned = true
  }

  #check(error: unknown): void {
    this.failures++
    if (!(error instanceof VarveError)) throw error
    expect(Object.keys(errorCodes)).toContain(error.code)
    expect(error.message).not.toBe('')
  }

  /** All writes up to now are durable once the flush or close is over. */
  async #durably(work: Promise<void>): Promise<void> {
    const upTo = this.#writes.length
    await this.#attempt(work.then(() => this.#settleUpTo(upTo)))
  }

  /** The same for close, unless it was said before that the log cannot be written any more. */
  async #close(db: Database): Promise<void> {
    if (this.#isPoisoned) await this.#attempt(db.close())
    else await this.#durably(db.close())
  }

  #settleUpTo(upTo: number): void {
    for (const write of this.#writes.slice(0, upTo)) if (write.outcome === 'written') write.outcome = 'durable'
  }

  async #write(db: Database, operations: readonly KeyOperation<string, string>[], sync: boolean): Promise<void> {
    await this.#attempt(this.#begin(db, operations, sync))
  }

  #begin(db: Database, operations: readonly KeyOperation<string, string>[], sync: boolean): Promise<void> {
    const changes = new Map(operations.map((one) => [one.key, one.type === 'put' ? one.value : undefined]))
    const write: Write = { changes, outcome: 'pending' }
    const at = this.#writes.push(write)
    const [only] = operations
    const written =
      operations.length > 1 || only?.type !== 'put'
        ? db.batch(operations, { sync })
        : db.put(only.key, only.value, { sync })
    return written.then(
      () => {
        write.outcome = 'written'
        if (sync) this.#settleUpTo(at)
      },
      (error: unknown) => {
        write.outcome = error instanceof VarveError && error.code === 'VARVE_DISK_FULL' ? 'refused' : 'rejected'
        throw error
      }
    )
  }

  /** What the key may hold: of the writes that `mustStay` says must be there the last, or one of those after it. */
  #admissible(key: string, mustStay: (write: Write) => boolean): Set<string | undefined> {
    let values = new Set<string | undefined>([undefined])
    for (const write of this.#writes) {
      if (!write.changes.has(key) || write.outcome === 'refused') continue
      if (mustStay(write)) values = new Set()
      values.add(write.changes.get(key))
    }
    return values
  }

  #checkValue(key: string, value: string | undefined, mustStay: (write: Write) => boolean): void {
    const values = [...this.#admissible(key, mustStay)]
    expect(values, `${key} holds ${value?.slice(0, 20)}`).toContain(value)
  }

  async #read(db: Database): Promise<void> {
    const acknowledged = ({ outcome }: Write): boolean => outcome === 'written' || outcome === 'durable'
    const keys = this.#keys()
    for (const key of keys.slice(0, 5)) {
      const found = await this.#attempt(db.get(key).then((value) => ({ value })))
      if (found !== undefined) this.#checkValue(key, found.value, acknowledged)
    }
    const values = await this.#attempt(db.getMany(keys))
    if (values !== undefined) for (const [i, key] of keys.entries()) this.#checkValue(key, values[i], acknowledged)
    const entries = await this.#attempt(db.iterator().all())
    if (entries !== undefined) this.#checkAll(new Map(entries), acknowledged)
  }

  #keys(): string[] {
    return [...new Set(this.#writes.flatMap(({ changes }) => [...changes.keys()]))]
  }

  #checkAll(found: ReadonlyMap<string, string>, mustStay: (write: Write) => boolean): void {
    const keys = this.#keys()
    for (const key of found.keys()) expect(keys).toContain(key)
    for (const key of keys) this.#checkValue(key, found.get(key), mustStay)
    // Keys of batches are their own: all of one are there, or none.
    for (const { changes } of this.#writes) {
      const own = [...changes].filter(([key]) => key.startsWith('batch'))
      const there = own.filter(([key, value]) => found.get(key) === value).length
      expect([0, own.length], 'a batch is there as a whole').toContain(there)
    }
  }

  /** Whether the workload came to its end before the fault's turn: then there are no more calls to fail. */
  async work(n: number): Promise<boolean> {
    const { errno, shortWrite, forever } = this.#fault
    native.memoryFaults(this.machine.fs, { atCall: n, errno, shortWrite, forever })
    const db = await this.#attempt(this.machine.open({ ...options, events: { poisoned: () => this.#poison() } }))
    if (db !== undefined) {
      await this.#use(db)
      // Close comes upon a flush and writes that are under way.
      for (let i = 0; i < 6; i++) {
        const begun = this.#begin(db, [{ type: 'put', key: `last${i}`, value: 'x'.repeat(3000) }], i === 0)
        this.#waiting.push(begun.catch((error: unknown) => this.#check(error)))
        if (i % 2 === 1) await this.machine.run(new Promise(setImmediate))
      }
      await this.#close(db)
    }
    const isOver = native.memoryCalls(this.machine.fs) < n
    // What waited for the disk was let go by close.
    for (const one of this.#waiting) await this.machine.run(one)
    return isOver
  }

  async #use(db: Database): Promise<void> {
    const put = (key: string, value: string, sync = false): Promise<void> =>
      this.#write(db, [{ type: 'put', key, value }], sync)
    const batch = (round: number, sync: boolean): Promise<void> =>
      this.#write(
        db,
        Array.from({ length: 6 }, (_, i) => ({ type: 'put', key: `batch${round}.${i}`, value: `b${round}` }) as const),
        sync
      )
    await put('a', 'first')
    await put('b', 'synced', true)
    await batch(0, false)
    await this.#durably(db.flush())
    await this.#read(db)
    const snapshot = db.snapshot()
    for (let round = 1; round < 5; round++) {
      await put('a', `round ${round}`)
      await put(`large${round}`, 'v'.repeat(9000), round % 2 === 0)
      await batch(round, round === 3)
      await this.#write(db, [{ type: 'del', key: 'b' }], false)
      if (round < 4) await this.#durably(db.flush())
    }
    await this.#attempt(db.get('a', { snapshot }))
    await this.#attempt(db.drain())
    await put('b', 'again')
    await this.#attempt(db.compact())
    snapshot.close()
    await this.#read(db)
    for (let i = 0; i < 8; i++) await put(`more${i}`, 'w'.repeat(9000))
    await put('a', 'last', true)
    await put('c', 'unsynced')
  }

  /** Opens again, with a disk that works, after the process died or the power failed, and checks what is there. */
  async checkAfter(powerCut: number | undefined): Promise<void> {
    const { machine } = this
    native.memoryFaults(machine.fs, null)
    if (powerCut === undefined) native.memoryKill(machine.fs)
    else native.memoryCrash(machine.fs, powerCut)
    const mustStay = ({ outcome }: Write): boolean =>
      outcome === 'durable' || (powerCut === undefined && outcome === 'written')
    for (const life of [1, 2]) {
      const db = await machine.run(machine.open(options))
      this.#checkAll(new Map(await machine.run(db.iterator().all())), mustStay)
      await machine.run(db.put('life', `${life}`, { sync: true }))
      expect(await machine.run(db.get('life'))).toBe(`${life}`)
      await machine.run(db.del('life'))
      await machine.run(db.close())
    }
    expect(await machine.run(machine.verify())).toMatchObject({ ok: true })
  }
}
