// Messages and frames as bytes: round trips, any fragmentation, and bytes that are no message.
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { Entry, MembershipChange, Payload, PeerMessage, Proposal } from '../../../server/raft/core/types.ts'
import { ByteReader, ByteWriter } from '../../../server/raft/transport/bytes.ts'
import { TransportFault } from '../../../server/raft/transport/fault.ts'
import { encodeFrame, FrameReader } from '../../../server/raft/transport/frames.ts'
import { kindNumbers, MessageCodec, messageKindOf } from '../../../server/raft/transport/message-codec.ts'
import { campaign, seedOf } from '../../support/campaign.ts'
import { drawsOf, randomOf } from '../../support/random.mjs'

const seed = seedOf('transport codec')
const { below, oneOf } = drawsOf(randomOf(seed))
const codec = new MessageCodec()
const route = { from: 7, to: 2 ** 53 - 1 }
const kinds = Object.keys(kindNumbers) as PeerMessage['kind'][]

const number = (): number => oneOf([0, 1, 127, 128, 300, 2 ** 31, 2 ** 32 + 5, 2 ** 53 - 1, below(2 ** 40)])
const flag = (): boolean => below(2) === 1
const some = <T>(item: () => T, max = 5): T[] => Array.from({ length: below(max) }, item)

function payload(): Payload {
  if (below(4) === 0) return { size: 0, ref: undefined }
  const ref = Buffer.alloc(oneOf([0, 1, 100, 2048, 2049, 20_000]), below(256))
  return { size: ref.length, ref }
}

function change(): MembershipChange {
  const changes = some(() => ({ kind: oneOf(['voter', 'learner', 'remove', 'update'] as const), id: number() }))
  const version = oneOf([1, 2] as const)
  const plain = { version, transition: oneOf(['auto', 'implicit', 'explicit'] as const), changes }
  return flag() ? { ...plain, payload: payload() } : plain
}

function entriesAfter(index: number): Entry[] {
  let next = index + 1
  return some((): Entry => {
    const at = { term: number(), index: next++ }
    return flag() ? { kind: 'normal', ...at, payload: payload() } : { kind: 'membership', ...at, change: change() }
  })
}

const proposal = (): Proposal =>
  flag() ? { kind: 'normal', payload: payload() } : { kind: 'membership', change: change() }

function messageOf(kind: PeerMessage['kind']): PeerMessage {
  const termed = { ...route, term: number() }
  const index = below(2 ** 40)
  switch (kind) {
    case 'append':
      return { kind, ...termed, index, logTerm: number(), entries: entriesAfter(index), commit: number() }
    case 'appendResponse':
      return { kind, ...termed, index, reject: flag(), hint: number(), hintTerm: number() }
    case 'vote':
      return { kind, ...termed, index, logTerm: number(), transfer: flag() }
    case 'preVote':
      return { kind, ...termed, index, logTerm: number() }
    case 'voteResponse':
    case 'preVoteResponse':
      return { kind, ...termed, reject: flag(), ...(flag() ? { committed: { index, term: number() } } : {}) }
    case 'snapshot': {
      const ids = () => some(number)
      const halves = { voters: ids(), votersOutgoing: ids(), learners: ids(), learnersNext: ids() }
      const membership = { ...halves, autoLeave: flag() }
      return { kind, ...termed, snapshot: { index, term: number(), membership, ref: undefined } }
    }
    case 'heartbeat':
      return { kind, ...termed, commit: index, round: number() }
    case 'heartbeatResponse':
      return { kind, ...termed, round: number() }
    case 'timeoutNow':
      return { kind, ...termed }
    case 'propose':
      return { kind, from: number(), to: route.to, proposals: some(proposal) }
    case 'transferLeader':
      return { kind, ...termed, transferee: number() }
    case 'readIndex':
      return { kind, ...route, id: number() }
    case 'readIndexResponse':
      return { kind, ...termed, id: number(), index }
  }
}

const frameOf = (message: PeerMessage) =>
  encodeFrame(kindNumbers[message.kind], (writer) => codec.encode(message, writer))
const bytesOf = (message: PeerMessage): Buffer => Buffer.concat(frameOf(message).parts)

