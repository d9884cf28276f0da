// Member: the storage of a member of a cluster: a database whose log is the group's. What the group's consensus asks of a
// disk is here; nothing here knows of consensus. It is the server's (`server/raft/log.ts`), not part of the public surface.
//
//   becomeMember   a database alone, or an empty directory, becomes a member's in place
//   openMember     a member's directory, as its member
//   ownerOf        whose a directory is
//
// 1. Appending and applying are apart: `log` takes entries and says when they are on disk; `apply` makes those visible that
//    the group has committed. After opening, what is in tables is applied (`applied`), and nothing else.
// 2. A flush writes the tables, and in the same edit of the manifest how far they reach and who belonged to the group
//    then. So every entry is applied once, whenever the power fails.
// 3. The log is cut only below what is flushed and below `keepFrom`.
// 4. `database` reads what is applied. Its writes are refused with VARVE_READ_ONLY.

import { assert } from './assert.ts'
import { Batch } from './bytes/batch.ts'
import { closeParts } from './closing.ts'
import { verifyTableFile } from './copies/tables.ts'
import { Database } from './database.ts'
import { join, tableName } from './disk/files.ts'
import { invalid, VarveError } from './errors.ts'
import { type IncomingSnapshot, installSnapshot } from './incoming.ts'
import { bodyOf, type EntryBody } from './log/entry.ts'
import { EntryLog } from './log/entry-log.ts'
import { openParts } from './open.ts'
import { type Environment, type OpenOptions, realEnvironment, type Settings } from './options.ts'
import type { Parts } from './parts.ts'
import { encodeState, readManifest } from './tree/manifest.ts'
import type { PinnedVersion } from './tree/tree.ts'
import type { FlushedState, MemberIdentity, TableFile, Version } from './tree/version.ts'
import type { Applicable, Applier } from './write/applier.ts'

export type { Batch } from './bytes/batch.ts'
export type { IncomingSnapshot, IncomingTable } from './incoming.ts'
export { type EntryBody, type EntryKind, emptyBody, type LogEntry } from './log/entry.ts'
export type { EntryLog, HardState } from './log/entry-log.ts'
export { lineOfTable, type TableLine, tableOfLine } from './tree/manifest.ts'
export type { PinnedVersion } from './tree/tree.ts'
export type { FlushedState, MemberIdentity, TableFile, Version } from './tree/version.ts'
export type { Applicable } from './write/applier.ts'

type EnvironmentOf = (settings: Settings) => Environment

/** Options of a member's database; keys and values are bytes, and its writes are as durable as its group asks. */
export type MemberOptions = Omit<OpenOptions, 'durability' | 'keyEncoding' | 'valueEncoding' | 'readOnly'>

export interface NewMember {
  readonly clusterId: string
  /** Never used in this cluster before. */
  readonly memberId: number
  /** Who belongs to the group, as its owner writes it; JSON. */
  readonly membership: unknown
}

/**
 * Makes a directory a member's, which must be a database's that is closed, or empty or missing. What it holds is a snapshot to
 * the group, at the last index of its log. One edit of the manifest does it: whatever happens, the directory is a
 * database alone afterwards, as it was, or the member's.
 *
 * @throws VarveError: VARVE_MEMBER where it is a member's already, and what `open` throws
 */
export async function becomeMember(
  path: string,
  member: NewMember,
  options: MemberOptions = {},
  environmentOf: EnvironmentOf = realEnvironment
): Promise<MemberIdentity> {
  checkNewMember(member)
  const parts = await openParts(path, options, environmentOf, 'alone')
  let made: MemberIdentity
  try {
    await flushOrFail(parts)
    made = await turnInto(parts, member)
  } catch (error) {
    await closeParts(parts).catch(() => undefined)
    throw error
  }
  await closeParts(parts)
  return made
}

// A flush is tried again for as long as it takes; whoever waits here had better know why.
async function flushOrFail(parts: Parts): Promise<void> {
  const failed = new Promise<never>((_, reject) => {
    parts.events.once('background-error', ({ error }: { readonly error: Error }) => reject(error))
  })
  failed.catch(() => undefined)
  await Promise.race([parts.flush(), failed])
}

// Nobody writes: the log ends where the tables do.
async function turnInto(parts: Parts, { clusterId, memberId, membership }: NewMember): Promise<MemberIdentity> {
  const flushed = parts.position()
  const member = { clusterId, memberId, sinceIndex: flushed.index }
  await parts.installer.install({ add: [], remove: [], flushed: { ...flushed, membership }, member }, [], [])
  return member
}

function checkNewMember({ clusterId, memberId, membership }: NewMember): void {
  if (typeof clusterId !== 'string' || clusterId === '') throw invalid('clusterId must be a string that is not empty.')
  if (!Number.isSafeInteger(memberId) || memberId < 1) throw invalid('memberId must be a whole number from 1 on.')
  if (membership === undefined) throw invalid('membership must be given.')
}

/** Whose a directory is, and whether anything was ever written into it. */
export interface DirectoryOwner {
  readonly member: MemberIdentity | undefined
  readonly holdsData: boolean
}

