// Between the text of metamorphic programs and what a database takes and gives with its encodings: strings, Buffers or
// plain Uint8Arrays.
import type { IteratorOptions, OpenOptions, RangeOptions } from '../../../lib/index.ts'
import { itemText, valueText } from './metamorphic-answers.ts'
import type { Bytes } from './metamorphic-database.ts'
import { expand, type Range } from './metamorphic-keys.ts'
import type { Mode, Scan } from './metamorphic-program.ts'

export class Coding {
  readonly #isText: boolean

  constructor(options: OpenOptions) {
    this.#isText = options.keyEncoding === undefined
  }

  readonly key = (key: string): Bytes => (this.#isText ? key : Buffer.from(key))

  /** The value of a short name. */
  readonly value = (name: string): Bytes => (this.#isText ? expand(name) : Buffer.from(expand(name)))

  text(bytes: Bytes): string {
    if (typeof bytes === 'string') return bytes
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).utf8Slice(0, bytes.length)
  }

  readonly valueText = (value: Bytes | undefined): string =>
    value === undefined ? valueText(undefined) : valueText(this.text(value))

  /** An item of an iterator. */
  item(mode: Mode, item: unknown): string {
    if (mode === 'keys') return itemText(mode, this.text(item as Bytes), '')
    if (mode === 'values') return itemText(mode, '', this.valueText(item as Bytes))
    const [key, value] = item as readonly [Bytes, Bytes]
    return itemText(mode, this.text(key), this.valueText(value))
  }

  range(range: Range): RangeOptions<Bytes> {
    return Object.fromEntries(Object.entries(range).map(([bound, key]: [string, string]) => [bound, this.key(key)]))
  }

  scan({ range, reverse, limit }: Scan): IteratorOptions<Bytes> & RangeOptions<Bytes> {
    return { ...this.range(range), ...(reverse === true ? { reverse } : {}), ...(limit === undefined ? {} : { limit }) }
  }
}
