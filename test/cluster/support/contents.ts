// Everything that a member's directory holds, up to an entry of the log, read from disk after its process has ended.
import { createHash } from 'node:crypto'
import { openMember } from '../../../lib/member.ts'
import { MemberLog } from '../../../server/raft/log.ts'

export interface Contents {
  /** Of all keys and values in their order, those of the system too. */
  readonly digest: string
  /** Of users, latin1. */
  readonly values: ReadonlyMap<string, string>
}

const appliedBytesMax = 1 << 20

export async function contentsOf(directory: string, index: number): Promise<Contents> {
  const member = await openMember(directory)
  try {
    const log = new MemberLog(member)
    while (log.applied < index) {
      const entries = log.entries(log.applied + 1, index + 1, appliedBytesMax)
      if (entries === undefined) throw new Error(`the log of ${directory} has no entry ${log.applied + 1}`)
      await log.apply(entries, (_, kept) => kept)
    }
    const hash = createHash('sha256')
    const values = new Map<string, string>()
    const length = Buffer.alloc(8)
    const add = (key: Buffer, value: Buffer) => {
      length.writeUInt32LE(key.length, 0)
      length.writeUInt32LE(value.length, 4)
      hash.update(length).update(key).update(value)
    }
    for await (const [key, value] of member.database.iterator()) {
      add(key, value)
      values.set(key.toString('latin1'), value.toString('latin1'))
    }
    hash.update('system')
    for await (const [key, value] of member.database.system.iterator())
      add(Buffer.from(key), Buffer.from(JSON.stringify(value)))
    return { digest: hash.digest('hex'), values }
  } finally {
    await member.close()
  }
}
