// Blocks of a table. Encoding: a flush job of a memtable with the filter left out, that is a walk over the memtable,
// prefix compression, restarts, hash index, checksum and a write to a disk in memory; with and without the hash
// index. Searching: native.getMany of 100 keys that are there in one table whose blocks are in the cache, which is
// index, filter, cache and the search in the block; the same without hash index searches the restarts by halving.
// Walking: native.scanPage.

import native from '#native'
import { Core, frameOf, mayBlock, walk } from '../support/core.mjs'
import { keyBytes, keyOf, makeRandom, makeValues, shuffled } from '../support/data.mjs'

const entries = 20_000
const asked = 100

function search({ engine }, random) {
  const keys = Buffer.from(Array.from({ length: 100 * asked }, () => keyOf(random(entries))).join(''))
  const sizes = new Uint32Array(asked).fill(keyBytes)
  const slabs = [Buffer.alloc(64 << 10)]
  const found = new Int32Array(asked)
  let at = 0
  return () => {
    at = (at + asked * keyBytes) % keys.length
    const some = keys.subarray(at, at + asked * keyBytes)
    native.getMany(engine, 0, some, sizes, 0, asked, -1, 0, mayBlock, slabs, 16384, found)
    if (found[0] !== 100 || found[asked - 1] !== 100) throw new Error('A key was not found.')
  }
}

export function suite() {
  const random = makeRandom()
  const core = new Core(8 << 20)
  core.write(frameOf(shuffled(entries, random), makeValues(random)))
  const memtable = core.freeze()
  const encode = (options) => () => core.remove(core.flush([memtable], { ...options, filterBitsPerKey: 0 }))
  const hashed = core.open(core.flush([memtable], {}))
  const halved = core.open(core.flush([memtable], { hashIndex: false }))
  const find = search(core, random)
  const cases = [
    { name: 'encode, with hash index', units: entries, unit: 'entry', call: encode({ hashIndex: true }) },
    { name: 'encode, without', units: entries, unit: 'entry', call: encode({ hashIndex: false }) },
    { name: 'search by hash index', units: asked, unit: 'key', prepare: () => core.show([hashed]), call: find },
    { name: 'search by halving', units: asked, unit: 'key', prepare: () => core.show([halved]), call: find },
    {
      name: 'walk',
      units: entries,
      unit: 'entry',
      prepare: () => core.show([hashed]),
      call: walk(core.engine, entries)
    }
  ]
  const close = () => {
    native.release(memtable)
    core.close()
  }
  return { cases, close }
}
