// The bloom filter of a table. Building: a flush job of keys with empty values with 10 bits a key, beside the same
// without a filter; the difference is what laying down the filter costs. Probing: native.getMany of 100 absent keys
// that lie between those of one table, nearly all of which the filter turns away (the line says how many got
// through); beside it the same keys in a table without a filter, which have to be searched for. The filter alone:
// bench/native/filter_bench.cc.

import native from '#native'
import { Core, frameOf, mayBlock } from '../support/core.mjs'
import { keyBytes, keyOf, makeRandom, makeValues, shuffled } from '../support/data.mjs'

const entries = 20_000
const asked = 100

function probe({ engine }, random) {
  const absent = Array.from({ length: 100 * asked }, () => `${keyOf(random(entries))}x`)
  const keys = Buffer.from(absent.join(''))
  const sizes = new Uint32Array(asked).fill(keyBytes + 1)
  const found = new Int32Array(asked)
  const stride = asked * (keyBytes + 1)
  let at = 0
  return () => {
    at = (at + stride) % keys.length
    native.getMany(engine, 0, keys.subarray(at, at + stride), sizes, 0, asked, -1, 0, mayBlock, [], 16384, found)
    if (found[0] !== -1 || found[asked - 1] !== -1) throw new Error('An absent key was found.')
  }
}

export function suite() {
  const random = makeRandom()
  const core = new Core(8 << 20)
  core.write(frameOf(shuffled(entries, random), makeValues(random), 0))
  const memtable = core.freeze()
  const flush = (filterBitsPerKey) => () => core.remove(core.flush([memtable], { filterBitsPerKey }))
  const filtered = core.open(core.flush([memtable], { filterBitsPerKey: 10 }))
  const bare = core.open(core.flush([memtable], { filterBitsPerKey: 0 }))
  const ask = probe(core, random)
  const cases = [
    { name: 'flush, 10 bits a key', units: entries, unit: 'entry', call: flush(10) },
    { name: 'flush, no filter', units: entries, unit: 'entry', call: flush(0) },
    { name: 'absent key, 10 bits a key', units: asked, unit: 'key', prepare: () => core.show([filtered]), call: ask },
    { name: 'absent key, no filter', units: asked, unit: 'key', prepare: () => core.show([bare]), call: ask }
  ]
  const close = () => {
    const { filterChecks, filterNegatives, filterFalsePositives } = native.engineStats(core.engine)
    const percent = ((100 * filterFalsePositives) / filterChecks).toFixed(2)
    console.log(`bloom: ${filterChecks} probes, ${filterNegatives} turned away, ${percent} % false positives`)
    native.release(memtable)
    core.close()
  }
  return { cases, close }
}
