// A snapshot reads the database as it was, while writing goes on.
import { open } from 'varve'
import { exampleDirectory } from './example-directory.mjs'

const db = await open(exampleDirectory())

await db.put('price', '10')
const snapshot = db.snapshot()
await db.put('price', '12')

console.log(await db.get('price')) // 12
console.log(await db.get('price', { snapshot })) // 10

snapshot.close()
await db.close()
