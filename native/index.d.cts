// The data plane as the control plane sees it: everything the addon exports.
//
// Rules of this border
//  - Handles are small integers, valid in the environment (thread) that got them, until `release`. A wrong,
//    released or foreign handle throws; it never crashes.
//  - Arguments are copied before a call returns, but for frames of `writeJob`, which are held until it is done.
//  - Functions that end in `Job`, and those said to, start work on an executor and return a job number. When it ends, its
//    outcome is queued, and the one callback given to `setWake` is called (once for many); `drain` takes the outcomes.
//  - Nothing here knows a default, chooses a file, reads a clock or makes a random number.
//  - What goes wrong is thrown, or is a job's error: an Error with `code` (see NativeErrorCode), and `file`, `offset`,
//    `errno` where they are known.
//  - Sequences, indexes, sizes and times are numbers (safe integers). Space ids are numbers, written as varints
//    before the user's key by the functions that take `space`.

declare namespace native {
  type FileSystem = number & { readonly brand: 'FileSystem' }
  type Executor = number & { readonly brand: 'Executor' }
  type Engine = number & { readonly brand: 'Engine' }
  type Memtable = number & { readonly brand: 'Memtable' }
  type Table = number & { readonly brand: 'Table' }
  type Segment = number & { readonly brand: 'Segment' }
  type Scan = number & { readonly brand: 'Scan' }
  type AppendFile = number & { readonly brand: 'AppendFile' }
  type Lock = number & { readonly brand: 'Lock' }
  type Reactor = number & { readonly brand: 'Reactor' }
  type StoreHandle = FileSystem | Executor | Engine | Memtable | Table | Segment | Scan | AppendFile | Lock
  type Handle = StoreHandle | Reactor
  /** What a job resolves to, for the type checker only: a job is a number. */
  type Job<Result> = number & { readonly result?: Result }

  type NativeErrorCode =
    | 'CORRUPTION'
    | 'IO_ERROR'
    | 'NO_SPACE'
    | 'NOT_FOUND'
    | 'EXISTS'
    | 'LOCKED'
    | 'WOULD_BLOCK'
    | 'INVALID_ARGUMENT'
    | 'UNSUPPORTED'
    | 'TOO_LARGE'
    | 'CLOSED'
    | 'ABORTED'
  interface NativeError extends Error {
    code: NativeErrorCode
    file?: string
    offset?: number
    errno?: number
  }

  // ── environment ────────────────────────────────────────────────────────────────────────────────────────────
  /** Called (from the event loop, with no arguments) when outcomes wait to be drained. Once per environment. */
  function setWake(callback: () => void): void
  /** Outcomes so far, flat: job, error or undefined, result, job, error, result, … */
  function drain(): unknown[]
  /** While true the environment stays alive for outcomes to come; false (at first) lets the process end. */
  function keepAlive(on: boolean): void
  /** Gives a handle back. What views, scans and jobs still use lives on until they let go. */
  function release(handle: Handle): void
  /** "sse4.2", "armv8" or "software"; the version of this contract; the room a frame has before and after its payload. */
  function about(): { crc32c: string; contract: number; frameStartBytes: number; frameEndBytes: number }
  function crc32c(bytes: Uint8Array, start?: number): number
  /** Prevents structuredClone and postMessage from moving the buffer away. */
  function markUntransferable(buffer: ArrayBuffer): void
  /** Frees its memory now, where the runtime lets it go; it has no bytes then. */
  function discard(buffer: ArrayBuffer): void

  // ── executors ──────────────────────────────────────────────────────────────────────────────────────────────
  function threadExecutor(readThreads: number, compactThreads: number): Executor
  /** Runs nothing by itself: `step` runs one task on the calling thread. seed 0: strictly in order. */
  function steppedExecutor(seed: number): Executor
  function step(executor: Executor): boolean
  /** The job fails with ABORTED, if it can still be stopped. One that is over, or unknown, is left alone. */
  function cancel(job: number): void
  /** gentle 1: a merge rests between short pieces of its work from now on; 0: full speed. Others take no notice. */
  function pace(job: number, gentle: number): void
  /** bytes read, bytes written, entries read; undefined when its outcome was drained. */
  function progress(job: number): [number, number, number] | undefined

