// Replies as the commands need them. What a server says otherwise than it promised ends the command.
import type { ReplyValue } from '../protocol/resp-replies.ts'
import { exit, exitCodes } from './exit.ts'

const strange = (): Error => exit(exitCodes.failed, 'The server answered something else than was asked for.')

/** A value, or undefined where there is none. */
export function bytesIn(reply: ReplyValue | undefined): Buffer | undefined {
  if (reply === null || reply === undefined) return undefined
  if (Buffer.isBuffer(reply)) return reply
  if (typeof reply === 'string') return Buffer.from(reply)
  throw strange()
}

export function itemsIn(reply: ReplyValue | undefined): readonly ReplyValue[] {
  if (Array.isArray(reply)) return reply as readonly ReplyValue[]
  throw strange()
}

/** A map, of RESP3 or flat as in RESP2. */
export function pairsIn(reply: ReplyValue | undefined): readonly (readonly [string, string | number])[] {
  const flat = reply instanceof Map ? [...reply].flat() : itemsIn(reply)
  const pairs: [string, string | number][] = []
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([String(flat[i]), plain(flat[i + 1])])
  return pairs
}

/** The same with values as they are. */
export function mapIn(reply: ReplyValue | undefined): ReadonlyMap<string, ReplyValue> {
  const flat = reply instanceof Map ? [...reply].flat() : itemsIn(reply)
  const map = new Map<string, ReplyValue>()
  for (let i = 0; i + 1 < flat.length; i += 2) map.set(String(flat[i]), flat[i + 1] as ReplyValue)
  return map
}

export const textIn = (reply: ReplyValue | undefined): string | undefined => bytesIn(reply)?.toString()

const plain = (value: ReplyValue | undefined): string | number => (typeof value === 'number' ? value : String(value))
