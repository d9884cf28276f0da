// The picker of compactions, pure: versions drawn at random, and the rules that every choice must keep.
import { expect, test } from 'vitest'
import { pickManual } from '../../lib/tree/compaction/leveled.ts'
import type { Compaction } from '../../lib/tree/compaction/picker.ts'
import { emptyVersion, overlaps, type TableFile, type Version } from '../../lib/tree/version.ts'
import { seedOf } from '../support/campaign.ts'
import { drawsOf, randomOf } from '../support/random.mjs'

const keyOf = (n: number): Buffer => Buffer.from(`\x01${String(n).padStart(3, '0')}`, 'latin1')

function table(number: number, first: number, last: number): TableFile {
  return {
    number,
    id: new Uint8Array(16),
    fileBytes: 1000,
    keyFirst: keyOf(first),
    keyLast: keyOf(last),
    boundIsRangeEnd: false,
    entries: 1,
    tombstones: 0,
    rangeTombstones: 0,
    expiring: 0,
    expiresFirstMs: 0,
    expiresLastMs: 0,
    sequenceFirst: 1,
    sequenceLast: number,
    snapshotSequenceLast: 0
  }
}

const versionOf = (levels: readonly (readonly TableFile[])[]): Version => ({
  ...emptyVersion,
  levels: emptyVersion.levels.map((_, level) => levels[level] ?? [])
})

/** Tables that stay although something that goes below them, or beside them, shares keys with them. */
function leftBehind(version: Version, { inputs, outputLevel }: Compaction): string[] {
  const taken = new Set(inputs.flatMap(({ tables }) => tables))
  const left: string[] = []
  for (const { level, tables } of inputs)
    for (let below = level; below <= outputLevel; below++)
      for (const other of version.levels[below] ?? [])
        for (const one of tables)
          if (!taken.has(other) && overlaps(other, one.keyFirst, one.keyLast))
            left.push(`${other.number} on level ${below} beside ${one.number} from level ${level}`)
  return left
}

test('a compaction by hand takes what lies below the tables that it takes', () => {
  const levels = [[], [], [], [], [], [table(1, 0, 300)], [table(2, 0, 99), table(3, 100, 199), table(4, 200, 400)]]
  const version = versionOf(levels)
  const picked = pickManual(version, keyOf(0), keyOf(10))
  expect(picked?.inputs.map(({ tables }) => tables.map(({ number }) => number))).toEqual([[1], [2, 3, 4]])
  expect(picked?.outputLevel).toBe(6)
  expect(pickManual(version, keyOf(500), keyOf(600))).toBeUndefined()
})

test('a compaction by hand leaves no table behind that shares keys with it', () => {
  const random = randomOf(seedOf('manual compactions'))
  const { below } = drawsOf(random)
  for (let round = 0; round < 500; round++) {
    let number = 0
    const disjoint = (most: number): TableFile[] => {
      const tables: TableFile[] = []
      for (let at = below(100); at < 900; at += 1 + below(100)) {
        const last = at + below(most)
        tables.push(table(++number, at, last))
        at = last
      }
      return tables
    }
    const anywhere = (): TableFile => {
      const first = below(900)
      return table(++number, first, first + below(100))
    }
    const levels = [Array.from({ length: below(4) }, anywhere), [], [], [], disjoint(300), disjoint(200), disjoint(80)]
    const version = versionOf(levels)
    const first = below(900)
    const picked = pickManual(version, keyOf(first), keyOf(first + below(200)))
    if (picked !== undefined) expect(leftBehind(version, picked)).toEqual([])
  }
})