/** What a reader makes of these pieces. */
function read(pieces: readonly Buffer[], payloadBytesMax = 2 ** 24): PeerMessage[] {
  const messages: PeerMessage[] = []
  const reader = new FrameReader(payloadBytesMax)
  for (const piece of pieces) {
    reader.push(piece, (kind, bytes) => {
      const name = messageKindOf(kind)
      if (name === undefined) throw new TransportFault('BYTES', 'no message')
      messages.push(codec.decode(name, new ByteReader(bytes), route))
    })
  }
  return messages
}

function cut(bytes: Buffer, lengthMax: number): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + below(lengthMax)
    pieces.push(bytes.subarray(at, end))
    at = end
  }
  return pieces
}

describe('messages', () => {
  test('come out as they went in, all kinds, in any fragmentation', () => {
    const rounds = campaign('messages over frames', { short: 400, long: 20_000 })
    for (let round = 0; round < rounds; round++) {
      const messages = kinds.map(messageOf)
      const bytes = Buffer.concat(messages.map(bytesOf))
      const decoded = read(cut(bytes, oneOf([1, 7, 100, 5_000, bytes.length])))
      // Comparing buffers this way takes a hundredth of what toEqual takes.
      expect([seed, round, isDeepStrictEqual(decoded, messages)]).toEqual([seed, round, true])
    }
  })

  test('long payloads are sent from where they are and counted', () => {
    const ref = Buffer.alloc(2 ** 23, 1)
    const entries: Entry[] = [{ kind: 'normal', term: 1, index: 6, payload: { size: ref.length, ref } }]
    const frame = frameOf({ kind: 'append', ...route, term: 1, index: 5, logTerm: 1, entries, commit: 5 })
    expect(frame.parts.includes(ref)).toBe(true)
    expect(frame.bytes).toBe(frame.parts.reduce((sum, part) => sum + part.length, 0))
    expect(frame.bytes - ref.length).toBeLessThan(40)
  })

  test('a heartbeat is the bytes that the specification shows', () => {
    const bytes = bytesOf({ kind: 'heartbeat', ...route, term: 2, commit: 300, round: 5 })
    expect(bytes.subarray(0, -4).toString('hex')).toBe('040000000802ac0205')
  })

  test('what comes from a storage has no number', () => {
    expect(Object.keys(kindNumbers).filter((kind) => kind.startsWith('storage'))).toEqual([])
    const numbers = new Set(Object.values(kindNumbers))
    const decoded = Array.from({ length: 256 }, (_, number) => messageKindOf(number)).filter((kind) => kind)
    expect(decoded).toHaveLength(numbers.size)
    expect(decoded).toHaveLength(kinds.length)
  })

  test('numbers that cannot be sent, entries that do not follow, payloads without bytes are our own bugs', () => {
    const heartbeat = { kind: 'heartbeat', ...route, term: 1, commit: 0 } as const
    for (const round of [-1, 0.5, 2 ** 53, Number.NaN]) {
      expect(() => bytesOf({ ...heartbeat, round })).toThrow(RangeError)
    }
    const append = { kind: 'append', ...route, term: 1, index: 5, logTerm: 1, commit: 0 } as const
    const entry = (index: number, ref: unknown): Entry => ({
      kind: 'normal',
      term: 1,
      index,
      payload: { size: 1, ref }
    })
    expect(() => bytesOf({ ...append, entries: [entry(7, Buffer.of(1))] })).toThrow(/has entry 7 where 6 should be/)
    expect(() => bytesOf({ ...append, entries: [entry(6, undefined)] })).toThrow(/a size and no bytes/)
    expect(() => bytesOf({ ...append, entries: [entry(6, 'text')] })).toThrow(/has no bytes/)
  })
})

