// GrantedStore: a store as a user with grants sees it. What the planner looked at before is looked at again here, where
// nothing goes by: a read or write of another key is refused, and a page holds granted entries only. So commands that go
// through the whole store (KEYS, SCAN, DBSIZE, RANDOMKEY) need to know nothing of grants.
import type {
  Decision,
  DecisionView,
  Entry,
  Key,
  Operation,
  PageLimits,
  Pinned,
  Range,
  Store,
  StoreStatus,
  WriteOptions
} from '../store.ts'
import { type Access, grantedRanges, mayKey, mayRange } from './access.ts'

/** A refusal, and no fault. */
export class NotGranted extends Error {
  constructor() {
    super('this user has no permissions to access one of the keys used as arguments')
  }
}

type AccessNow = () => Access

export class GrantedStore implements Store {
  readonly #store: Store
  readonly #access: AccessNow

  /** `access` is asked at each call: grants may change. */
  constructor(store: Store, access: AccessNow) {
    this.#store = store
    this.#access = access
  }

  async getMany(keys: readonly Key[], bytesMax?: number): Promise<readonly (Uint8Array | undefined)[]> {
    checkKeys(this.#access(), keys)
    return this.#store.getMany(keys, bytesMax)
  }

  getManyNow(keys: readonly Key[], bytesMax: number): readonly (Uint8Array | undefined)[] | undefined {
    checkKeys(this.#access(), keys)
    return this.#store.getManyNow?.(keys, bytesMax)
  }

  discard(bytes: Uint8Array): void {
    this.#store.discard?.(bytes)
  }

  async getEntries(keys: readonly Key[]): Promise<readonly (Entry | undefined)[]> {
    checkKeys(this.#access(), keys)
    return this.#store.getEntries(keys)
  }

  async write(operations: readonly Operation[], options?: WriteOptions): Promise<void> {
    const access = this.#access()
    for (const operation of operations) {
      if (operation.type === 'deleteRange') checkRange(access, operation.range)
      else checkKey(access, operation.key)
    }
    return this.#store.write(operations, options)
  }

  async decide<Result>({ keys, decide }: Decision<Result>, options?: WriteOptions): Promise<Result> {
    const access = this.#access()
    checkKeys(access, keys)
    return this.#store.decide({ keys, decide: (view) => decide(grantedView(view, access)) }, options)
  }

  pin(): Pinned {
    return new GrantedPin(this.#store.pin(), this.#access)
  }

  status(): StoreStatus {
    return this.#store.status()
  }

  /** Who opened the store closes it. */
  close(): Promise<void> {
    return Promise.resolve()
  }
}

function checkKey(access: Access, key: Key): void {
  if (!mayKey(access, key)) throw new NotGranted()
}

function checkKeys(access: Access, keys: readonly Key[]): void {
  for (const key of keys) checkKey(access, key)
}

function checkRange(access: Access, range: Range): void {
  if (!mayRange(access, range)) throw new NotGranted()
}

const grantedView = (view: DecisionView, access: Access): DecisionView => ({
  nowMs: view.nowMs,
  get: (key) => view.get(key),
  put: (key, value, expiresAt) => {
    checkKey(access, key)
    view.put(key, value, expiresAt)
  },
  del: (key) => {
    checkKey(access, key)
    view.del(key)
  },
  deleteRange: (range) => {
    checkRange(access, range)
    view.deleteRange(range)
  }
})

type PageRange = Range & { readonly reverse?: boolean; readonly values?: boolean }
type Page = readonly (readonly [key: Buffer, value: Buffer])[]

class GrantedPin implements Pinned {
  readonly #pinned: Pinned
  readonly #access: AccessNow

  constructor(pinned: Pinned, access: AccessNow) {
    this.#pinned = pinned
    this.#access = access
  }

  async page(range: PageRange, { entriesMax, bytesMax }: PageLimits): Promise<Page> {
    const access = this.#access()
    if (access.isEveryKey) return this.#pinned.page(range, { entriesMax, bytesMax })
    const granted = grantedRanges(access)
    const page: (readonly [Buffer, Buffer])[] = []
    let bytes = 0
    for (const each of range.reverse ? [...granted].reverse() : granted) {
      const common = commonOf(range, each)
      if (common === undefined) continue
      const left = { entriesMax: entriesMax - page.length, bytesMax: bytesMax - bytes }
      for (const entry of await this.#pinned.page(common, left)) {
        page.push(entry)
        bytes += entry[0].length + entry[1].length
      }
      if (page.length >= entriesMax || bytes >= bytesMax) break
    }
    return page
  }

  close(): Promise<void> {
    return this.#pinned.close()
  }
}

/** What two ranges share; undefined: nothing. */
function commonOf(range: PageRange, granted: Range): PageRange | undefined {
  const gte = laterOf(range.gte, granted.gte)
  const lt = earlierOf(range.lt, granted.lt)
  if (gte !== undefined && lt !== undefined && Buffer.compare(gte, lt) >= 0) return undefined
  return { ...range, ...(gte === undefined ? {} : { gte }), ...(lt === undefined ? {} : { lt }) }
}

const laterOf = (a: Key | undefined, b: Key | undefined): Key | undefined =>
  a === undefined || (b !== undefined && Buffer.compare(b, a) > 0) ? b : a

const earlierOf = (a: Key | undefined, b: Key | undefined): Key | undefined =>
  a === undefined || (b !== undefined && Buffer.compare(b, a) < 0) ? b : a
