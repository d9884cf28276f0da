// Reader: point reads. One native call answers from memtables, cache and page cache; only when the disk is needed does a
// read thread take over. Keys come encoded; values leave decoded, as the call says.

import native from '#native'
import { decodeBytes, decodeText, type Encoding, fromText, SlabBuffer } from '../bytes/codec.ts'
import { attempt } from '../disk/fs.ts'
import { outcome } from '../disk/jobs.ts'
import { newSlab, type Slabs, slabBytes, slabValueBytesMax } from './slabs.ts'

export const missing = -1
export const wouldBlock = -2
export const needsTime = -3
const left = -16
export const tiers = { cacheOnly: 0, noWait: 1, mayBlock: 2 } as const
export type Tier = (typeof tiers)[keyof typeof tiers]

/** What a native read said: a value, or that the disk is needed. */
export const diskNeeded: unique symbol = Symbol('disk needed')
/** Where long values are left for later: that it is one, with memory of its own. */
export const longValue: unique symbol = Symbol('long value')
type Bytes = Uint8Array | undefined | typeof diskNeeded | typeof longValue

export interface ReaderContext {
  readonly engine: native.Engine
  readonly space: number
  readonly clock: () => number
  readonly slabs: Slabs
}

type Key = string | Uint8Array

/** Where answers are laid down one after the other. */
export interface Framed {
  readonly target: Uint8Array
  /** How a miss is said. */
  readonly missing: Uint8Array
  /** A number for each key that is asked for: where its answer ends. */
  readonly ends: Uint32Array
}

export class Reader {
  readonly #context: ReaderContext
  readonly #slabs: Slabs

  constructor(context: ReaderContext) {
    this.#context = context
    this.#slabs = context.slabs
  }

  /** The value, undefined on a miss, or `diskNeeded` where the tier does not reach. `nowMs` 0: the clock's, if it matters. */
  get(key: Key, encoding: Encoding, sequence: number, nowMs: number, tier: number, isLongLater = false): unknown {
    if (encoding.isText) {
      const answer = attempt(() => this.#getText(key, sequence, nowMs, tier))
      return typeof answer === 'string' ? fromText(encoding, answer) : answer
    }
    const answer = attempt(() => this.#getBytes(key, encoding.kind === 'view', sequence, nowMs, tier, isLongLater))
    return encoding.kind === 'codec' && answer instanceof Uint8Array ? encoding.decode(answer as Buffer) : answer
  }

  #getText(key: Key, sequence: number, nowMs: number, tier: number): string | undefined | typeof diskNeeded {
    const { engine, space, clock } = this.#context
    let answer = native.getText(engine, space, key, sequence, nowMs, tier)
    if (answer === needsTime) answer = native.getText(engine, space, key, sequence, clock(), tier)
    if (typeof answer === 'string') return answer
    return answer === missing ? undefined : diskNeeded
  }

  #getBytes(key: Key, asView: boolean, sequence: number, nowMs: number, tier: number, isLongLater: boolean): Bytes {
    const { engine, space, clock } = this.#context
    const slabs = this.#slabs
    slabs.make(slabValueBytesMax / 8)
    let size = native.get(engine, space, key, sequence, nowMs, tier, slabs.slab, slabs.offset)
    if (size === needsTime) size = native.get(engine, space, key, sequence, clock(), tier, slabs.slab, slabs.offset)
    if (size >= 0) {
      const start = slabs.offset
      slabs.offset = start + size
      if (asView) return new Uint8Array(slabs.slab.buffer, start, size)
      return new SlabBuffer(slabs.slab.buffer, start, size)
    }
    if (size === missing) return undefined
    if (size === wouldBlock) return diskNeeded
    if (isLongLater && left - size > slabValueBytesMax) return longValue
    return this.#getLong(key, asView, sequence, nowMs, tier, left - size)
  }

