// Merging: a compaction job of overlapping tables into one, all in memory and on the calling thread: reading blocks,
// the k-way merge, the rules of what is dropped, and writing the table. Each table holds 10 000 entries; their keys
// are dealt out at random, so that the merge changes between them all the time. "overwritten": all hold the same
// keys, one survives.

import native from '#native'
import { Core, frameOf } from '../support/core.mjs'
import { makeRandom, makeValues, shuffled } from '../support/data.mjs'

const tableEntries = 10_000

function tablesOf(core, parts, value) {
  return parts.map((numbers) => {
    core.write(frameOf(numbers.toSorted(), value))
    const memtable = core.freeze()
    const table = core.open(core.flush([memtable], {}))
    native.release(memtable)
    return table
  })
}

function makeCase(core, { name, parts, value, survivors }) {
  // Newest first, as a version has its runs.
  const tables = tablesOf(core, parts, value).reverse()
  const call = () => {
    const merged = core.merge(tables)
    if (merged.entries !== survivors) throw new Error(`${merged.entries} entries are left.`)
    core.remove(merged)
  }
  return { name, units: parts.length * tableEntries, unit: 'entry', call }
}

export function suite() {
  const random = makeRandom()
  const value = makeValues(random)
  const core = new Core(64 << 20)
  const dealt = (count) => {
    const numbers = shuffled(count * tableEntries, random)
    return Array.from({ length: count }, (_, i) => numbers.subarray(i * tableEntries, (i + 1) * tableEntries))
  }
  const same = Array.from({ length: 4 }, () => dealt(1)[0])
  const cases = [
    ...[2, 4, 12].map((count) => ({ name: `${count} tables`, parts: dealt(count), survivors: count * tableEntries })),
    { name: '4 tables, overwritten', parts: same, survivors: tableEntries }
  ].map((one) => makeCase(core, { ...one, value }))
  return { cases, close: () => core.close() }
}
