// Open, write, read, delete.
import { open } from 'varve'
import { exampleDirectory } from './example-directory.mjs'

const db = await open(exampleDirectory(), { valueEncoding: 'json' })

await db.put('user:1', { name: 'Ada', born: 1815 })
console.log(await db.get('user:1')) // { name: 'Ada', born: 1815 }

await db.del('user:1')
console.log(await db.get('user:1')) // undefined

await db.close()