  // ── the disk, lane `disk` ──────────────────────────────────────────────────────────────────────────────────
  function posixFileSystem(): FileSystem
  function memoryFileSystem(): FileSystem
  interface Stat {
    size: number
    allocatedBytes: number
    modifiedMs: number
    device: number
    inode: number
    isDirectory: boolean
  }
  function readFile(executor: Executor, fs: FileSystem, path: string, bytesMax: number): Job<Buffer>
  /** create → write → sync. */
  function writeFile(executor: Executor, fs: FileSystem, path: string, bytes: Uint8Array): Job<void>
  function rename(executor: Executor, fs: FileSystem, from: string, to: string): Job<void>
  function link(executor: Executor, fs: FileSystem, from: string, to: string): Job<void>
  function unlink(executor: Executor, fs: FileSystem, path: string): Job<void>
  function makeDirectory(executor: Executor, fs: FileSystem, path: string): Job<void>
  function removeDirectory(executor: Executor, fs: FileSystem, path: string): Job<void>
  function syncDirectory(executor: Executor, fs: FileSystem, path: string): Job<void>
  function list(executor: Executor, fs: FileSystem, path: string): Job<string[]>
  function stat(executor: Executor, fs: FileSystem, path: string): Job<Stat>
  function freeBytes(executor: Executor, fs: FileSystem, path: string): Job<number>
  function lock(executor: Executor, fs: FileSystem, path: string, exclusive: boolean, owner: string): Job<Lock>
  /** mode: 0 must exist, 1 must not exist. Appends go after the bytes that are there. */
  function openAppend(executor: Executor, fs: FileSystem, path: string, mode: 0 | 1): Job<AppendFile>
  /** One write at the end, then a sync of the data. A failed append or sync fails all later ones; NO_SPACE is the write's. */
  function append(executor: Executor, file: AppendFile, bytes: Uint8Array): Job<void>

  interface FileSum {
    bytes: number
    /** crc32c over the whole file. */
    crc: number
  }
  /** Lane `compact`: reads every byte; `progress` tells how far. */
  function checksumFile(executor: Executor, fs: FileSystem, path: string): Job<FileSum>
  /** Lane `compact`: create exclusively → write → sync (not the directory). What fails leaves nothing behind. */
  function copyFile(executor: Executor, fs: FileSystem, from: string, to: string): Job<FileSum>

  // memory file systems only; see file_memory.h
  type Faults = { atCall: number; forever?: boolean; errno?: number; shortWrite?: boolean; operations?: number }
  function memoryCrash(fs: FileSystem, seed: number): void
  function memoryKill(fs: FileSystem): void
  function memoryFaults(fs: FileSystem, faults: Faults | null): void
  function memoryCalls(fs: FileSystem): number
  function memoryCapacity(fs: FileSystem, bytes: number): void
  function memoryCold(fs: FileSystem, cold: boolean): void
  function memoryDump(fs: FileSystem, path: string): Buffer
  function memoryOverwrite(fs: FileSystem, path: string, bytes: Uint8Array): void
  function memoryDigest(fs: FileSystem): string

  // ── engine: what one open database owns ────────────────────────────────────────────────────────────────────
  function createEngine(executor: Executor, fs: FileSystem, cacheBytes: number): Engine
  function setCacheBytes(engine: Engine, bytes: number): void
  interface EngineStats {
    cacheCapacityBytes: number
    cacheBytes: number
    cacheBlocks: number
    cacheHits: number
    cacheMisses: number
    cacheEvictions: number
    filterChecks: number
    filterNegatives: number
    filterFalsePositives: number
    blocksFromPageCache: number
    blocksFromDisk: number
    wouldBlock: number
    blockBytesRead: number
    walBytesAppended: number
    walSyncs: number
    /** Open ones. */
    scans: number
  }
  function engineStats(engine: Engine): EngineStats

