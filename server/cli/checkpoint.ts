// varve checkpoint <dir> <target>: a second data directory of the same content, its tables linked.
import { Command } from 'commander'
import { copyingFrom, type JsonFlag, plural } from './copying.ts'
import { examples, print, printJson } from './output.ts'

export const checkpointCommand = (): Command =>
  new Command('checkpoint')
    .description('make a second data directory of one that nobody has open; on the same disk it takes no space')
    .argument('<dir>', 'data directory')
    .argument('<target>', 'a directory that is empty or missing')
    .option('--json', 'print the result as one line of JSON')
    .addHelpText('after', examples('varve checkpoint ./data ./data-before-upgrade'))
    .action(async (dir: string, target: string, { json }: JsonFlag) => {
      const made = await copyingFrom('checkpoint', dir, (db, options) => db.checkpoint(target, options))
      if (made === undefined) return
      if (json) printJson(made)
      else print(`${target}: ${plural(made.tables, 'table')}, ${made.bytes} bytes, up to sequence ${made.sequence}`)
    })