/** Looks without changing anything; undefined where there is no database. Rejects while it is open elsewhere. */
export async function ownerOf(
  path: string,
  environmentOf: EnvironmentOf = realEnvironment
): Promise<DirectoryOwner | undefined> {
  let parts: Parts
  try {
    parts = await openParts(path, { readOnly: true }, environmentOf, 'alone')
  } catch (error) {
    if (error instanceof VarveError && error.code === 'VARVE_NOT_FOUND') return undefined
    throw error
  }
  const { member } = parts.recovered.version
  const holdsData = parts.log.state().index > 0
  await closeParts(parts)
  return { member, holdsData }
}

/**
 * Opens a member's directory as its member.
 *
 * @throws VarveError: VARVE_MEMBER where it is nobody's, and what `open` throws
 */
export async function openMember(
  path: string,
  options: MemberOptions = {},
  environmentOf: EnvironmentOf = realEnvironment
): Promise<Member> {
  const bytes = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const
  const parts = await openParts(path, { ...options, ...bytes, durability: 'os' }, environmentOf, 'member')
  return new Member(parts)
}

/** A member's storage, open. */
export class Member {
  readonly identity: MemberIdentity
  readonly log: EntryLog
  /** Reads what is applied. */
  readonly database: Database<Buffer, Buffer>
  readonly #parts: Parts
  readonly #applier: Applier

  /** @internal */
  constructor(parts: Parts) {
    const { applier, recovered, engine, log } = parts
    const identity = recovered.version.member
    assert(applier !== undefined && identity !== undefined, 'only the directory of a member is opened as one')
    this.#parts = parts
    this.#applier = applier
    this.identity = identity
    this.database = new Database<Buffer, Buffer>(parts)
    this.log = new EntryLog({
      engine,
      log,
      sinceIndex: identity.sinceIndex,
      failure: () => parts.writer.failure,
      onPoison: (error) => parts.poison(error)
    })
  }

  /** Where the applied entries end, with the membership after them. */
  get applied(): FlushedState {
    return this.#applier.position
  }

  /** Where the tables end: what a snapshot of them is a snapshot of. */
  get flushed(): FlushedState {
    return this.#parts.tree.version.flushed
  }

  /** Why nothing is written or applied any more: a write or a sync failed. Undefined: all is well. */
  get failure(): Error | undefined {
    return this.#parts.writer.failure
  }

  /** Why puts should be refused before they are proposed: the disk is nearly full. */
  get refusal(): VarveError | undefined {
    return this.#parts.health.refusal
  }

  /** The clock that entries' times come from; never before the newest applied one's. */
  nowMs(): number {
    return this.#parts.time.now()
  }

  /**
   * Applies the committed entries that follow the last one applied. With `membership`, JSON, it is the group's from the last
   * of them on. Calls are carried out in order; each resolves when its entries are visible, which may take as long as
   * flushes need to catch up.
   */
  apply(entries: readonly Applicable[], membership?: unknown): Promise<void> {
    return this.#applier.apply(entries, membership)
  }

  /** Entries from this index on stay in the log although they are flushed: others need them. Infinity, as at first: none. */
  keepFrom(index: number): void {
    this.#parts.log.keepFrom(index)
  }

  /** What is applied at the call becomes tables, and the log is cut. */
  async flush(): Promise<void> {
    const { applied } = this
    await this.#parts.flush()
    if (this.flushed.index >= applied.index) return
    // The last entries brought nothing into the memtable: there is nothing to write but how far it goes.
    await this.#parts.installer.install({ add: [], remove: [], flushed: applied }, [], [])
    await this.#parts.log.dropBelow(applied.index)
  }

  /** The tables as they are, at `version.flushed`; their files stay until it is unpinned. */
  pin(): PinnedVersion {
    return this.#parts.tree.pin()
  }

  /** Reads every byte of a table's file from elsewhere. Rejects where it is not the table that it should be. */
  verifyTable(path: string, table: TableFile): Promise<void> {
    return verifyTableFile(this.#parts.engine, path, table, {})
  }

  /** Where a table of a pinned version is. */
  pathOf(table: TableFile): string {
    return join(this.#parts.directory, tableName(table.number))
  }

  /**
   * A snapshot of another member takes the place of everything here, log and tables: its tables, which are on disk under
   * this directory's file system and were verified, are moved in, and one edit puts them in force. Resolves when that is
   * durable and visible. Snapshots and iterators that are open go on over what was here before.
   */
  install(incoming: IncomingSnapshot): Promise<void> {
    return this.#applier.alone(() => installSnapshot(this.#parts, this.log, incoming))
  }

  /** Syncs and gives the directory back. What was not applied is in the log. */
  close(): Promise<void> {
    return this.database.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** A version as bytes, for another member. */
export const encodeVersion = (version: Version): Buffer => encodeState(version, 1)

/** @throws VarveError VARVE_CORRUPTION or VARVE_UNSUPPORTED where the bytes are no version */
export const decodeVersion = (bytes: Buffer): Version => readManifest('a snapshot', bytes).version

/** The batches that `each` lays down, as the body of an entry. One batch is atomic, and so is the entry. */
export function batchesOf(each: (batch: Batch) => void, timeMs: number): EntryBody {
  const batch = new Batch()
  each(batch)
  batch.finish()
  return bodyOf(batch.frame, batch.payloadBytes, batch.operations, timeMs)
}