  // The value did not fit into what is left of the slab: into a new slab, or memory of its own.
  #getLong(key: Key, asView: boolean, sequence: number, nowMs: number, tier: number, bytes: number): Bytes {
    if (bytes <= slabValueBytesMax) {
      this.#slabs.make(slabBytes)
      return this.#getBytes(key, asView, sequence, nowMs, tier, false)
    }
    const { engine, space, clock } = this.#context
    const own = Buffer.allocUnsafeSlow(bytes)
    const size = native.get(engine, space, key, sequence, nowMs === 0 ? clock() : nowMs, tier, own, 0)
    if (size === missing) return undefined
    if (size === wouldBlock) return diskNeeded
    if (size < 0) return this.#getLong(key, asView, sequence, nowMs, tier, left - size)
    return asView ? new Uint8Array(own.buffer, 0, size) : own.subarray(0, size)
  }

  /** The same, on a read thread. */
  async getFromDisk(key: Key, encoding: Encoding, sequence: number, nowMs: number): Promise<unknown> {
    const { engine, space, clock } = this.#context
    const bytes = await outcome(
      attempt(() => native.getJob(engine, space, key, sequence, nowMs === 0 ? clock() : nowMs))
    )
    return bytes === undefined ? undefined : decodeBytes(encoding, bytes)
  }

  /** Whether the key is there, or `diskNeeded`. */
  has(key: Key, sequence: number, nowMs: number, tier: number): boolean | typeof diskNeeded {
    const { engine, space, clock } = this.#context
    let answer = attempt(() => native.has(engine, space, key, sequence, nowMs, tier))
    if (answer === needsTime) answer = attempt(() => native.has(engine, space, key, sequence, clock(), tier))
    return answer === wouldBlock ? diskNeeded : answer === 1
  }

  /** The same, on a read thread. */
  async hasOnDisk(key: Key, sequence: number, nowMs: number): Promise<boolean> {
    const { engine, space, clock } = this.#context
    return (
      (await outcome(attempt(() => native.getJob(engine, space, key, sequence, nowMs === 0 ? clock() : nowMs)))) !==
      undefined
    )
  }

  /**
   * Values in the order of the keys; those that need the disk are `diskNeeded`, and with `isLongLater` those that are too
   * long for a slab are `longValue`: they are left to be read one by one.
   */
  getMany(
    keys: readonly Key[],
    encoding: Encoding,
    sequence: number,
    atMs: number,
    tier: number,
    isLongLater = false
  ): unknown[] {
    const { engine, space, clock } = this.#context
    const [only] = keys
    // One alone shares the slab of point reads; many get slabs of their own.
    if (keys.length === 1 && only !== undefined) return [this.get(only, encoding, sequence, atMs, tier, isLongLater)]
    const packed = packKeys(keys)
    const sizes = new Int32Array(keys.length)
    const values: unknown[] = new Array(keys.length)
    let from = 0
    let nowMs = atMs
    while (from < keys.length) {
      const slabs = [newSlab(), newSlab()]
      const answer = attempt(() =>
        native.getMany(
          engine,
          space,
          packed.bytes,
          packed.sizes,
          from,
          keys.length,
          sequence,
          nowMs,
          tier,
          slabs,
          slabValueBytesMax,
          sizes
        )
      )
      const isAscii = answer >= 0
      const next = isAscii ? answer : -answer - 1
      if (nowMs === 0 && sizes.subarray(from, next).includes(needsTime)) {
        nowMs = clock()
        continue
      }
      this.#take(keys, encoding, from, next, sizes, slabs, isAscii, values, { sequence, nowMs, tier, isLongLater })
      from = next
    }
    return values
  }

  /**
   * Answers keys where they stand in `source` into the target, framed as RESP says values (native getFramed); the number of
   * the first that was not answered.
   */
  getFramed(source: Uint8Array, places: Uint32Array, from: number, count: number, framed: Framed): number {
    const { engine, space, clock } = this.#context
    const { target, missing, ends } = framed
    return attempt(() =>
      native.getFramed(engine, space, -1, clock(), tiers.noWait, source, places, from, count, target, missing, ends)
    )
  }

  #take(
    keys: readonly Key[],
    encoding: Encoding,
    from: number,
    to: number,
    sizes: Int32Array,
    slabs: Buffer[],
    isAscii: boolean,
    values: unknown[],
    at: { readonly sequence: number; readonly nowMs: number; readonly tier: number; readonly isLongLater: boolean }
  ): void {
    const { kind } = encoding
    let slabAt = 0
    let slab = slabs[0] ?? newSlab()
    let offset = 0
    for (let i = from; i < to; i++) {
      const size = sizes[i] ?? missing
      if (size >= 0) {
        if (offset + size > slab.length) {
          slab = slabs[++slabAt] ?? slab
          offset = 0
        }
        const end = offset + size
        if (encoding.isText) values[i] = fromText(encoding, decodeText(slab, offset, end, isAscii))
        else if (kind === 'view') values[i] = new Uint8Array(slab.buffer, offset, size)
        else {
          const bytes = new SlabBuffer(slab.buffer, offset, size)
          values[i] = kind === 'buffer' ? bytes : encoding.decode(bytes)
        }
        offset = end
      } else if (size === missing) values[i] = undefined
      else
        values[i] =
          size === wouldBlock
            ? diskNeeded
            : this.get(keys[i] as Key, encoding, at.sequence, at.nowMs, at.tier, at.isLongLater)
    }
  }
}

function packKeys(keys: readonly Key[]): { bytes: Buffer; sizes: Uint32Array } {
  const sizes = new Uint32Array(keys.length)
  let most = 0
  for (const key of keys) most += typeof key === 'string' ? key.length * 3 : key.length
  const bytes = Buffer.allocUnsafe(most)
  let end = 0
  keys.forEach((key, i) => {
    const start = end
    if (typeof key === 'string') end = writeText(bytes, key, end)
    else {
      bytes.set(key, end)
      end += key.length
    }
    sizes[i] = end - start
  })
  return { bytes: bytes.subarray(0, end), sizes }
}

function writeText(bytes: Buffer, text: string, start: number): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 127) return start + bytes.utf8Write(text, start)
    bytes[start + i] = unit
  }
  return start + text.length
}
