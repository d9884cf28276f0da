// Client: what a program holds of a server: the calls of a database, over the wire.
import { ReplyError, type ReplyValue } from '../protocol/resp-replies.ts'
import { encodeRequest, type RequestPart } from '../protocol/resp-requests.ts'
import {
  appliedOf,
  bytesOrNone,
  type Entries,
  entriesOf,
  listOf,
  numberOf,
  type ServerStatus,
  statusOf
} from './answers.ts'
import type { CallOptions } from './call.ts'
import { type DecideOptions, type Deciding, decide } from './decide.ts'
import {
  decodeKey,
  decodeValue,
  encodeKey,
  encodeValue,
  type Input,
  type KeyEncoding,
  type KeyOf,
  type ValueEncoding,
  type ValueOf
} from './encoding.ts'
import { errorOfReply, invalid } from './errors.ts'
import { type Condition, conditionOf, type ExpiryOptions, expiryOf, type Operation, wordsOf } from './operations.ts'
import { type ClientOptions, type Settings, settingsOf } from './options.ts'
import { entriesIn, type PageEntry } from './pages.ts'
import { Pool } from './pool.ts'
import { boundsOf, type RangeOptions, rangeOf } from './ranges.ts'

/** An entry and what is known about it. */
export interface Entry<Value> {
  readonly value: Value
  /** Of the write that made it; another write of the same key has another one. */
  readonly sequence: number
  /** Milliseconds since 1970; undefined: it stays. */
  readonly expiresAt: number | undefined
}

export interface WriteOptions extends CallOptions {
  /** Resolve when it is on disk, whatever the server's durability. */
  readonly sync?: boolean
}

export interface PutOptions extends WriteOptions, ExpiryOptions {}

export interface IterationOptions<Key> extends RangeOptions<Key>, CallOptions {
  readonly reverse?: boolean
  /** Entries at most. */
  readonly limit?: number
}

export type FirstOptions<Key> = Omit<IterationOptions<Key>, 'reverse' | 'limit'>

/** What a decision makes of the entries it was given: what is written (left out: nothing), and what its caller is told. */
export interface Decided<Key, Value, Result> {
  readonly operations?: readonly Operation<Key, Value>[]
  readonly result: Result
}

/** Commands that change the connection they come by: it is shared, and theirs alone would be others' too. */
const stateful = /^(MULTI|EXEC|DISCARD|WATCH|UNWATCH|P?SUBSCRIBE|P?UNSUBSCRIBE|SELECT|HELLO|AUTH|QUIT|RESET|READONLY)$/i

/**
 * A server, over a pool of connections that are kept and made anew when they are lost. Calls need not be awaited one by one:
 * those of one turn of the event loop leave together, they are executed in the order they were made, and a read sees every
 * write that was called before it.
 *
 * @example
 * import { Client } from 'varve/client'
 * const client = await Client.connect({ host: '127.0.0.1', port: 9000 })
 * await client.put('hello', 'world', { ttl: 60_000 })
 * console.log(await client.get('hello')) // world
 * await client.close()
 */
export class Client<Key = string, Value = string> {
  readonly #settings: Settings
  readonly #pool: Pool
  readonly #deciding: Deciding

  private constructor(settings: Settings, pool: Pool) {
    this.#settings = settings
    this.#pool = pool
    this.#deciding = { send: this.send, nowMs: settings.environment.nowMs, timeoutMs: settings.timeoutMs }
  }

  /**
   * Resolves once there is a connection.
   *
   * @throws ClientError: INVALID_ARGUMENT, UNREACHABLE, DENIED, PROTOCOL
   * @example
   * const client = await Client.connect({ user: 'ann', password, tls: { ca }, valueEncoding: 'json' })
   */
  static async connect<K extends KeyEncoding = 'utf8', V extends ValueEncoding = 'utf8'>(
    options: ClientOptions<K, V> = {}
  ): Promise<Client<KeyOf<K>, ValueOf<V>>> {
    const settings = settingsOf(options)
    return new Client<KeyOf<K>, ValueOf<V>>(settings, await Pool.open(settings))
  }

