// Snapshots over real sockets: whole or not at all, at the pace of whoever takes them, and beside everything else.
import { describe, expect, test } from 'vitest'
import type { InstallSnapshot } from '../../../server/raft/core/types.ts'
import type { OnSnapshot } from '../../../server/raft/transport/snapshot-receiver.ts'
import { groupOf, heartbeat, identityOf, memberOf, type Opened, transportOf } from '../support/transports.ts'

const membership = { voters: [1, 2], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false }
const message: InstallSnapshot = {
  kind: 'snapshot',
  from: 1,
  to: 2,
  term: 3,
  snapshot: { index: 10, term: 2, membership, ref: 'what the sender holds' }
}

async function* chunksOf(count: number, length: number, onTaken: () => void = () => {}): AsyncGenerator<Buffer> {
  for (let i = 0; i < count; i++) {
    onTaken()
    yield Buffer.alloc(length, i)
  }
}

async function pair(onSnapshot: OnSnapshot | undefined): Promise<[Opened, Opened]> {
  return (await groupOf(2, { onSnapshot })) as [Opened, Opened]
}

describe('a snapshot', () => {
  test('arrives with its message and all its bytes, while messages go on', async () => {
    const taken: Buffer[] = []
    const messages: InstallSnapshot[] = []
    const [a, b] = await pair(async (said, chunks) => {
      messages.push(said)
      for await (const chunk of chunks) taken.push(chunk)
    })
    // Longer than a frame may be, and shorter.
    const lengths = [1, 300_000, 0, 1_000_000, 70_000]
    async function* source(): AsyncGenerator<Buffer> {
      for (const [i, length] of lengths.entries()) {
        a.transport.send(heartbeat(1, 2, i))
        yield Buffer.alloc(length, i + 1)
      }
    }
    await a.transport.sendSnapshot(message, source())
    expect(messages).toEqual([{ ...message, snapshot: { ...message.snapshot, ref: undefined } }])
    const expected = Buffer.concat(lengths.map((length, i) => Buffer.alloc(length, i + 1)))
    expect(Buffer.concat(taken).equals(expected)).toBe(true)
    expect(Math.max(...taken.map(({ length }) => length))).toBeLessThanOrEqual(256 * 2 ** 10)
    await b.seen.until(() => b.seen.messages.length === lengths.length)
  })

  test('without bytes', async () => {
    let count = 0
    const [a] = await pair(async (_, chunks) => {
      for await (const _chunk of chunks) count++
    })
    await a.transport.sendSnapshot(message, chunksOf(0, 1))
    expect(count).toBe(0)
  })

  test('is read no faster than it is taken', async () => {
    let read = 0
    let release = () => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    let bytes = 0
    const [a] = await pair(async (_, chunks) => {
      await gate
      for await (const chunk of chunks) bytes += chunk.length
    })
    const sent = a.transport.sendSnapshot(
      message,
      chunksOf(200, 2 ** 18, () => read++)
    )
    // What the queues of the system hold, ours, and no more: it stands still long before the 50 MiB are read.
    let before = -1
    for (let still = 0; still < 200; still = read === before ? still + 1 : 0) {
      before = read
      await new Promise(setImmediate)
    }
    expect(read).toBeGreaterThan(0)
    expect(read).toBeLessThan(150)
    release()
    await sent
    expect(bytes).toBe(200 * 2 ** 18)
  })

  test('that is not taken: the sender hears why, and reads no more of it', async () => {
    let read = 0
    const [a] = await pair(async (_, chunks) => {
      for await (const _chunk of chunks) throw new Error('The disk is full.')
    })
    await expect(
      a.transport.sendSnapshot(
        message,
        chunksOf(10_000, 2 ** 18, () => read++)
      )
    ).rejects.toMatchObject({ code: 'REFUSED', message: 'The snapshot was not taken: The disk is full.' })
    expect(read).toBeLessThan(1_000)
  })

  test('whose source fails is not one that ends', async () => {
    const ends: string[] = []
    const [a, b] = await pair(async (_, chunks) => {
      try {
        for await (const _chunk of chunks);
        ends.push('whole')
      } catch (error) {
        ends.push((error as { readonly code: string }).code)
        throw error
      }
    })
    async function* source(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(1000)
      throw new Error('A table is damaged.')
    }
    await expect(a.transport.sendSnapshot(message, source())).rejects.toThrow('A table is damaged.')
    await b.seen.until(() => ends.length > 0)
    expect(ends).toEqual(['LOST'])
  })

  test('to a node that stops meanwhile, or from one', async () => {
    const ends: string[] = []
    let taken = 0
    const onSnapshot: OnSnapshot = async (_, chunks) => {
      try {
        for await (const _chunk of chunks) taken++
      } catch (error) {
        ends.push((error as { readonly code: string }).code)
        throw error
      }
    }
    const [a, b] = await pair(onSnapshot)
    const sent = a.transport.sendSnapshot(message, chunksOf(1e6, 1000))
    await b.seen.until(() => taken > 100)
    void b.transport.close()
    await expect(sent).rejects.toMatchObject({ name: 'TransportFault' })
    const [c, d] = await pair(onSnapshot)
    taken = 0
    const again = c.transport.sendSnapshot(message, chunksOf(1e6, 1000))
    await d.seen.until(() => taken > 100)
    void c.transport.close()
    await expect(again).rejects.toMatchObject({ code: 'CLOSED' })
    await d.seen.until(() => ends.length === 2)
  })

  test('to nobody, to a node that takes none, to one that is not there', async () => {
    const [a] = await pair(undefined)
    await expect(a.transport.sendSnapshot(message, chunksOf(1, 1))).rejects.toMatchObject({
      code: 'REFUSED',
      message: 'Node "b" takes nothing over the snapshot lane.'
    })
    await expect(a.transport.sendSnapshot({ ...message, to: 9 }, chunksOf(1, 1))).rejects.toThrow(/no member 9/)
    const alone = await transportOf(1, 'a')
    alone.transport.become(identityOf(alone.member), [alone.member, memberOf(2, 'b', 1)])
    await expect(alone.transport.sendSnapshot(message, chunksOf(1, 1))).rejects.toMatchObject({
      name: 'TransportFault'
    })
  })
})