describe('bad bytes', () => {
  /** What reading does: messages, or a fault; anything else is a crash. */
  function outcome(pieces: readonly Buffer[]): 'messages' | 'fault' {
    try {
      read(pieces)
      return 'messages'
    } catch (error) {
      if (error instanceof TransportFault && error.code === 'BYTES') return 'fault'
      throw error
    }
  }

  test('any changed bit of a frame is a fault, or the frame does not end', () => {
    const rounds = campaign('bits changed in frames', { short: 3_000, long: 200_000 })
    let faults = 0
    for (let round = 0; round < rounds; round++) {
      const message = messageOf(oneOf(kinds))
      const bytes = bytesOf(message)
      const at = below(bytes.length)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8))
      let read: 'messages' | 'fault' = 'fault'
      const reader = new FrameReader(2 ** 24)
      let frames = 0
      try {
        for (const piece of cut(bytes, 1000)) reader.push(piece, () => frames++)
        read = 'messages'
      } catch (error) {
        expect(error).toBeInstanceOf(TransportFault)
        faults++
      }
      // A longer length is not a fault yet: the frame waits for its end.
      expect([seed, round, read, frames]).toEqual([seed, round, read, 0])
    }
    expect(faults).toBeGreaterThan(rounds / 2)
  })

  test('payloads of random bytes, and payloads damaged below their checksum, never crash', () => {
    const rounds = campaign('damaged payloads', { short: 20_000, long: 1_000_000 })
    const seen = { messages: 0, fault: 0 }
    for (let round = 0; round < rounds; round++) {
      const message = messageOf(oneOf(kinds))
      const writer = new ByteWriter()
      codec.encode(message, writer)
      const payload = Buffer.concat(writer.finish())
      const length = Math.min(payload.length, 200)
      for (let i = 0; i < 1 + below(3) && length > 0; i++) payload[below(length)] = below(256)
      const damaged = payload.subarray(0, oneOf([payload.length, below(payload.length + 1)]))
      const bytes = below(8) === 0 ? Buffer.from(some(() => below(256), 60)) : damaged
      seen[outcome([Buffer.concat(encodeFrame(1 + below(15), (to) => to.raw(bytes)).parts)])]++
    }
    expect(Math.min(seen.messages, seen.fault)).toBeGreaterThan(rounds / 100)
  })

  test('lengths that lie are believed by nobody', () => {
    const head = Buffer.alloc(5)
    head.writeUInt32LE(2 ** 24 + 1)
    expect(outcome([head])).toBe('fault')
    // Announced and never sent: what is held is what came.
    head.writeUInt32LE(2 ** 32 - 1)
    const reader = new FrameReader(2 ** 32)
    const before = process.memoryUsage.rss()
    for (let i = 0; i < 1000; i++) reader.push(i === 0 ? head : Buffer.of(1), () => expect.unreachable())
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 28)
    // A list of 2^50 items, a text of 2^40 bytes.
    const writer = new ByteWriter()
    writer.varint(2 ** 50)
    const bytes = Buffer.concat(writer.finish())
    expect(() => new ByteReader(bytes).list(() => 0)).toThrow(/longer than its message/)
    expect(() => new ByteReader(bytes).bytes()).toThrow(/ends too early/)
  })

  test('numbers have one form', () => {
    const read = (...bytes: number[]) => new ByteReader(Buffer.from(bytes)).varint()
    expect(read(0x80, 0x01)).toBe(128)
    expect(read(255, 255, 255, 255, 255, 255, 255, 15)).toBe(2 ** 53 - 1)
    expect(() => read(0x80, 0x00)).toThrow(/longer than it need be/)
    expect(() => read(255, 255, 255, 255, 255, 255, 255, 16)).toThrow(/too large/)
    expect(() => read(255, 255, 255, 255, 255, 255, 255, 255, 1)).toThrow(/too large/)
  })

  test('many small pieces cost about their bytes', () => {
    const ref = Buffer.alloc(300_000, 1)
    const entries: Entry[] = [{ kind: 'normal', term: 1, index: 6, payload: { size: ref.length, ref } }]
    const message: PeerMessage = { kind: 'append', ...route, term: 1, index: 5, logTerm: 1, entries, commit: 5 }
    const bytes = bytesOf(message)
    const pieces: Buffer[] = []
    for (let at = 0; at < bytes.length; at++) pieces.push(bytes.subarray(at, at + 1))
    expect(isDeepStrictEqual(read(pieces), [message])).toBe(true)
  })
})
