// Loads the cities into a directory through the built library, says so, and stays: to be killed.
import { open } from 'varve'
import { cityEntries } from '../../examples/city-entries.mjs'

const db = await open(process.argv[2])
const entries = cityEntries()
for (let i = 0; i < entries.length; i += 1000) {
  await db.batch(entries.slice(i, i + 1000).map(({ key, value }) => ({ type: 'put', key, value })))
}
console.log('loaded')
// An open database does not keep a process alive; an open stdin does.
process.stdin.resume()
