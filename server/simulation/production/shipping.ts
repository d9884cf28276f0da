// Shipping: the tables of a member, brought to another host: what the server does with a snapshot's bytes (raft/snapshot.ts),
// on disks in memory.
import native from '#native'
import { Disk } from '../../../lib/disk/fs.ts'
import type { IncomingSnapshot, IncomingTable, Member, TableFile, Version } from '../../../lib/member.ts'
import type { Host } from './host.ts'

interface ShippedTable {
  readonly level: number
  readonly table: TableFile
  /** Its bytes, as they are on their way. Throws where the sender is gone. */
  readonly bytes: () => Buffer
}

export interface ShippedVersion {
  readonly version: Version
  readonly tables: readonly ShippedTable[]
}

const incoming = '/data/incoming'

/** A version that is pinned, for as long as its sender lives. */
export function shippedOf(host: Host, member: Member, version: Version, isAlive: () => boolean): ShippedVersion {
  const tables = version.levels.flatMap((files, level) =>
    files.map((table) => ({
      level,
      table,
      bytes: () => {
        if (!isAlive()) throw new Error('Its sender is gone.')
        return native.memoryDump(host.fs, member.pathOf(table))
      }
    }))
  )
  return { version, tables }
}

/** On disk and verified when it resolves; what was left of another one is removed. */
export async function receiveTables(member: Member, host: Host, shipped: ShippedVersion): Promise<IncomingSnapshot> {
  const { executor, fs } = host.environment()
  const disk = new Disk(fs, executor)
  try {
    await disk.makeDirectory(incoming).catch(() => undefined)
    for (const name of await disk.list(incoming)) await disk.unlink(`${incoming}/${name}`)
    const tables: IncomingTable[] = []
    for (const { level, table, bytes } of shipped.tables) {
      const path = `${incoming}/${tables.length}.sst`
      await disk.writeFile(path, bytes())
      await member.verifyTable(path, table)
      tables.push({ level, table, path })
    }
    await disk.syncDirectory(incoming)
    return { flushed: shipped.version.flushed, tables }
  } finally {
    native.release(executor)
  }
}
