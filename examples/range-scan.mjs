// Keys are in byte order, so what belongs together is read together.
import { open } from 'varve'
import { exampleDirectory } from './example-directory.mjs'

const db = await open(exampleDirectory())

for (const day of ['2026-01-30', '2026-01-31', '2026-02-01', '2026-02-02'])
  await db.put(`visit:${day}`, `${day.length}`)

const days = async (range) => {
  const found = []
  for await (const [key] of db.iterator(range)) found.push(key.slice('visit:'.length))
  return found
}

console.log(await days({ gte: 'visit:2026-02', lt: 'visit:2026-03' })) // [ '2026-02-01', '2026-02-02' ]
console.log(await days({ prefix: 'visit:2026-01' })) // [ '2026-01-30', '2026-01-31' ]
console.log(await days({ prefix: 'visit:', reverse: true, limit: 1 })) // [ '2026-02-02' ]

await db.close()
