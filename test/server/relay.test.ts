// What is published at one member reaches the subscribers of all, each once.
import { expect, test } from 'vitest'
import { decodeNote, encodeNote } from '../../server/cluster/notes.ts'
import { answeredOf, askedOf } from '../../server/forwarding-notes.ts'
import { seedOf } from '../support/campaign.ts'
import { randomOf } from './support/random.ts'
import { RespPeer, requestOf } from './support/resp-peer.ts'
import { atEnd } from './support/served.ts'
import { type ServedGroup, servedGroup } from './support/served-group.ts'

const seed = seedOf('relay')

async function peerOf(group: ServedGroup, at: number): Promise<RespPeer> {
  const peer = await RespPeer.connect({ port: group.serverAt(at).address.port })
  atEnd(() => peer[Symbol.dispose]())
  return peer
}
const ask = async (peer: RespPeer, ...words: readonly (string | Buffer)[]) => (await peer.ask([requestOf(...words)]))[0]
const messageOf = (channel: string, text: string) =>
  `*3\r\n$7\r\nmessage\r\n$${channel.length}\r\n${channel}\r\n$${text.length}\r\n${text}\r\n`
const patternOf = (pattern: string, channel: string, text: string) =>
  `*4\r\n$8\r\npmessage\r\n$${pattern.length}\r\n${pattern}\r\n$${channel.length}\r\n${channel}\r\n$${text.length}\r\n${text}\r\n`

test('a message reaches every subscriber once, wherever both are; the reply counts those of its server', async () => {
  const group = await servedGroup(seed)
  const subscribers = await Promise.all([0, 1, 2].map((at) => peerOf(group, at)))
  for (const peer of subscribers) {
    await ask(peer, 'SUBSCRIBE', 'news')
    await ask(peer, 'PSUBSCRIBE', 'n*')
  }
  for (const from of [0, 1, 2]) {
    const text = `from ${from} \x00\xff\r\n`
    expect(await ask(await peerOf(group, from), 'PUBLISH', 'news', Buffer.from(text, 'latin1'))).toBe(':2\r\n')
  }
  const others = await peerOf(group, 0)
  expect(await ask(others, 'PUBLISH', 'nobody', 'x')).toBe(':1\r\n')
  for (const peer of subscribers) {
    // Messages of different members come in any order; one too many would stand in the way of the last.
    const came = await peer.ask([], 7)
    const sent = [0, 1, 2].flatMap((from) => {
      const text = `from ${from} \x00\xff\r\n`
      return [messageOf('news', text), patternOf('n*', 'news', text)]
    })
    expect([...came].sort()).toEqual([...sent, patternOf('n*', 'nobody', 'x')].sort())
    expect(await ask(peer, 'PING', 'end')).toBe('*2\r\n$4\r\npong\r\n$3\r\nend\r\n')
  }
})

test('a member that cannot be told is left out, and nobody waits for it', async () => {
  const group = await servedGroup(seed)
  const [publisher, near, far] = await Promise.all([0, 1, 2].map((at) => peerOf(group, at)))
  for (const peer of [near, far]) await ask(peer as RespPeer, 'SUBSCRIBE', 'news')
  group.cutNotes.add('member-1 member-3')
  expect(await ask(publisher as RespPeer, 'PUBLISH', 'news', 'lost')).toBe(':0\r\n')
  expect(await (near as RespPeer).ask([], 1)).toEqual([messageOf('news', 'lost')])
  group.cutNotes.clear()
  await ask(publisher as RespPeer, 'PUBLISH', 'news', 'next')
  for (const peer of [near, far]) expect(await (peer as RespPeer).ask([], 1)).toEqual([messageOf('news', 'next')])
})

test('a note says plain data, bytes and numbers of any size', () => {
  const body = {
    bytes: Buffer.from([0, 255, 1]),
    views: [new Uint8Array([7]), Buffer.alloc(0)],
    big: 2n ** 63n,
    numbers: [1.5, -0, Number.POSITIVE_INFINITY],
    nested: [{ text: '{"$bytes":[0,1]}', nothing: null, yes: true }]
  }
  const bytes = encodeNote('forward', body)
  const note = decodeNote(bytes)
  expect(note).toEqual({
    kind: 'forward',
    body: { ...body, views: [Buffer.from([7]), Buffer.alloc(0)], numbers: [1.5, 0, Number.POSITIVE_INFINITY] }
  })
  expect(decodeNote(Buffer.concat([Buffer.of(200), bytes.subarray(1)]))).toBeUndefined()
})

test('bytes that are no note, and bodies of another shape, are dropped by whoever hears them', async () => {
  const group = await servedGroup(seed)
  const random = randomOf(seed)
  const request = { name: 'SET', args: [Buffer.from('k'), Buffer.from('v')] }
  const asked = { id: 1, run: 'r', user: 'default', language: 'resp', version: 2, requests: [request], watched: [] }
  const bodies = [
    { kind: 'forward', body: asked },
    { kind: 'forwarded', body: { id: 1, run: 'r', replies: [{ kind: 'integer', value: 1n }] } },
    { kind: 'published', body: { channel: Buffer.from('news'), message: Buffer.from('x') } }
  ] as const
  expect(askedOf(encodeNote('forward', asked))).toMatchObject({ requests: [request] })
  const [, answered] = bodies
  expect(answeredOf(encodeNote('forwarded', answered.body))).toEqual(answered.body)
  const say = async (note: Buffer) => {
    expect(group.stores[0]?.notes.send('member-2', note, 2 ** 20)).toBe(true)
    await group.members.quiet()
  }
  await say(Buffer.alloc(0))
  for (const { kind, body } of bodies) {
    const whole = encodeNote(kind, body)
    for (let length = 1; length < whole.length; length += 3) await say(whole.subarray(0, length))
    for (let i = 0; i < 100; i++) {
      const flipped = Buffer.from(whole)
      const at = 1 + random.below(flipped.length - 1)
      flipped[at] = (flipped[at] as number) ^ (1 + random.below(255))
      await say(flipped)
    }
    for (const name of Object.keys(body)) {
      for (const value of [undefined, null, 'x', -1, {}, [null], [{}], { $bytes: [0, 2 ** 40] }, { $int: 'x' }]) {
        await say(encodeNote(kind, { ...body, [name]: value }))
      }
    }
    for (const other of [null, 1, 'x', [], [[]]]) await say(encodeNote(kind, other))
  }
  const peer = await peerOf(group, 1)
  expect(await ask(peer, 'PING')).toBe('+PONG\r\n')
})
