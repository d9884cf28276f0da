// An index in a space of its own, written with what it points to, its keys in the order of their columns.
import { open } from 'varve'
import { exampleDirectory } from './example-directory.mjs'

const db = await open(exampleDirectory())
const users = db.space('users', { valueEncoding: 'json' })
const byYear = db.space('users by year', { keyEncoding: 'ordered' })

const add = (id, user) =>
  db.batch([
    { type: 'put', space: users, key: id, value: user },
    { type: 'put', space: byYear, key: [user.born, id], value: '' }
  ])
await add('ada', { name: 'Ada', born: 1815 })
await add('grace', { name: 'Grace', born: 1906 })
await add('alan', { name: 'Alan', born: 1912 })

const since = await byYear.keys({ gte: [1900] }).all()
console.log(since) // [ [ 1906, 'grace' ], [ 1912, 'alan' ] ]
console.log(await users.getMany(since.map(([, id]) => id))) // [ { name: 'Grace', born: 1906 }, { name: 'Alan', born: 1912 } ]
console.log(await users.get('ada', { valueEncoding: 'utf8' })) // {"name":"Ada","born":1815}

await db.dropSpace('users by year')
console.log(db.spaces()) // [ 'users' ]

await db.close()
