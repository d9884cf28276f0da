// Loads 138 398 cities, reads all of them back in three ways, and compares every byte.
//
//   node examples/cities.mjs [directory]
import assert from 'node:assert/strict'
import { open } from 'varve'
import { cityEntries } from './city-entries.mjs'
import { exampleDirectory } from './example-directory.mjs'

const entries = cityEntries()
const db = await open(exampleDirectory())

async function timed(what, work) {
  const start = performance.now()
  const count = await work()
  const seconds = (performance.now() - start) / 1000
  const rate = Math.round(count / seconds).toLocaleString('en')
  console.log(`${what.padEnd(22)} ${String(count).padStart(7)} cities  ${seconds.toFixed(2).padStart(6)} s  ${rate}/s`)
}

await timed('batches of 1000', async () => {
  for (let i = 0; i < entries.length; i += 1000) {
    await db.batch(entries.slice(i, i + 1000).map(({ key, value }) => ({ type: 'put', key, value })))
  }
  return entries.length
})

await timed('get, one by one', async () => {
  for (const { key, value } of entries) assert.equal(await db.get(key), value)
  return entries.length
})

await timed('getMany of 100', async () => {
  for (let i = 0; i < entries.length; i += 100) {
    const part = entries.slice(i, i + 100)
    assert.deepEqual(
      await db.getMany(part.map(({ key }) => key)),
      part.map(({ value }) => value)
    )
  }
  return entries.length
})

await timed('scan of everything', async () => {
  const sorted = entries.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  let i = 0
  for await (const [key, value] of db.iterator()) assert.deepEqual({ key, value }, sorted[i++])
  assert.equal(i, entries.length)
  return i
})

await timed('cities of one country', async () => {
  let count = 0
  for await (const [key] of db.iterator({ gte: 'NL/', lt: 'NL0' })) {
    assert.ok(key.startsWith('NL/'))
    count++
  }
  return count
})

await db.close()
console.log('all of it is there, byte for byte')