  /** `bytesExpected` sizes its index and its blocks of memory. */
  function createMemtable(engine: Engine, bytesExpected: number): Memtable
  type MemtableStats = { bytes: number; entries: number; tombstones: number; rangeTombstones: number; expiring: number }
  function memtableStats(memtable: Memtable): MemtableStats

  /** TableProperties of table_format.h; keys in stored form. */
  interface TableProperties {
    entries: number
    tombstones: number
    rangeTombstones: number
    expiring: number
    expiresFirstMs: number
    expiresLastMs: number
    sequenceFirst: number
    sequenceLast: number
    snapshotSequenceLast: number
    keyBytes: number
    valueBytes: number
    dataBytes: number
    indexBytes: number
    filterBytes: number
    fileBytes: number
    blocks: number
    keyFirst: Buffer
    keyLast: Buffer
    boundIsRangeEnd: boolean
  }
  /** Lane `disk`. `id`: 16 bytes. */
  function openTable(
    engine: Engine,
    path: string,
    number: number,
    id: Uint8Array
  ): Job<{ table: Table; pinnedBytes: number; properties: TableProperties }>
  /** How many views, scans and jobs hold the table, its own handle not counted. */
  function tableUses(table: Table): number
  /** Bytes of data blocks before the first entry at or after `key` (stored form). */
  function tableOffset(table: Table, key: Uint8Array): number
  /** Lane `compact`: reads every byte. */
  function verifyTable(table: Table): Job<void>

  /** From now on reads and writes go through this view. frozen, level 0: newest first. Waits for all writeJobs so far. */
  function setView(
    engine: Engine,
    memtable: Memtable,
    frozen: readonly Memtable[],
    levels: readonly (readonly Table[])[]
  ): void

  // ── wal ────────────────────────────────────────────────────────────────────────────────────────────────────
  interface LogPosition {
    index: number
    term: number
    sequence: number
    timeMs: number
  }
  interface LogState extends LogPosition {
    hardTerm: number
    hardVote: number
    hardCommit: number
    syncedIndex: number
  }
  /** Gives the engine its log, at this position, with no segment yet; once. The position's sequence becomes visible. */
  function openWal(engine: Engine, state: LogState, membership: Uint8Array): void
  /** firstIndex: of the first entry the log still holds, or index + 1. needsSync: a syncJob would have work. */
  function walState(engine: Engine): LogState & { firstIndex: number; needsSync: boolean }
  /** The newest sequence that reads see. */
  function visibleSequence(engine: Engine): number
  /** The last membership in the log, and its entry's index. */
  function walMembership(engine: Engine): { index: number; bytes: Buffer }
  /** Forgets all entries, to go on from `position` after activateSegment: a snapshot took the place of log and tables. */
  function resetWal(engine: Engine, position: LogPosition, membership: Uint8Array): void
  /** Lane `disk`: created exclusively, reserved, synced (not its directory). */
  function createSegment(engine: Engine, path: string, reserveBytes: number): Job<Segment>
  /** Lane `disk`: an old segment file to be used again, already under its new name; grown to `reserveBytes`. */
  function recycleSegment(engine: Engine, path: string, reserveBytes: number): Job<Segment>
  /**
   * Writes the segment's header (position, hard state, membership are the log's own) and sends later records there.
   * `id`: 16 bytes, `life`: 8 random bytes, not all zero. NO_SPACE: nothing changed, but the segment is spent.
   */
  function activateSegment(engine: Engine, segment: Segment, number: number, id: Uint8Array, life: Uint8Array): void
  /** Header and records; 0 before it was activated. */
  function segmentBytes(segment: Segment): number

