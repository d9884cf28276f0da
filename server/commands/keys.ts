// KEYS pattern · DBSIZE · RANDOMKEY: what walks over all keys.
import { arrayReply, errorReply, integerReply, missing, type Reply, valueReply } from '../protocol/reply.ts'
import type { Caller } from './caller.ts'
import { type Arguments, argument, type Command } from './command.ts'
import { globOf } from './glob.ts'
import { isAll } from './scan.ts'
import { pagesOf, rangeOfPrefix } from './walk.ts'

/** What a reply that is gathered before it is sent may hold. */
export const gatheredBytesMax = 64 * 2 ** 20
/** About what a Buffer costs beside its bytes. */
export const entryBytes = 100

export const keys: Command = {
  name: 'KEYS',
  arity: 2,
  flags: ['read', 'dangerous'],
  group: 'generic',
  summary: 'All keys that match a pattern, in order.',
  usage: 'pattern',
  plan: (args: Arguments) => ({ kind: 'slow', run: (caller) => runKeys(caller, argument(args, 0)) })
}

async function runKeys(caller: Caller, pattern: Buffer): Promise<Reply> {
  const glob = isAll(pattern) ? undefined : globOf(pattern)
  const found: Reply[] = []
  let bytes = 0
  for await (const page of pagesOf(caller, { ...rangeOfPrefix(glob?.prefix ?? none), values: false })) {
    for (const [key] of page) {
      if (glob !== undefined && !glob.matches(key)) continue
      found.push(valueReply(key))
      bytes += key.length + entryBytes
    }
    if (bytes > gatheredBytesMax) return errorReply('there are too many such keys for one reply, use SCAN', 'TOO_LARGE')
  }
  return arrayReply(found)
}

const none = Buffer.alloc(0)

export const dbsize: Command = {
  name: 'DBSIZE',
  arity: 1,
  flags: ['read'],
  group: 'server',
  summary: 'How many keys there are; they are counted.',
  plan: () => ({ kind: 'slow', run: runDbsize })
}

async function runDbsize(caller: Caller): Promise<Reply> {
  let count = 0
  for await (const page of pagesOf(caller, { values: false })) count += page.length
  return integerReply(count)
}

export const randomkey: Command = {
  name: 'RANDOMKEY',
  arity: 1,
  flags: ['read'],
  group: 'generic',
  summary: 'Some key. Of up to 1 000 keys each is as likely as the others; of more, those behind a gap are likelier.',
  plan: () => ({ kind: 'slow', run: runRandomkey })
}

const fewKeys = 1_000
/** Keys behind a random place from which one is drawn: what evens out gaps. */
const drawnFrom = 64

async function runRandomkey(caller: Caller): Promise<Reply> {
  const first = await someKeys(caller, { limit: fewKeys })
  const lowest = first[0]
  if (lowest === undefined) return missing
  if (first.length < fewKeys) return drawn(first, caller)
  const [highest = lowest] = await someKeys(caller, { limit: 1, reverse: true })
  const place = between(lowest, highest, caller.server.random)
  const near = await someKeys(caller, { limit: drawnFrom, gte: place })
  return drawn(near.length > 0 ? near : first, caller)
}

async function someKeys(caller: Caller, walk: { limit: number; gte?: Buffer; reverse?: boolean }): Promise<Buffer[]> {
  const found: Buffer[] = []
  for await (const page of pagesOf(caller, { ...walk, values: false })) for (const [key] of page) found.push(key)
  return found
}

function drawn(from: readonly Buffer[], { server }: Caller): Reply {
  const key = from[Math.floor(server.random() * from.length)]
  return key === undefined ? missing : valueReply(key)
}

/** A random place from `first` to `last`: what they begin with in common, then six bytes from the one's to the other's. */
function between(first: Buffer, last: Buffer, random: () => number): Buffer {
  let common = 0
  while (common < first.length && first[common] === last[common]) common++
  const from = sixBytes(first, common)
  const number = from + Math.floor(random() * (sixBytes(last, common) - from + 1))
  const tail = Buffer.alloc(6)
  tail.writeUIntBE(number, 0, 6)
  return Buffer.concat([first.subarray(0, common), tail])
}

function sixBytes(key: Buffer, at: number): number {
  const bytes = Buffer.alloc(6)
  key.copy(bytes, 0, at, at + 6)
  return bytes.readUIntBE(0, 6)
}
