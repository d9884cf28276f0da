// varve backup <dir> <dest>: adds a backup to a directory that keeps them; varve backups <dest> lists them.
import { Command, InvalidArgumentError } from 'commander'
import { copying, copyingFrom, type JsonFlag, plural } from './copying.ts'
import { examples, print, printJson } from './output.ts'

interface BackupFlags extends JsonFlag {
  readonly full?: boolean
  readonly keep?: number
}

/** A number of backups, from 1. */
export function parseCount(text: string): number {
  const count = Number(text)
  if (Number.isSafeInteger(count) && count >= 1) return count
  throw new InvalidArgumentError('It is a whole number from 1.')
}

export const backupCommand = (): Command =>
  new Command('backup')
    .description('back a data directory up that nobody has open; only tables that are new are copied, and all checked')
    .argument('<dir>', 'data directory')
    .argument('<dest>', 'directory that keeps the backups, made if it is missing')
    .option('--full', 'copy tables again that are there already')
    .option('--keep <n>', 'then remove all but the n newest backups', parseCount)
    .option('--json', 'print the result as one line of JSON')
    .addHelpText('after', examples('varve backup ./data /mnt/backups', 'varve backup ./data /mnt/backups --keep 7'))
    .action(async (dir: string, dest: string, { full, keep, json }: BackupFlags) => {
      const made = await copyingFrom('backup', dir, (db, options) =>
        db.backup(dest, { ...options, incremental: full !== true })
      )
      if (made === undefined) return
      const pruned = keep === undefined ? undefined : await copying('prune', (lib) => lib.pruneBackups(dest, { keep }))
      if (json) return printJson({ ...made, ...(pruned === undefined ? {} : { removed: pruned.removed }) })
      const { id, tables, tablesCopied, bytesCopied } = made
      print(`backup ${id} in ${dest}: ${tablesCopied} of ${plural(tables, 'table')} copied, ${bytesCopied} bytes`)
      if (pruned !== undefined && pruned.removed.length > 0) {
        print(`removed ${plural(pruned.removed.length, 'older backup')}, ${pruned.bytes} bytes`)
      }
    })

export const backupsCommand = (): Command =>
  new Command('backups')
    .description('list the backups of a directory that keeps them; varve verify checks them')
    .argument('<dest>', 'directory that keeps the backups')
    .option('--json', 'print the result as one line of JSON')
    .addHelpText('after', examples('varve backups /mnt/backups', 'varve verify /mnt/backups'))
    .action(async (dest: string, { json }: JsonFlag) => {
      const listed = (await copying('backups', (lib) => lib.backups(dest))) ?? []
      if (json) return printJson(listed)
      for (const { id, createdMs, tables, bytes, sequence, error } of listed) {
        const made = new Date(createdMs).toISOString()
        print(error ?? `${id}  ${made}  ${plural(tables, 'table')}  ${bytes} bytes  sequence ${sequence}`)
      }
    })