  /**
   * One record of batches: appended to the wal, applied to the view's memtable, made visible; synchronous.
   * `frame`: `frameStartBytes` of room, then `payloadBytes` of batches (wal_format.h), then `frameEndBytes` of room; the
   * room is written to. Batches that do not parse, or are not `operations` in all, throw before anything is logged.
   * Returns the memtable's bytes. On an error nothing is visible; see wal.h for what is poisoned. NO_SPACE: activate
   * another segment and write again. Waits for writeJobs that were asked for before.
   */
  function write(engine: Engine, frame: Uint8Array, payloadBytes: number, operations: number, timeMs: number): number
  /** The same on lane `write`: visible at once at its end. `frame` must not change, move or be detached until the job is over. */
  function writeJob(
    engine: Engine,
    frame: Uint8Array,
    payloadBytes: number,
    operations: number,
    timeMs: number
  ): Job<number>
  /** Blocks until no writeJob runs or waits (for synchronous reads). */
  function waitForWrites(engine: Engine): void
  /**
   * Appends a record without applying it: kind as RecordKind. `index` 0: the next one; at or below the last: supersedes.
   * `firstSequence` 0 or left out: the next one; else that of the same entry in another's log. For kHardState (payload:
   * term, vote and commit, 8 bytes each) and kSyncMark term, index, timeMs, operations and firstSequence are not looked at.
   */
  function appendRecord(
    engine: Engine,
    kind: number,
    term: number,
    index: number,
    timeMs: number,
    operations: number,
    frame: Uint8Array,
    payloadBytes: number,
    firstSequence?: number
  ): void
  /** Applies appended entries from..to (indexes) to the view's memtable, and makes them visible. Returns the memtable's bytes. */
  function applyRecords(engine: Engine, from: number, to: number): number
  /** Lane `sync`: resolves to the synced index. */
  function syncJob(engine: Engine): Job<number>
  /** Whole records of entries as they lie in the file, at least one, else at most `bytesMax`. NOT_FOUND: not in the log. */
  function readRecords(engine: Engine, from: number, bytesMax: number): Buffer
  /** Of an entry in the log, or of the one before the first. NOT_FOUND otherwise. */
  function recordTerm(engine: Engine, index: number): number
  function truncateAfter(engine: Engine, index: number): void
  /** Forgets segments whose entries are all <= index (flushed, that is); returns their paths. */
  function dropSegments(engine: Engine, index: number): string[]

  interface ReplayRequest {
    /** Ascending. `number`: by its name. `endOffset`: where the manifest says it ends. */
    segments: readonly { path: string; number: number; id?: Uint8Array; endOffset?: number }[]
    flushedIndex: number
    flushedTerm: number
    flushedSequence: number
    flushedTimeMs: number
    /** Entries known to be on disk in the wal. */
    syncedIndex: number
    /** Entries above are read but not applied; left out: all are applied. */
    applyTo?: number
    /** Nor are entries applied above what the hard state says is committed. */
    onlyCommitted?: boolean
    memtable: Memtable
    /** The segment in which the log goes on, with its identity (null: read-only open). */
    copyTo: { segment: Segment; number: number; id: Uint8Array; life: Uint8Array } | null
  }
  interface ReplayResult extends LogState {
    firstIndex: number
    appliedIndex: number
    records: number
    operations: number
    bytes: number
    membership: Buffer
    membershipIndex: number
    /** Listed segments that hold no part of the log, or none any more: to be removed, not recycled. */
    unused: string[]
    cut: { file: string; offset: number; reason: string } | null
  }
  /**
   * Lane `compact`: reads the segments back, what is above flushedIndex into `memtable`. The engine gets its log, when the
   * outcome is drained: the segments read stay part of it (dropSegments gives them up). With copyTo,
   * `copyTo.segment` is active in it, and what may not have been on disk was copied there and synced.
   */
  function replayJob(engine: Engine, request: ReplayRequest): Job<ReplayResult>
  /** Lane `disk`: one line per record. */
  function describeSegment(executor: Executor, fs: FileSystem, path: string): Job<string>

