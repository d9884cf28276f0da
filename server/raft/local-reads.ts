// LocalReads: a member as a store whose reads need nobody else: what is applied here is read, within the call where it is at
// hand. With a bound they are as old as it says at most: where more time has passed since this member asked the leader for what
// is committed, and has applied that, a read asks again and waits. At half of the bound it is asked ahead of that, so that
// reads that keep coming seldom wait.
//
// Everything else is the member's.
import type { Database } from '../../lib/index.ts'
import type { ClusterView } from '../cluster/view.ts'
import type {
  Decision,
  Entry,
  Framed,
  Key,
  Operation,
  Pinned,
  Store,
  StoreStatus,
  SystemRecords,
  WriteOptions
} from '../store.ts'
import type { LogIndex } from './core/types.ts'
import { PinnedMember } from './pinned.ts'

/** What it needs of a member. */
export interface LocallyRead extends Store {
  readonly records: SystemRecords
  readonly database: Database<Buffer, Buffer>
  readonly stalenessMs: number
  /** Resolves once what was committed at the call is applied here. */
  refresh(): Promise<LogIndex>
  engineStats(): ReturnType<Database['stats']>
  estimateCount(): number
  putPlaced(source: Uint8Array, places: Uint32Array, from: number, count: number): Promise<void>
}

export class LocalReads implements Store {
  readonly #member: LocallyRead
  readonly #stalenessMsMax: number
  #isRefreshing = false

  /** Without a bound: whatever is here, however old. */
  constructor(member: LocallyRead, stalenessMsMax = Number.POSITIVE_INFINITY) {
    this.#member = member
    this.#stalenessMsMax = stalenessMsMax
  }

  get cluster(): ClusterView | undefined {
    return this.#member.cluster
  }

  get records(): SystemRecords {
    return this.#member.records
  }

  async getMany(keys: readonly Key[], bytesMax?: number): Promise<readonly (Uint8Array | undefined)[]> {
    await this.#whenFresh()
    const { database } = this.#member
    if (bytesMax !== undefined) return database.getSome(keys as readonly Buffer[], bytesMax)
    return database.getMany(keys) as Promise<(Uint8Array | undefined)[]>
  }

  getManyNow(keys: readonly Key[], bytesMax: number): readonly (Uint8Array | undefined)[] | undefined {
    return this.#isFresh() ? this.#member.database.getSomeNow(keys as readonly Buffer[], bytesMax) : undefined
  }

  getFramed(source: Uint8Array, places: Uint32Array, from: number, count: number, framed: Framed): number | undefined {
    return this.#isFresh() ? this.#member.database.getFramed(source, places, from, count, framed) : undefined
  }

  async getEntries(keys: readonly Key[]): Promise<readonly (Entry | undefined)[]> {
    await this.#whenFresh()
    return Promise.all(keys.map((key) => this.#member.database.getEntry(key as Buffer)))
  }

  discard(bytes: Uint8Array): void {
    this.#member.discard?.(bytes)
  }

  write(operations: readonly Operation[], options?: WriteOptions): Promise<void> {
    return this.#member.write(operations, options)
  }

  putPlaced(source: Uint8Array, places: Uint32Array, from: number, count: number): Promise<void> {
    return this.#member.putPlaced(source, places, from, count)
  }

  decide<Result>(decision: Decision<Result>, options?: WriteOptions): Promise<Result> {
    return this.#member.decide(decision, options)
  }

  pin(): Pinned {
    const applied = this.status().commitIndex
    const read = this.#isFresh() ? Promise.resolve(applied) : this.#member.refresh()
    return new PinnedMember(this.#member.database, applied, read)
  }

  status(): StoreStatus {
    return this.#member.status()
  }

  estimateCount(): number {
    return this.#member.estimateCount()
  }

  engineStats(): ReturnType<Database['stats']> {
    return this.#member.engineStats()
  }

  /** Whoever opened the member closes it. */
  close(): Promise<void> {
    return Promise.resolve()
  }

  #isFresh(): boolean {
    if (this.#stalenessMsMax === Number.POSITIVE_INFINITY) return true
    const { stalenessMs } = this.#member
    if (stalenessMs > this.#stalenessMsMax / 2) this.#refreshAhead()
    return stalenessMs <= this.#stalenessMsMax
  }

  #whenFresh(): Promise<unknown> | undefined {
    return this.#isFresh() ? undefined : this.#member.refresh()
  }

  /** Who has to wait for it is told by its own call. */
  #refreshAhead(): void {
    if (this.#isRefreshing) return
    this.#isRefreshing = true
    const done = () => {
      this.#isRefreshing = false
    }
    this.#member.refresh().then(done, done)
  }
}
