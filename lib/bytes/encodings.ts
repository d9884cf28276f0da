// Encodings by name, and codecs of the users' own: what an option or a call asks for, as an Encoding; and the types of
// keys and values that go with it.

import { invalid } from '../errors.ts'
import type { Input } from './buffer.ts'
import { type Encoding, nameOf } from './codec.ts'
import { loadMsgpack } from './msgpack.ts'
import { decodeOrdered, encodeOrdered, encodeOrderedPrefix, type OrderedKey } from './ordered.ts'

/**
 * An encoding of your own, for keys or for values. Keys are ordered by the bytes that `encode` gives. What these functions
 * throw, the calls that need them throw.
 *
 * @example
 * const date = { name: 'date', encode: (date) => date.toISOString(), decode: (bytes) => new Date(String(bytes)) }
 */
export interface Codec<Type> {
  readonly name: string
  /** Text is stored as utf8; bytes must not be written to any more. */
  encode(value: Type): string | Uint8Array
  /** The bytes stay what they are: they may be kept, and must not be written to. */
  decode(bytes: Buffer): Type
}

interface KeyTypes {
  readonly utf8: string
  readonly buffer: Buffer
  readonly view: Uint8Array
  readonly ordered: OrderedKey
}
interface ValueTypes {
  readonly utf8: string
  readonly json: unknown
  readonly buffer: Buffer
  readonly view: Uint8Array
  readonly msgpack: unknown
}

export type KeyEncoding = keyof KeyTypes | Codec<unknown>
export type ValueEncoding = keyof ValueTypes | Codec<unknown>

// Nothing was asked for, or something that is not known until it runs.
type IsOpen<Asked, All> = [Asked] extends [never] ? true : [All] extends [Asked] ? true : false
type CodecType<Asked> = Asked extends Codec<infer Type> ? Type : never

/** The type of keys of an encoding; `Otherwise` where none is known. */
export type KeyOf<Asked, Otherwise> =
  IsOpen<Asked, KeyEncoding> extends true
    ? Otherwise
    : Asked extends keyof KeyTypes
      ? KeyTypes[Asked]
      : CodecType<Asked>
/** The type of values of an encoding; `Otherwise` where none is known. */
export type ValueOf<Asked, Otherwise> =
  IsOpen<Asked, ValueEncoding> extends true
    ? Otherwise
    : Asked extends keyof ValueTypes
      ? ValueTypes[Asked]
      : CodecType<Asked>

// What was put in is what comes out, but that bytes come out as Buffers or as plain Uint8Arrays.
type Names<Types, Type> = {
  [Name in keyof Types]: [Type] extends [Input<Types[Name]>]
    ? [Types[Name] extends Uint8Array ? Types[Name] : never] extends [Type]
      ? Name
      : never
    : never
}[keyof Types]
type Needed<Name extends string, Type, Default, Encoding> = [Type] extends [Default]
  ? { readonly [Option in Name]?: Encoding }
  : { readonly [Option in Name]: Encoding }
/** Encodings that can hold such keys and values; what the defaults hold as well may be left out. */
export type EncodingsFor<Key, Value, DefaultKey = string, DefaultValue = string> = Needed<
  'keyEncoding',
  Key,
  DefaultKey,
  Names<KeyTypes, Key> | Codec<Key>
> &
  Needed<'valueEncoding', Value, DefaultValue, Names<ValueTypes, Value> | Codec<Value>>

/** The options of a call as its last parameter, which may be left out if all of them may. */
export type OptionsFor<Options> = Record<never, never> extends Options ? [options?: Options] : [options: Options]

/** Encodings of a call, where they are not those of its space. */
export interface CallEncodings<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never> {
  readonly keyEncoding?: AskedKey
  readonly valueEncoding?: AskedValue
}

export interface Encodings {
  readonly keyEncoding: Encoding
  readonly valueEncoding: Encoding
}

type Given = { readonly keyEncoding?: unknown; readonly valueEncoding?: unknown } | undefined

/** What options ask for, and where they do not, what holds anyway. */
export function encodingsOf(given: Given, otherwise: Encodings): Encodings {
  if (given === undefined || (given.keyEncoding === undefined && given.valueEncoding === undefined)) return otherwise
  return {
    keyEncoding: given.keyEncoding === undefined ? otherwise.keyEncoding : keyEncodingOf(given.keyEncoding),
    valueEncoding: given.valueEncoding === undefined ? otherwise.valueEncoding : valueEncodingOf(given.valueEncoding)
  }
}

const never = (): never => {
  throw invalid('This encoding has no functions.')
}

function plain(name: Exclude<Encoding['kind'], 'codec'>): Encoding {
  const isText = name === 'utf8' || name === 'json'
  return { name, kind: name, isText, encode: never, decode: never, encodePrefix: never }
}

function coded(
  name: string,
  encode: Encoding['encode'],
  decode: Encoding['decode'],
  encodePrefix: Encoding['encodePrefix'] = encode
): Encoding {
  return { name, kind: 'codec', isText: false, encode, decode, encodePrefix }
}

const utf8 = plain('utf8')
const buffer = plain('buffer')
const view = plain('view')
const keys = new Map<unknown, Encoding>([
  ['utf8', utf8],
  ['buffer', buffer],
  ['view', view],
  ['ordered', coded('ordered', encodeOrdered, decodeOrdered, encodeOrderedPrefix)]
])
const values = new Map<unknown, Encoding>([
  ['utf8', utf8],
  ['json', plain('json')],
  ['buffer', buffer],
  ['view', view]
])
const codecs = new WeakMap<object, Encoding>()

export const defaultEncodings: Encodings = { keyEncoding: utf8, valueEncoding: utf8 }

export function keyEncodingOf(asked: unknown): Encoding {
  return keys.get(asked) ?? codecOf('keyEncoding', asked, "'utf8', 'buffer', 'view', 'ordered'")
}

export function valueEncodingOf(asked: unknown): Encoding {
  const known = values.get(asked)
  if (known !== undefined) return known
  if (asked === 'msgpack') return msgpack()
  return codecOf('valueEncoding', asked, "'utf8', 'json', 'buffer', 'view', 'msgpack'")
}

function msgpack(): Encoding {
  const { encode, decode } = loadMsgpack()
  const encoding = coded('msgpack', encode, decode)
  values.set('msgpack', encoding)
  return encoding
}

function codecOf(option: string, asked: unknown, names: string): Encoding {
  if (typeof asked !== 'object' || asked === null) {
    throw invalid(`${option} must be one of ${names}, or a codec { name, encode, decode }, not ${String(asked)}.`)
  }
  const known = codecs.get(asked)
  if (known !== undefined) return known
  const codec = asked as Codec<unknown>
  if (typeof codec.name !== 'string' || codec.name === '') throw invalid(`The codec of ${option} must have a name.`)
  for (const part of ['encode', 'decode'] as const) {
    if (typeof codec[part] !== 'function') {
      throw invalid(`${part} of the codec '${codec.name}' must be a function, not ${nameOf(codec[part])}.`)
    }
  }
  const encoding = coded(
    codec.name,
    (value) => encodedBy(codec, value),
    (bytes) => codec.decode(bytes)
  )
  codecs.set(asked, encoding)
  return encoding
}

function encodedBy(codec: Codec<unknown>, value: unknown): string | Uint8Array {
  const encoded: unknown = codec.encode(value)
  if (typeof encoded === 'string' || encoded instanceof Uint8Array) return encoded
  throw invalid(`encode of the codec '${codec.name}' must give a string or a Uint8Array, not ${nameOf(encoded)}.`)
}