  // ── reads ──────────────────────────────────────────────────────────────────────────────────────────────────
  /** `sequence`: the newest one that may be seen, -1 for all. */
  enum Answer {
    Missing = -1,
    WouldBlock = -2,
    NeedsTime = -3
  }
  enum Tier {
    CacheOnly = 0,
    NoWait = 1,
    MayBlock = 2
  }
  type Lookup = [engine: Engine, space: number, key: string | Uint8Array, sequence: number, nowMs: number, tier: number]
  /**
   * Copies the value to slab[offset …) and returns its length; or an Answer; or -16 - length when it does not fit.
   * NeedsTime: an expiring entry was met and nowMs was 0: ask again with the time.
   * A string key is taken as utf8; one with a lone surrogate throws INVALID_ARGUMENT, one over 65 535 bytes TOO_LARGE.
   */
  function get(...args: [...Lookup, slab: Uint8Array, offset: number]): number
  /** The value as a string (utf8), or an Answer. */
  function getText(...args: Lookup): string | number
  /** 1 when the key is there, or an Answer. */
  function has(...args: Lookup): number
  /** Lane `read`; nowMs is the time, not 0. The value, or undefined. */
  function getJob(
    engine: Engine,
    space: number,
    key: string | Uint8Array,
    sequence: number,
    nowMs: number
  ): Job<Buffer | undefined>
  /**
   * The same as get, with facts[0] = the entry's sequence and facts[1] = its expiresAt (0: never), which are set when the
   * key is there, whether or not its value fits. A slab of length 0 leaves the value out: only its length is told.
   */
  function getEntry(...args: [...Lookup, facts: Float64Array, slab: Uint8Array, offset: number]): number
  /** Lane `read`; nowMs is the time, not 0. Without wantsValue `value` is left out. */
  function getEntryJob(
    engine: Engine,
    space: number,
    key: string | Uint8Array,
    sequence: number,
    nowMs: number,
    wantsValue: boolean
  ): Job<{ value?: Buffer; sequence: number; expiresAt: number } | undefined>
  /**
   * Looks up keys[from …): `keys` holds them one after the other, keySizes their sizes. Values are laid into the
   * slabs in order, each whole in one slab, in the first from the present one on that has room. sizes[i] = length, Missing,
   * WouldBlock, NeedsTime, or -16 - length for a value over `valueBytesMax` (left out). With no slabs: 0 for a key that is there (has).
   * Returns the number of the first key not answered for want of slabs (count when all are); negative minus
   * one (-n - 1) when some value laid down is not ASCII.
   */
  function getMany(
    engine: Engine,
    space: number,
    keys: Uint8Array,
    keySizes: Uint32Array,
    from: number,
    count: number,
    sequence: number,
    nowMs: number,
    tier: number,
    slabs: readonly Uint8Array[],
    valueBytesMax: number,
    sizes: Int32Array
  ): number

  type Read = [engine: Engine, space: number, sequence: number, nowMs: number, tier: number]
  type Placed = [source: Uint8Array, places: Uint32Array, from: number, count: number]
  /**
   * Looks up keys where they stand: places[2 i] and places[2 i + 1] are offset and length of key i in `source`. From `from`
   * on, answers are laid into `target`: a value as "$" length CR LF value CR LF, a miss as `missing`; ends[i] is where that of
   * key from + i ends. Stops at the first key that needs the disk or whose answer has no room. nowMs is the time, not 0.
   * Returns the number of the first key not answered, count when all are.
   */
  function getFramed(...args: [...Read, ...Placed, target: Uint8Array, missing: Uint8Array, ends: Uint32Array]): number

  /**
   * Lays puts into a batch's frame from `at` on: places[4 i …] are offset and length of key i in `source`, then of its value.
   * The frame needs room for all of them, and 32 bytes more for each. Returns where they end.
   */
  function layPuts(frame: Uint8Array, at: number, space: number, ...placed: Placed): number

