// A batch is written as a whole or not at all, also when the power goes.
import { open } from 'varve'
import { exampleDirectory } from './example-directory.mjs'

const db = await open(exampleDirectory())

await db.put('balance:ada', '100')
await db.batch(
  [
    { type: 'put', key: 'balance:ada', value: '60' },
    { type: 'put', key: 'balance:grace', value: '40' },
    { type: 'del', key: 'pending:7' }
  ],
  { sync: true } // resolves once it is on disk
)
console.log(await db.getMany(['balance:ada', 'balance:grace', 'pending:7'])) // [ '60', '40', undefined ]

await db.close()