  /** Connections that are there now. */
  get openConnections(): number {
    return this.#pool.openConnections
  }

  /** The value of a key; undefined where there is none. */
  async get(key: Input<Key>, options?: CallOptions): Promise<Value | undefined> {
    return this.#value(bytesOrNone(await this.send(['GET', this.#key(key)], true, options)))
  }

  /** The values in the keys' order, undefined where there is none. */
  async getMany(keys: readonly Input<Key>[], options?: CallOptions): Promise<(Value | undefined)[]> {
    if (keys.length === 0) return []
    const reply = await this.send(['MGET', ...keys.map((key) => this.#key(key))], true, options)
    return listOf(reply).map((value) => this.#value(bytesOrNone(value)))
  }

  /** Whether there is such a key. */
  async has(key: Input<Key>, options?: CallOptions): Promise<boolean> {
    return numberOf(await this.send(['EXISTS', this.#key(key)], true, options)) > 0
  }

  /** The same of several keys, in their order. */
  async hasMany(keys: readonly Input<Key>[], options?: CallOptions): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.has(key, options)))
  }

  /** The value of a key with its sequence and expiry. */
  async getEntry(key: Input<Key>, options?: CallOptions): Promise<Entry<Value> | undefined> {
    const [entry] = await this.getEntries([key], options)
    return entry
  }

  /** Entries in the keys' order, undefined where there is none. */
  async getEntries(keys: readonly Input<Key>[], options?: CallOptions): Promise<(Entry<Value> | undefined)[]> {
    return this.#shown(await this.#entries(keys, options))
  }

  /** Milliseconds until the entry is gone, Infinity when it stays; undefined where there is none. */
  async ttl(key: Input<Key>, options?: CallOptions): Promise<number | undefined> {
    const { nowMs, entries } = await this.#entries([key], options)
    const [entry] = entries
    if (entry === undefined) return undefined
    return entry.expiresAt === undefined ? Number.POSITIVE_INFINITY : Math.max(entry.expiresAt - nowMs, 0)
  }

  /** Stores a value under a key. Resolves when it is as durable as the server promises. */
  async put(key: Input<Key>, value: Input<Value>, options: PutOptions = {}): Promise<void> {
    if (options.sync === true) return this.batch([{ ...options, type: 'put', key, value }], options)
    const expiry = expiryOf(options)
    const expiring = expiry === undefined ? [] : [expiry.word, expiry.ms]
    await this.send(['SET', this.#key(key), this.#bytes(value), ...expiring], false, options)
  }

  /** Removes a key; one that is not there is no error. */
  del(key: Input<Key>, options?: WriteOptions): Promise<void> {
    return this.batch([{ type: 'del', key }], options)
  }

  /** All operations or none, visible at once. */
  async batch(operations: readonly Operation<Key, Value>[], options: WriteOptions = {}): Promise<void> {
    if (!Array.isArray(operations)) throw invalid('batch takes an array of operations.')
    await this.#apply([], operations, options)
  }

  /** Removes all keys of a range, whatever their number, in one small write. At least one bound must be given. */
  deleteRange(range: RangeOptions<Key>, options?: WriteOptions): Promise<void> {
    return this.batch([{ type: 'deleteRange', range }], options)
  }

  /** Removes all keys of a range, and without bounds all there are. */
  async clear(range: RangeOptions<Key> = {}, options?: CallOptions): Promise<void> {
    const cleared = rangeOf(range, this.#settings.keyEncoding)
    if (cleared !== undefined) await this.send(['DELRANGE', ...boundsOf(cleared)], false, options)
  }

  /** Puts when the condition holds, decided in the order of all writes. Whether it did. */
  async putIf(
    key: Input<Key>,
    value: Input<Value>,
    condition: Condition<Value>,
    options: PutOptions = {}
  ): Promise<boolean> {
    const checks = conditionOf(key, condition as Condition<unknown>, this.#settings)
    return this.#apply(checks, [{ ...options, type: 'put', key, value }], options)
  }

  /** Removes when the condition holds, decided in the order of all writes. Whether it did. */
  async delIf(key: Input<Key>, condition: Condition<Value>, options: WriteOptions = {}): Promise<boolean> {
    const checks = conditionOf(key, condition as Condition<unknown>, this.#settings)
    return this.#apply(checks, [{ type: 'del', key }], options)
  }

  /**
   * Reads the entries of some keys and writes what depends on them, with nothing between: no other write of anybody. `make`
   * gets the entries in the keys' order and the server's time, must not wait, and is called again when somebody else wrote
   * one of the keys before it could. What it throws is thrown here, and then nothing is written.
   *
   * @example
   * const left = await client.decide(['stock'], ([stock]) => {
   *   const left = Number(stock?.value ?? 0) - 1
   *   return left < 0 ? { result: 0 } : { operations: [{ type: 'put', key: 'stock', value: String(left) }], result: left }
   * })
   */
  async decide<Result>(
    keys: readonly Input<Key>[],
    make: (entries: (Entry<Value> | undefined)[], nowMs: number) => Decided<Key, Value, Result>,
    options: DecideOptions = {}
  ): Promise<Result> {
    if (typeof make !== 'function') throw invalid('decide takes an array of keys and a function.')
    const { timeoutMs = this.#settings.timeoutMs } = options
    return decide(
      { ...this.#deciding, timeoutMs },
      keys.map((key) => this.#key(key)),
      (seen) => {
        const { operations = [], result } = make(this.#shown(seen), seen.nowMs)
        return { words: operations.flatMap((operation) => wordsOf(operation, this.#settings)), result }
      },
      options
    )
  }

  /** Adds to the whole number at a key (0 where there is none) and gives the sum. The entry's expiry stays. */
  async increment(key: Input<Key>, by = 1, options?: CallOptions): Promise<number> {
    if (!Number.isSafeInteger(by)) throw invalid(`increment takes a whole number, not ${String(by)}.`)
    return numberOf(await this.send(['INCRBY', this.#key(key), by], false, options))
  }

  /** Gives the entry another expiry; its value stays. Whether there is one. */
  async touch(key: Input<Key>, options: PutOptions): Promise<boolean> {
    if (options?.ttl === undefined && options?.expiresAt === undefined) {
      throw invalid('touch takes { ttl } or { expiresAt }; persist(key) makes an entry stay.')
    }
    return this.#rewrite(key, expiryOf(options), options)
  }

  /** The entry stays from now on. Whether there is one. */
  async persist(key: Input<Key>, options: WriteOptions = {}): Promise<boolean> {
    return this.#rewrite(key, undefined, options)
  }

  /** The entries of a range in order, read page by page: not one snapshot, but each entry once. */
  async *iterator(options: IterationOptions<Key> = {}): AsyncGenerator<[Key, Value], void, undefined> {
    for await (const [key, value] of this.#range(options, true)) yield [this.#keyOf(key), this.#value(value)]
  }

  async *keys(options: IterationOptions<Key> = {}): AsyncGenerator<Key, void, undefined> {
    for await (const [key] of this.#range(options, false)) yield this.#keyOf(key)
  }

  async *values(options: IterationOptions<Key> = {}): AsyncGenerator<Value, void, undefined> {
    for await (const [, value] of this.#range(options, true)) yield this.#value(value)
  }

  /** The first entry of a range, or undefined. */
  first(options: FirstOptions<Key> = {}): Promise<[Key, Value] | undefined> {
    return this.#one(options, false)
  }

  /** The last entry of a range, or undefined. */
  last(options: FirstOptions<Key> = {}): Promise<[Key, Value] | undefined> {
    return this.#one(options, true)
  }

  /** How many keys a range has: it reads them all. */
  async count(options: IterationOptions<Key> = {}): Promise<number> {
    let count = 0
    for await (const _ of this.#range(options, false)) count++
    return count
  }

  /** Resolves when the server answers. */
  async ping(options?: CallOptions): Promise<void> {
    await this.send(['PING'], true, options)
  }

  async status(options?: CallOptions): Promise<ServerStatus> {
    return statusOf(await this.send(['STATUS'], true, options))
  }

  /**
   * Any other command of the server, by its name and arguments; the reply as it came, bytes as Buffers. Not those that change
   * a connection (MULTI, SUBSCRIBE, SELECT): connections are shared.
   *
   * @example
   * const encoding = await client.call(['OBJECT', 'ENCODING', 'hello'])
   */
  async call(parts: readonly RequestPart[], options?: CallOptions): Promise<ReplyValue> {
    const [name] = parts
    if (typeof name !== 'string' || stateful.test(name)) {
      throw invalid(`call takes a command that leaves its connection as it was, not ${String(name)}.`)
    }
    return this.send(parts, false, options)
  }

  /** Lets what was called be answered, then closes the connections. Idempotent. */
  close(): Promise<void> {
    return this.#pool.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * A request, its parts encoded by the caller, and its reply: what call() and all others stand on.
   * @internal
   */
  readonly send = async (
    parts: readonly RequestPart[],
    isRead: boolean,
    options: CallOptions = {}
  ): Promise<ReplyValue> => {
    const reply = await this.#pool.submit(encodeRequest(parts), isRead, options)
    if (reply instanceof ReplyError) throw errorOfReply(reply)
    return reply
  }

  async #apply(
    checks: readonly RequestPart[],
    operations: readonly Operation<Key, Value>[],
    { sync = false, ...options }: WriteOptions
  ): Promise<boolean> {
    const words = operations.flatMap((operation) => wordsOf(operation, this.#settings))
    if (words.length === 0) return true
    return appliedOf(await this.send(['APPLY', ...(sync ? ['SYNC'] : []), ...checks, ...words], false, options))
  }

  /** Writes the entry again as it is, with another expiry. */
  #rewrite(key: Input<Key>, expiry: ReturnType<typeof expiryOf>, options: DecideOptions): Promise<boolean> {
    const keyed = this.#key(key)
    const { timeoutMs = this.#settings.timeoutMs } = options
    const words = ({ entries: [entry] }: Entries): readonly RequestPart[] => {
      if (entry === undefined) return []
      return expiry === undefined ? ['PUT', keyed, entry.value] : [`PUT${expiry.word}`, keyed, entry.value, expiry.ms]
    }
    return decide(
      { ...this.#deciding, timeoutMs },
      [keyed],
      (seen) => ({ words: words(seen), result: seen.entries[0] !== undefined }),
      options
    )
  }

  async #entries(keys: readonly Input<Key>[], options?: CallOptions): Promise<Entries> {
    return entriesOf(await this.send(['ENTRIES', ...keys.map((key) => this.#key(key))], true, options))
  }

  #shown({ entries }: Entries): (Entry<Value> | undefined)[] {
    return entries.map((entry) => entry && { ...entry, value: this.#value(entry.value) })
  }

  async #one(options: FirstOptions<Key>, reverse: boolean): Promise<[Key, Value] | undefined> {
    for await (const entry of this.iterator({ ...options, reverse, limit: 1 })) return entry
    return undefined
  }

  #range(options: IterationOptions<Key>, values: boolean): AsyncGenerator<PageEntry, void, undefined> {
    const { reverse = false, limit = -1, timeoutMs, signal } = options
    const call = { ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(signal === undefined ? {} : { signal }) }
    const range = rangeOf(options, this.#settings.keyEncoding)
    return entriesIn(this.send, range, limit < 0 ? Number.MAX_SAFE_INTEGER : limit, { ...call, reverse, values })
  }

  #key(key: Input<Key>): string | Uint8Array {
    return encodeKey(this.#settings.keyEncoding, key)
  }

  #bytes(value: Input<Value>): string | Uint8Array {
    return encodeValue(this.#settings.valueEncoding, value)
  }

  #keyOf(bytes: Buffer): Key {
    return decodeKey(this.#settings.keyEncoding, bytes) as Key
  }

  #value<Bytes extends Buffer | undefined>(bytes: Bytes): Bytes extends undefined ? undefined : Value {
    const value = bytes === undefined ? undefined : decodeValue(this.#settings.valueEncoding, bytes)
    return value as Bytes extends undefined ? undefined : Value
  }
}
