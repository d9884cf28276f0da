// A member's storage on a machine of a test, and entries for it.
import native from '#native'
import { settleJobs } from '../../../lib/disk/jobs.ts'
import {
  batchesOf,
  becomeMember,
  type EntryBody,
  emptyBody,
  type IncomingSnapshot,
  type LogEntry,
  type Member,
  type MemberOptions,
  openMember
} from '../../../lib/member.ts'
import { directory, type Machine } from './machine.ts'

export const memberOptions: MemberOptions = {
  memtableBytes: 16 << 10,
  tableBytes: 32 << 10,
  blockCacheBytes: 0,
  clock: () => 1_700_000_000_000
}
export const newMember = { clusterId: 'lakes', memberId: 7, membership: { voters: [7] } }
const spaceOfUsers = 1

export const put = (key: string, value: string, timeMs = 1000): EntryBody =>
  batchesOf((batch) => batch.put(spaceOfUsers, key, value), timeMs)

/** Several puts, as one record. */
export const puts = (entries: readonly (readonly [string, string])[], timeMs = 1000): EntryBody =>
  batchesOf((batch) => {
    for (const [key, value] of entries) batch.put(spaceOfUsers, key, value)
  }, timeMs)

export const noop: EntryBody = emptyBody

export const at = (index: number, term: number, body: EntryBody): LogEntry => ({ ...body, index, term })

export const become = (machine: Machine, path = directory): Promise<unknown> =>
  machine.run(becomeMember(path, newMember, memberOptions, machine.environment))

export const enter = (machine: Machine, path = directory, options: MemberOptions = {}): Promise<Member> =>
  machine.run(openMember(path, { ...memberOptions, ...options }, machine.environment))

/** The tables of a member, brought to another machine, as a transport would: what is to be installed there. */
export function ship(from: Member, source: Machine, to: Machine): IncomingSnapshot {
  const { version, unpin } = from.pin()
  const { executor, fs } = to.environment()
  native.makeDirectory(executor, fs, incoming)
  const tables = version.levels.flatMap((files, level) =>
    files.map((table) => {
      const path = `${incoming}/${++shipped}.sst`
      native.writeFile(executor, fs, path, native.memoryDump(source.fs, from.pathOf(table)))
      return { level, table, path }
    })
  )
  native.syncDirectory(executor, fs, incoming)
  while (native.step(executor));
  settleJobs()
  native.release(executor)
  unpin()
  return { flushed: version.flushed, tables }
}
const incoming = `${directory}/incoming`
let shipped = 0

/** What is visible. */
export async function contentOf(machine: Machine, member: Member): Promise<[string, string][]> {
  const entries = await machine.run(member.database.iterator().all())
  return entries.map(([key, value]) => [key.toString(), value.toString()])
}
