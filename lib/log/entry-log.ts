// EntryLog: the wal as the log of a member of a cluster: entries are appended here and applied elsewhere (write/applier.ts),
// later, once the group has committed them.
//
// 1. Everything is written in the order of the calls, and `sync` covers all that was called before it. What a call wrote
//    without one may be there after a crash or not; a part of it is the first of it.
// 2. An entry at or below the last index takes the place of that entry and of all after it.
// 3. The first failure of a write or a sync, a full disk's too, is the last call that does anything: what is on disk from
//    there on is not known, so nothing after it may be acknowledged. Opening again finds out.

import native from '#native'
import { attempt } from '../disk/fs.ts'
import { emptyBody, entriesOf, framed, hardStateKind, kindNumbers, type LogEntry } from './entry.ts'
import type { Log } from './log.ts'

/** What a member must not forget. `commit` is a lower bound: what is committed is never superseded. */
export interface HardState {
  readonly term: number
  readonly vote: number
  readonly commit: number
}

export interface EntryLogOptions {
  readonly engine: native.Engine
  readonly log: Log
  /** Entries up to here are of a time before there was a group. */
  readonly sinceIndex: number
  /** Why nothing is written any more; undefined: it is. */
  readonly failure: () => Error | undefined
  /** Nothing may be written any more: makes `failure` say so. */
  readonly onPoison: (error: Error) => void
}

const { frameStartBytes, frameEndBytes } = native.about()
const hardStateBytes = 24
/** Read at once, at most; a longer entry alone. */
const readBytesMax = 8 << 20

export class EntryLog {
  readonly #options: EntryLogOptions
  readonly #hardStateFrame = Buffer.alloc(frameStartBytes + hardStateBytes + frameEndBytes)
  readonly #emptyFrame = framed(emptyBody.payload)
  #lastIndex: number
  #hardState: HardState

  constructor(options: EntryLogOptions) {
    this.#options = options
    const { index, hardTerm, hardVote, hardCommit } = options.log.state()
    this.#lastIndex = index
    this.#hardState = { term: hardTerm, vote: hardVote, commit: hardCommit }
  }

  /** The first entry that is still there; the one after the last where there is none. */
  get firstIndex(): number {
    return Math.max(this.#options.log.firstIndex, this.#options.sinceIndex + 1)
  }

  get lastIndex(): number {
    return this.#lastIndex
  }

  /** As it was last written. */
  get hardState(): HardState {
    return this.#hardState
  }

  /** Of an entry from the one before the first to the last; undefined outside. */
  term(index: number): number | undefined {
    if (index > this.#lastIndex || index < this.firstIndex - 1) return undefined
    return attempt(() => native.recordTerm(this.#options.engine, index))
  }

  /** Entries from `first` on that make about `bytesMax` in the file together, at least one; undefined when it was cut. */
  read(first: number, bytesMax: number): LogEntry[] | undefined {
    if (first < this.firstIndex) return undefined
    if (first > this.#lastIndex) return []
    const bytes = Math.floor(Math.max(0, Math.min(bytesMax, readBytesMax)))
    return entriesOf(attempt(() => native.readRecords(this.#options.engine, first, bytes)))
  }

  /** The log begins anew after this index: what was in it is gone. */
  noteRestart(index: number): void {
    this.#lastIndex = index
  }

  /** Appends entries of consecutive indexes. */
  append(entries: readonly LogEntry[]): void {
    this.#write(() => {
      for (const entry of entries) this.#append(entry)
    })
  }

  #append({ kind, term, index, timeMs, operations, payload, frame }: LogEntry): void {
    const { engine, log } = this.#options
    const room = frame ?? (payload.length === 0 ? this.#emptyFrame : framed(payload))
    native.appendRecord(engine, kindNumbers[kind], term, index, timeMs, operations, room, payload.length)
    this.#lastIndex = index
    log.noteAppend(frameStartBytes + payload.length + frameEndBytes)
  }

  /** Written after the entries that its commit speaks of. */
  setHardState({ term, vote, commit }: HardState): void {
    const { engine, log } = this.#options
    const frame = this.#hardStateFrame
    for (const [at, word] of [term, vote, commit].entries())
      frame.writeBigUInt64LE(BigInt(word), frameStartBytes + at * 8)
    this.#write(() => {
      native.appendRecord(engine, hardStateKind, 0, 0, 0, 0, frame, hardStateBytes)
      this.#hardState = { term, vote, commit }
      log.noteAppend(frame.length)
    })
  }

  #write(work: () => void): void {
    const { failure, onPoison } = this.#options
    const known = failure()
    if (known !== undefined) throw known
    try {
      attempt(work)
    } catch (error) {
      onPoison(error as Error)
      throw failure() ?? error
    }
    // Rotating to the next segment may have failed after the record was written.
    const late = failure()
    if (late !== undefined) throw late
  }

  /** Resolves when everything written before the call is on disk; calls resolve in their order. */
  async sync(): Promise<void> {
    const { log, failure, onPoison } = this.#options
    const known = failure()
    if (known !== undefined) throw known
    try {
      await log.sync()
    } catch (error) {
      onPoison(error as Error)
      throw failure() ?? error
    }
    const late = failure()
    if (late !== undefined) throw late
  }
}
