// Leveled compaction, pure: level 0 by count of tables, deeper levels by size, with targets that follow the last level.
//
// The last level holds what there is; each level above may hold a tenth of the one below, up to the first whose target
// would fall under a tenth of the base size: that one is the base, where level 0 is merged to. So a database of up to
// base size is level 0 and one level: the least rewriting, the least space.

import { limits } from '../../options.ts'
import { bytesOf, overlaps, spanOf, type TableFile, type Version } from '../version.ts'
import { type Compaction, outputBytesOf, type Picker, type PickerOptions } from './picker.ts'
import { type Garbage, isLevel0Worth, nextExpiryMs, pickGarbage } from './reclaim.ts'

const lastLevel = limits.levels - 1
const baseMemtables = 16
/** What is expired for the most part is worth a merge at any time. */
const alwaysWorth: Garbage = { oneIn: 2, withTombstones: false }
/** When there is nothing else to do less is enough. */
const idlyWorth: Garbage = { oneIn: 8, withTombstones: true }

export interface Targets {
  readonly base: number
  /** Bytes a level may hold; Infinity for the last and for those above the base. */
  readonly bytes: readonly number[]
}

export function targetsOf(version: Version, options: PickerOptions): Targets {
  const baseBytes = options.memtableBytes * baseMemtables
  const bytes = new Array<number>(limits.levels).fill(Number.POSITIVE_INFINITY)
  let base = lastLevel
  let target = Math.max(...version.levels.slice(1).map(bytesOf))
  while (target > baseBytes && base > 1) {
    target /= limits.levelFactor
    base--
    bytes[base] = target
  }
  // Tables above the base, from when the database was larger, move down first.
  const highest = version.levels.findIndex((tables, level) => level > 0 && tables.length > 0)
  for (let level = highest; level > 0 && level < base; level++) bytes[level] = 0
  return { base: highest > 0 ? Math.min(base, highest) : base, bytes }
}

const overlapping = (tables: readonly TableFile[], inputs: readonly TableFile[]): readonly TableFile[] => {
  const span = spanOf(inputs)
  return span === undefined ? [] : tables.filter((table) => overlaps(table, span.first, span.last))
}

function pickLevel0(version: Version, busy: ReadonlySet<number>, base: number): Compaction | undefined {
  const level0 = version.levels[0] ?? []
  if (level0.some((table) => busy.has(table.number))) return undefined
  const below = overlapping(version.levels[base] ?? [], level0)
  if (below.some((table) => busy.has(table.number))) return undefined
  const disjoint = level0.every((one, i) =>
    level0.every((other, j) => i === j || !overlaps(other, one.keyFirst, one.keyLast))
  )
  return {
    reason: 'level0',
    inputs: [{ level: 0, tables: level0 }, ...(below.length > 0 ? [{ level: base, tables: below }] : [])],
    outputLevel: base,
    isMove: below.length === 0 && disjoint
  }
}

/** Outputs at most, of level 0 on its way past a disk without room. */
const piecesMax = 64

// Where there is no room to merge level 0 with all that it overlaps it goes one level above, in pieces of which each
// overlaps little, and from there on piece by piece.
function pickLevel0InPieces(version: Version, busy: ReadonlySet<number>, base: number): Compaction | undefined {
  const level0 = version.levels[0] ?? []
  if (base < 2 || level0.some((table) => busy.has(table.number))) return undefined
  const pieces = Math.min(piecesMax, Math.max(1, version.levels[base]?.length ?? 0))
  return {
    reason: 'level0',
    inputs: [{ level: 0, tables: level0 }],
    outputLevel: base - 1,
    isMove: false,
    outputBytesMax: Math.ceil(bytesOf(level0) / pieces)
  }
}

function pickTable(version: Version, busy: ReadonlySet<number>, level: number): Compaction | undefined {
  const next = version.levels[level + 1] ?? []
  let best: { table: TableFile; below: readonly TableFile[]; ratio: number } | undefined
  for (const table of version.levels[level] ?? []) {
    if (busy.has(table.number)) continue
    const below = overlapping(next, [table])
    if (below.some((one) => busy.has(one.number))) continue
    const ratio = bytesOf(below) / Math.max(1, table.fileBytes)
    if (best === undefined || ratio < best.ratio) best = { table, below, ratio }
  }
  if (best === undefined) return undefined
  const { table, below } = best
  return {
    reason: 'size',
    inputs: [{ level, tables: [table] }, ...(below.length > 0 ? [{ level: level + 1, tables: below }] : [])],
    outputLevel: level + 1,
    isMove: below.length === 0
  }
}

