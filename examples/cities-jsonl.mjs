// Prints the cities as JSON lines, as `varve import` reads them:
//
//   node examples/cities-jsonl.mjs > cities.jsonl
//   npx varve import cities.jsonl
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { cityEntries } from './city-entries.mjs'

const lines = cityEntries().map((entry) => `${JSON.stringify(entry)}\n`)
await pipeline(Readable.from(lines), process.stdout)
