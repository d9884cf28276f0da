// Snapshots as they travel: a version of a member, and the files of its tables.
//
//   length uint32 LE · the version, as a manifest begins with it · the tables' bytes, level by level, in its order
//
// Who receives one brings the tables to disk under `incoming/` of its directory and verifies each before any of it counts.
import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  decodeVersion,
  encodeVersion,
  type IncomingSnapshot,
  type IncomingTable,
  type Member,
  type Version
} from '../../lib/member.ts'
import { syncDirectory } from './sync-directory.ts'
import { badBytes } from './transport/fault.ts'

const chunkBytes = 256 << 10
const headBytes = 4
/** A version of a million tables; one that is longer is none. */
const versionBytesMax = 512 << 20

/** The tables stay as they are until the version is unpinned. */
export async function* snapshotBytes(member: Member, version: Version): AsyncGenerator<Uint8Array, void> {
  const state = encodeVersion(version)
  const head = Buffer.alloc(headBytes)
  head.writeUInt32LE(state.length)
  yield head
  for (let at = 0; at < state.length; at += chunkBytes) yield state.subarray(at, at + chunkBytes)
  for (const table of version.levels.flat()) yield* fileBytes(member.pathOf(table))
}

async function* fileBytes(path: string): AsyncGenerator<Uint8Array, void> {
  const file = await open(path)
  try {
    for (;;) {
      // What was yielded is on its way: each piece has memory of its own.
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes)
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

/** Brings it to disk. Rejects, and leaves nothing behind, where it is cut short, too long or damaged. */
export async function receiveSnapshot(
  member: Member,
  directory: string,
  chunks: AsyncIterable<Uint8Array>
): Promise<IncomingSnapshot> {
  const incoming = join(directory, 'incoming')
  await rm(incoming, { recursive: true, force: true })
  await mkdir(incoming)
  try {
    const bytes = new Chunks(chunks)
    const version = decodeVersion(await bytes.take(await lengthOf(bytes)))
    const tables: IncomingTable[] = []
    for (const [level, files] of version.levels.entries()) {
      for (const table of files) {
        const path = join(incoming, `${tables.length}.sst`)
        await writeTable(path, table.fileBytes, bytes)
        await member.verifyTable(path, table)
        tables.push({ level, table, path })
      }
    }
    if (!(await bytes.isAtEnd())) throw badBytes('a snapshot is longer than it says')
    await syncDirectory(incoming)
    return { flushed: version.flushed, tables }
  } catch (error) {
    await rm(incoming, { recursive: true, force: true })
    throw error
  }
}

async function lengthOf(bytes: Chunks): Promise<number> {
  const length = (await bytes.take(headBytes)).readUInt32LE()
  if (length === 0 || length > versionBytesMax) throw badBytes('a snapshot has an impossible length')
  return length
}

async function writeTable(path: string, size: number, bytes: Chunks): Promise<void> {
  const file = await open(path, 'wx')
  try {
    for (let left = size; left > 0; ) {
      const some = await bytes.some(left)
      await file.writeFile(some)
      left -= some.length
    }
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Bytes that come in chunks, taken in other pieces. */
class Chunks {
  readonly #chunks: AsyncIterator<Uint8Array>
  #held: Uint8Array = new Uint8Array(0)

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** Some of the next bytes, one at least. */
  async some(bytesMax: number): Promise<Uint8Array> {
    if (!(await this.#fill())) throw badBytes('a snapshot is cut short')
    const some = this.#held.subarray(0, bytesMax)
    this.#held = this.#held.subarray(some.length)
    return some
  }

  async take(bytes: number): Promise<Buffer> {
    const parts: Uint8Array[] = []
    for (let left = bytes; left > 0; ) {
      const some = await this.some(left)
      parts.push(some)
      left -= some.length
    }
    return Buffer.concat(parts)
  }

  async isAtEnd(): Promise<boolean> {
    return !(await this.#fill())
  }

  /** Whether there are any left. */
  async #fill(): Promise<boolean> {
    while (this.#held.length === 0) {
      const next = await this.#chunks.next()
      if (next.done === true) return false
      this.#held = next.value
    }
    return true
  }
}
