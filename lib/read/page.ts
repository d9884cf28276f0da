// A page of a scan, taken apart: entries as the encodings give them. Keys lie one after the other in memory that the next
// page overwrites, values on a slab that stays what it is.

import { decodeBytes, decodeText, type Encoding, fromText, SlabBuffer } from '../bytes/codec.ts'

export type Entry = [unknown, unknown]

export interface Page {
  readonly count: number
  readonly keys: Buffer
  readonly slab: Buffer
  /** Where the first value is. */
  readonly start: number
  readonly sizes: Uint32Array
  readonly keysAreAscii: boolean
  readonly valuesAreAscii: boolean
}

/** How each side is decoded; undefined: it was not read out. */
export interface Sides {
  readonly key: Encoding | undefined
  readonly value: Encoding | undefined
}

export interface Decoded {
  readonly entries: Entry[]
  /** What a decode threw, at the entry behind these. */
  readonly failure: { readonly error: unknown } | undefined
}

export function decodePage(page: Page, sides: Sides): Decoded {
  const { count, slab, sizes, valuesAreAscii } = page
  const { key: keyEncoding, value: valueEncoding } = sides
  const keys = keyEncoding === undefined ? page.keys : keysOf(page, keyEncoding)
  const entries: Entry[] = new Array(count)
  let keyAt = 0
  let valueAt = page.start
  let i = 0
  try {
    for (; i < count; i++) {
      const keyEnd = keyAt + (sizes[2 * i] as number)
      let key: unknown
      if (typeof keys === 'string') key = keys.substring(keyAt, keyEnd)
      else if (keyEncoding !== undefined) key = decodeKey(keyEncoding, keys, keyAt, keyEnd)
      keyAt = keyEnd
      let value: unknown
      if (valueEncoding !== undefined) {
        const valueEnd = valueAt + (sizes[2 * i + 1] as number)
        if (valueEncoding.kind === 'buffer')
          value = new SlabBuffer(slab.buffer, slab.byteOffset + valueAt, valueEnd - valueAt)
        else value = decodeValue(valueEncoding, slab, valueAt, valueEnd, valuesAreAscii)
        valueAt = valueEnd
      }
      entries[i] = [key, value]
    }
  } catch (error) {
    entries.length = i
    return { entries, failure: { error } }
  }
  return { entries, failure: undefined }
}

// ASCII keys as one string to take them out of; those of a codec as a copy of the page's, which the codec may keep.
function keysOf({ keys, keysAreAscii, sizes, count }: Page, { kind }: Encoding): string | Buffer {
  if (kind === 'utf8' && keysAreAscii) return keys.latin1Slice(0, pageBytes(sizes, count))
  return kind === 'codec' ? Buffer.from(keys.subarray(0, pageBytes(sizes, count))) : keys
}

function decodeKey(encoding: Encoding, keys: Buffer, start: number, end: number): unknown {
  if (encoding.kind === 'utf8') return keys.utf8Slice(start, end)
  const bytes = keys.subarray(start, end)
  return encoding.kind === 'codec' ? encoding.decode(bytes) : decodeBytes(encoding, Buffer.from(bytes))
}

function decodeValue(encoding: Encoding, slab: Buffer, start: number, end: number, ascii: boolean): unknown {
  if (encoding.isText) return fromText(encoding, decodeText(slab, start, end, ascii))
  if (encoding.kind === 'view') return new Uint8Array(slab.buffer, slab.byteOffset + start, end - start)
  return encoding.decode(new SlabBuffer(slab.buffer, slab.byteOffset + start, end - start))
}

function pageBytes(sizes: Uint32Array, count: number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += sizes[2 * i] as number
  return sum
}