  /** flags: 1 reverse, 2 do not fill the cache. start inclusive, end exclusive (user keys), null: the space's own bounds. */
  function openScan(
    engine: Engine,
    space: number,
    flags: number,
    start: Uint8Array | null,
    end: Uint8Array | null,
    sequence: number,
    nowMs: number
  ): Scan
  /**
   * Fills a page: keys one after the other from keys[0], values from slab[slabOffset], sizes[2i], sizes[2i+1].
   * keys or slab of length 0 leave that side out. info: keys bytes, values bytes, flags (1 done, 2 all keys ASCII,
   * 4 all values ASCII, 8 would block), next key bytes, next value bytes (when nothing fitted). Returns the number of entries.
   * `sizes` has two elements per entry of `entriesMax`, `info` five.
   */
  function scanPage(
    scan: Scan,
    tier: number,
    keys: Uint8Array,
    slab: Uint8Array,
    slabOffset: number,
    sizes: Uint32Array,
    entriesMax: number,
    info: Uint32Array
  ): number
  /** Lane `read`: one page, waiting for the disk. The scan must not be used until it is over. */
  function scanPageJob(
    scan: Scan,
    keysBytes: number,
    valuesBytes: number,
    entriesMax: number
  ): Job<{ keys: Buffer; values: Buffer; sizes: Uint32Array; info: Uint32Array; entries: number }>
  /**
   * Moves past up to `entriesMax` of the entries ahead and counts them: no key or value is copied. Returns how many;
   * facts[0] = the highest of their sequences (0: none), facts[1] = flags (1 done, 8 would block). Fewer than entriesMax
   * with neither flag: much was passed over (deleted, say); come back, so that no call takes long.
   */
  function scanCount(scan: Scan, tier: number, entriesMax: number, facts: Float64Array): number
  /** Lane `read`: the same, waiting for the disk, and for all of entriesMax or the end. */
  function scanCountJob(scan: Scan, entriesMax: number): Job<{ entries: number; sequenceLast: number; done: boolean }>
  /**
   * A range as a check sees it: facts[0] = how many entries are visible in [start, end) (user keys, null: the space's own
   * bounds), where more than countMax are told as countMax + 1; facts[1] = the highest sequence of those counted (0:
   * none). Returns 0, or WouldBlock when the tier does not reach or too much lies in the way for one call (not with
   * MayBlock): facts are of no use then, and checkRangeJob answers. nowMs is the time, not 0.
   */
  function checkRange(
    engine: Engine,
    space: number,
    start: Uint8Array | null,
    end: Uint8Array | null,
    sequence: number,
    nowMs: number,
    tier: number,
    countMax: number,
    facts: Float64Array
  ): number
  /** Lane `read`. */
  function checkRangeJob(
    engine: Engine,
    space: number,
    start: Uint8Array | null,
    end: Uint8Array | null,
    sequence: number,
    nowMs: number,
    countMax: number
  ): Job<{ entries: number; sequenceLast: number }>
  function scanSeek(scan: Scan, key: Uint8Array): void
  /** Goes on over the engine's present view, at the scan's own sequence. */
  function scanRefresh(scan: Scan): void

  // ── flush and compaction, lanes `flush` and `compact` ──────────────────────────────────────────────────────
  interface TableOptions {
    blockBytes: number
    restartInterval: number
    filterBitsPerKey: number
    hashIndex: boolean
  }
  interface OutputFile {
    path: string
    id: Uint8Array
  }
  interface MergeFacts {
    snapshots: readonly number[]
    expiredMs: number
    bottommost: boolean
    /** Per level below the output: first and last key of each table, in key order, flat. */
    deeper: readonly (readonly Uint8Array[])[]
  }
  interface JobResult {
    outputs: { file: number; properties: TableProperties }[]
    entriesIn: number
    entriesOut: number
    entriesDropped: number
    bytesIn: number
    bytesOut: number
  }
  function flushJob(
    engine: Engine,
    request: { memtables: readonly Memtable[]; output: OutputFile; table: TableOptions; facts: MergeFacts }
  ): Job<JobResult>
  function compactJob(
    engine: Engine,
    request: {
      runs: readonly (readonly Table[])[]
      outputs: readonly OutputFile[]
      outputBytesMax: number
      cutAfter: readonly Uint8Array[]
      table: TableOptions
      facts: MergeFacts
    }
  ): Job<JobResult>

