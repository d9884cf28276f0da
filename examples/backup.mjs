// Copies while the database is in use: a checkpoint beside it, backups of which each copies only what is new, a restore.
import { join } from 'node:path'
import { open, restore, verifyBackup } from 'varve'
import { exampleDirectory } from './example-directory.mjs'

const directory = exampleDirectory()
const db = await open(join(directory, 'data'))

await db.put('lake', 'Baikal')
await db.checkpoint(join(directory, 'before-the-change'))
const first = await db.backup(join(directory, 'backups'))
await db.put('lake', 'Tanganyika')
const second = await db.backup(join(directory, 'backups'))
await db.close()

console.log(first.tablesCopied, second.tablesCopied, second.tables) // 1 1 2
console.log((await verifyBackup(join(directory, 'backups'))).ok) // true

await restore(join(directory, 'backups'), join(directory, 'restored'))
const before = await open(join(directory, 'before-the-change'))
const restored = await open(join(directory, 'restored'))
console.log(await before.get('lake'), await restored.get('lake')) // Baikal Tanganyika
await before.close()
await restored.close()