export class LeveledPicker implements Picker {
  readonly #options: PickerOptions

  constructor(options: PickerOptions) {
    this.#options = options
  }

  pick(
    version: Version,
    busy: ReadonlySet<number>,
    timeMs: number,
    oldestSnapshot: number,
    spaceBytes = Number.POSITIVE_INFINITY
  ): Compaction | undefined {
    const { base, bytes } = targetsOf(version, this.#options)
    const scores: { level: number; score: number }[] = []
    const level0 = (version.levels[0]?.length ?? 0) / limits.level0Trigger
    if (level0 >= 1) scores.push({ level: 0, score: level0 })
    for (let level = 1; level < lastLevel; level++) {
      const held = bytesOf(version.levels[level] ?? [])
      const score = held / Math.max(1, bytes[level] ?? Number.POSITIVE_INFINITY)
      if (held > 0 && score > 1) scores.push({ level, score })
    }
    scores.sort((a, b) => b.score - a.score)
    const fits = (picked: Compaction | undefined): picked is Compaction =>
      picked !== undefined && outputBytesOf(picked) <= spaceBytes
    for (const { level } of scores) {
      const picked = level === 0 ? pickLevel0(version, busy, base) : pickTable(version, busy, level)
      if (fits(picked)) return picked
      if (picked === undefined || level > 0) continue
      const pieces = pickLevel0InPieces(version, busy, base)
      if (fits(pieces)) return pieces
    }
    const expired = pickGarbage(version, busy, timeMs, oldestSnapshot, alwaysWorth)
    return fits(expired) ? expired : undefined
  }

  reclaim(version: Version, busy: ReadonlySet<number>, timeMs: number, oldestSnapshot: number): Compaction | undefined {
    const picked = pickGarbage(version, busy, timeMs, oldestSnapshot, idlyWorth)
    if (picked !== undefined || !isLevel0Worth(version, timeMs, oldestSnapshot, idlyWorth)) return picked
    const level0 = pickLevel0(version, busy, targetsOf(version, this.#options).base)
    return level0 === undefined ? undefined : { ...level0, reason: 'garbage' }
  }

  nextReclaimMs(version: Version, timeMs: number): number {
    return nextExpiryMs(version, timeMs, idlyWorth)
  }

  deepen(version: Version, busy: ReadonlySet<number>, spaceBytes: number): Compaction | undefined {
    const { base } = targetsOf(version, this.#options)
    const highest = version.levels.findIndex((tables) => tables.length > 0)
    if (highest < 0 || highest === lastLevel) return undefined
    const choices =
      highest === 0
        ? [pickLevel0(version, busy, base), pickLevel0InPieces(version, busy, base)]
        : [pickTable(version, busy, highest)]
    const picked = choices.find((choice) => choice !== undefined && outputBytesOf(choice) <= spaceBytes)
    return picked === undefined ? undefined : { ...picked, reason: 'garbage' }
  }
}

/**
 * All tables that overlap the span, on all levels, merged to the deepest one that holds any. undefined: nothing to do.
 * The span grows from level to level with what was taken: what lies below a table that goes down must go with it.
 */
export function pickManual(version: Version, first: Buffer, last: Buffer): Compaction | undefined {
  const inputs: { level: number; tables: readonly TableFile[] }[] = []
  let [low, high, lastIsEnd] = [first, last, true]
  version.levels.forEach((all, level) => {
    const touched = all.filter((table) => overlaps(table, low, high, lastIsEnd))
    if (touched.length === 0) return
    // What a level-0 table shares with the others of its level must go down together with it.
    const tables = level === 0 ? all : touched
    inputs.push({ level, tables })
    const span = spanOf(tables)
    if (span !== undefined && span.first.compare(low) < 0) low = span.first
    if (span === undefined || span.last.compare(high) < 0) return
    high = span.last
    lastIsEnd = false
  })
  const deepest = inputs.at(-1)
  if (deepest === undefined) return undefined
  const outputLevel = deepest.level === 0 ? lastLevel : deepest.level
  return { reason: 'manual', inputs, outputLevel, isMove: false }
}
