// Estimate: how much of the tables is alive, from samples: a few windows of keys, of which the entries that tables hold and
// those that a reader sees are counted. It costs some reading beside the block cache, and nothing is remembered.

import native from '#native'
import { spaceEnd } from '../bytes/codec.ts'
import { outcome } from '../disk/jobs.ts'
import type { OpenedTable, Tree } from './tree.ts'
import { bytesOf, type TableFile } from './version.ts'

export interface EstimateContext {
  readonly engine: native.Engine
  readonly tree: Tree
  readonly nowMs: number
}

interface Window {
  readonly start: Buffer
  readonly end: Buffer
}

const windowsMax = 8
const windowBytes = 256 << 10
/** A window with more is left out: its keys are too much alike to cut it small. */
const windowEntriesMax = 200_000
const doNotFillCache = 2
const digits = 6
const halvings = 30

/** Entries of tables for each one that a reader sees, 1 at the least; Infinity where nothing is alive. */
export async function entriesPerLive(context: EstimateContext): Promise<number> {
  let stored = 0
  let live = 0
  for (const window of windowsOf(context.tree)) {
    // Both before the await: the view may change meanwhile.
    const held = storedIn(context.tree, window)
    const counting = liveIn(context, window)
    const seen = await counting
    if (seen === undefined) continue
    stored += held
    live += seen
  }
  return stored === 0 ? 1 : Math.max(1, stored / live)
}

// Spread over all bytes of all tables.
function windowsOf(tree: Tree): Window[] {
  const files = tree.version.levels.flat()
  const step = bytesOf(files) / windowsMax
  const windows: Window[] = []
  let before = 0
  for (const file of files) {
    const opened = tree.table(file.number)
    while (windows.length < windowsMax && (windows.length + 0.5) * step < before + file.fileBytes) {
      const offset = (windows.length + 0.5) * step - before
      windows.push(windowAt(file, opened, Math.max(0, offset - windowBytes / 2)))
    }
    before += file.fileBytes
  }
  return windows
}

function windowAt(file: TableFile, opened: OpenedTable, offset: number): Window {
  const start = keyAt(file, opened, offset)
  const end = offset + windowBytes >= file.fileBytes ? after(file.keyLast) : keyAt(file, opened, offset + windowBytes)
  const limit = spaceEnd(start.subarray(0, spaceBytes(start)))
  return { start, end: end.compare(limit) < 0 ? end : limit }
}

// A key before which about so many bytes of the table lie: halved between its first and its last one, as numbers.
function keyAt({ keyFirst, keyLast }: TableFile, { handle }: OpenedTable, offset: number): Buffer {
  if (offset <= 0) return keyFirst
  let common = 0
  while (common < keyFirst.length && keyFirst[common] === keyLast[common]) common++
  let low = numberAt(keyFirst, common)
  let high = numberAt(keyLast, common)
  const keyOf = (number: number): Buffer => {
    const key = Buffer.alloc(common + digits)
    keyFirst.copy(key, 0, 0, common)
    key.writeUIntBE(number, common, digits)
    return key
  }
  for (let i = 0; i < halvings && high - low > 1; i++) {
    const middle = Math.floor((low + high) / 2)
    if (native.tableOffset(handle, keyOf(middle)) <= offset) low = middle
    else high = middle
  }
  const key = keyOf(low)
  return key.compare(keyFirst) < 0 ? keyFirst : key
}

function numberAt(key: Buffer, start: number): number {
  const padded = Buffer.alloc(digits)
  key.copy(padded, 0, start, start + digits)
  return padded.readUIntBE(0, digits)
}

const after = (key: Buffer): Buffer => Buffer.concat([key, Buffer.from([0])])

// A stored key begins with its space's id, a varint.
function spaceBytes(key: Buffer): number {
  return key.findIndex((byte) => byte < 128) + 1
}

function spaceOf(key: Buffer): number {
  let space = 0
  for (let i = spaceBytes(key) - 1; i >= 0; i--) space = space * 128 + ((key[i] as number) & 127)
  return space
}

// Of each table its share by bytes of blocks.
function storedIn(tree: Tree, { start, end }: Window): number {
  let entries = 0
  for (const file of tree.version.levels.flat()) {
    const { handle } = tree.table(file.number)
    const bytes = native.tableOffset(handle, end) - native.tableOffset(handle, start)
    if (bytes > 0) entries += (file.entries * bytes) / native.tableOffset(handle, after(file.keyLast))
  }
  return entries
}

async function liveIn({ engine, nowMs }: EstimateContext, { start, end }: Window): Promise<number | undefined> {
  const space = spaceOf(start)
  const prefix = spaceBytes(start)
  const isWhole = end.compare(spaceEnd(start.subarray(0, prefix))) >= 0
  const last = isWhole ? null : end.subarray(prefix)
  const scan = native.openScan(engine, space, doNotFillCache, start.subarray(prefix), last, -1, nowMs)
  try {
    const { entries, done } = await outcome(native.scanCountJob(scan, windowEntriesMax))
    return done ? entries : undefined
  } finally {
    native.release(scan)
  }
}