  // ── salvage, lane `compact`: what can be read of files that are damaged ─────────────────────────────────────
  /** The identity that a table's header or footer carries (lane `disk`). */
  function identifyTable(executor: Executor, fs: FileSystem, path: string): Job<Buffer>
  interface LostSpan {
    offset: number
    bytes: number
    /** Keys (stored form) that may be missing or show an older value lie between, inclusive; null: not known. */
    first: Buffer | null
    last: Buffer | null
    /** Range tombstones were lost: what they had deleted may be back. */
    isRanges: boolean
  }
  interface TableSalvage {
    /** Of the output; null without one. */
    properties: TableProperties | null
    entries: number
    rangeTombstones: number
    blocks: number
    sequenceLast: number
    /** null: not known. */
    entriesLost: number | null
    lost: LostSpan[]
  }
  /** The entries of every whole block go to `output` (null or left out: nothing is written). */
  function salvageTable(
    executor: Executor,
    fs: FileSystem,
    request: { path: string; id: Uint8Array; output?: OutputFile | null; table?: TableOptions }
  ): Job<TableSalvage>
  interface LostRecords {
    file: string
    offset: number
    sequenceFirst: number
    /** 0: not known, up to the end of the log. */
    sequenceLast: number
  }
  interface WalSalvage extends LogPosition {
    records: number
    operations: number
    lost: LostRecords[]
  }
  /** What replay refuses to do: every record that can be read goes into `memtable`; see wal_salvage.h. */
  function salvageWal(
    engine: Engine,
    request: {
      segments: readonly { path: string; number: number }[]
      /** 0: only `flushedSequence` is known. */
      flushedIndex: number
      flushedTerm: number
      flushedSequence: number
      flushedTimeMs: number
      syncedIndex: number
      /** false: nothing says up to where the log went; without a sync mark at its end it may lack more. */
      isEndKnown: boolean
      lastIndex?: number
      fromStart: boolean
      memtable: Memtable
    }
  ): Job<WalSalvage>

  // ── connections ────────────────────────────────────────────────────────────────────────────────────────────
  // native/net/reactor.h says more. Of a connection that is closed, or was never there, what follows says 0 or ''.
  /** Calls back when `takeEvents` has something to tell; alive once it listens; its release closes all. UNSUPPORTED: no epoll. */
  function openReactor(callback: () => void): Reactor
  /** A numeric address; port 0: the system's choice. "address port" where it listens. */
  function listen(reactor: Reactor, address: string, port: number, backlog: number): string
  function stopListening(reactor: Reactor): void
  // `events`: how many, bytes, 1 where there may be more; then of each connection, what (1 accepted, 2 data, 3 no more comes, 4 all
  // is sent, 5 gone, 6 not accepted), detail (2: length; 5, 6: errno). Data: in `buffer` from `from` on, where 16 KiB have room.
  function takeEvents(reactor: Reactor, buffer: Uint8Array, from: number, events: Int32Array): void
  function writeConnection(reactor: Reactor, connection: number, bytes: Uint8Array): number
  /** A part: a connection, and where its bytes end; afterwards how many of them wait. How many parts have some that wait. */
  function writeParts(reactor: Reactor, bytes: Uint8Array, parts: Uint32Array, count: number): number
  function waitingBytes(reactor: Reactor, connection: number): number
  function setReading(reactor: Reactor, connection: number, on: boolean): void
  function finishConnection(reactor: Reactor, connection: number): void
  function closeConnection(reactor: Reactor, connection: number): void
  function addressesOf(reactor: Reactor, connection: number): string
}
export = native
