// varve restore <dest> <dir>: makes a data directory of a backup, once every byte of it was checked.
import { Command } from 'commander'
import { parseCount } from './backup.ts'
import { copying, type JsonFlag, plural } from './copying.ts'
import { examples, print, printJson } from './output.ts'

interface RestoreFlags extends JsonFlag {
  readonly backup?: number
}

export const restoreCommand = (): Command =>
  new Command('restore')
    .description('make a data directory of a backup; what is damaged in it is found before anything is written')
    .argument('<dest>', 'directory that keeps the backups')
    .argument('<dir>', 'data directory to be: empty or missing')
    .option('--backup <id>', 'which one (default: the newest)', parseCount)
    .option('--json', 'print the result as one line of JSON')
    .addHelpText('after', examples('varve restore /mnt/backups ./data', 'varve restore /mnt/backups ./data --backup 3'))
    .action(async (dest: string, dir: string, { backup, json }: RestoreFlags) => {
      const restored = await copying('restore', (lib, options) =>
        lib.restore(dest, dir, { ...options, ...(backup === undefined ? {} : { backup }) })
      )
      if (restored === undefined) return
      const { id, tables, bytes, sequence } = restored
      if (json) printJson(restored)
      else print(`${dir}: backup ${id}, ${plural(tables, 'table')}, ${bytes} bytes, up to sequence ${sequence}`)
    })
