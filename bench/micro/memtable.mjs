// The memtable, a B+ tree: puts by native.write, lookups by native.get, a walk by native.scanPage.
//
// A put is all of the write path below JavaScript: the frame is parsed and checksummed, appended to a wal in memory
// and laid into the tree; a call makes an engine, puts 20 000 entries in batches of 100 and releases it all. What the
// tree alone costs is in bench/native/memtable_bench.cc. Lookups ask by string, one crossing into the addon each.

import native from '#native'
import { Core, frameOf, mayBlock, walk } from '../support/core.mjs'
import { keyOf, makeRandom, makeValues, shuffled } from '../support/data.mjs'

const entries = 20_000
const batchEntries = 100
const walBytes = 8 << 20

function framesOf(numbers, value) {
  const frames = []
  for (let i = 0; i < numbers.length; i += batchEntries)
    frames.push(frameOf(numbers.subarray(i, i + batchEntries), value))
  return frames
}

function fill(frames) {
  const core = new Core(walBytes)
  for (const frame of frames) core.write(frame)
  return core
}

export function suite() {
  const random = makeRandom()
  const value = makeValues(random)
  const order = shuffled(entries, random)
  const scattered = framesOf(order, value)
  const ascending = framesOf(order.toSorted(), value)
  const core = fill(scattered)
  const { engine } = core
  const slab = Buffer.alloc(256)
  const names = Array.from(shuffled(entries, random), keyOf)
  const absent = names.map((name) => `${name}x`)
  let at = 0
  const lookup = (keys, answer) => () => {
    at = (at + 1) % entries
    if (native.get(engine, 0, keys[at], -1, 0, mayBlock, slab, 0) !== answer) throw new Error('A wrong answer.')
  }
  const cases = [
    { name: 'put, random order', units: entries, unit: 'entry', call: () => fill(scattered).close() },
    { name: 'put, ascending order', units: entries, unit: 'entry', call: () => fill(ascending).close() },
    { name: 'get, there', units: 1, unit: 'key', call: lookup(names, 100) },
    { name: 'get, not there', units: 1, unit: 'key', call: lookup(absent, -1) },
    { name: 'walk', units: entries, unit: 'entry', call: walk(engine, entries) }
  ]
  return { cases, close: () => core.close() }
}
