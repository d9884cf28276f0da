// MessagePack, by msgpackr: an optional package, loaded when an encoding first asks for it. So it is asked for
// synchronously: a space or a single call may be the first.
//
// Plain MessagePack, that any other implementation reads: no records, no extensions but its timestamps.

import { createRequire } from 'node:module'
import { invalid, VarveError } from '../errors.ts'
import { mismatch, nameOf } from './codec.ts'

interface Packr {
  pack(value: unknown): Buffer
  unpack(bytes: Uint8Array): unknown
}

interface Msgpackr {
  readonly Packr: new (options: Readonly<Record<string, unknown>>) => Packr
}

export interface Msgpack {
  encode(value: unknown): Uint8Array
  decode(bytes: Buffer): unknown
}

/** Throws VARVE_MISSING_PACKAGE. */
export function loadMsgpack(require: (name: string) => unknown = createRequire(import.meta.url)): Msgpack {
  const { Packr } = requireMsgpackr(require)
  // copyBuffers: bytes inside a value own their memory, else they would show the slab that the value lies on.
  const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: true, copyBuffers: true, int64AsType: 'auto' })
  return {
    encode(value) {
      if (value === undefined || typeof value === 'function' || typeof value === 'symbol') {
        throw invalid(`A value must be something MessagePack can hold, not ${nameOf(value)}.`)
      }
      return packr.pack(value)
    },
    decode(bytes) {
      try {
        return packr.unpack(bytes)
      } catch (error) {
        throw mismatch("A value is not MessagePack (valueEncoding 'msgpack')", error)
      }
    }
  }
}

function requireMsgpackr(require: (name: string) => unknown): Msgpackr {
  try {
    return require('msgpackr') as Msgpackr
  } catch (cause) {
    throw new VarveError(
      'VARVE_MISSING_PACKAGE',
      "valueEncoding 'msgpack' needs the package msgpackr, version 2, which could not be loaded. Run `npm install msgpackr`.",
      { cause }
    )
  }
}
