// varve inspect wal|manifest|table|levels <dir>: the text form of what is on disk. Reads only, needs no server.
import { Command } from 'commander'
import { databaseExit } from './exit.ts'
import { examples, print } from './output.ts'

type Inspection = typeof import('../../lib/inspect.ts')

interface Subject {
  readonly name: string
  readonly description: string
  readonly run: (inspection: Inspection, dir: string, flags: { file?: string }) => Promise<void>
}

const subjects: readonly Subject[] = [
  {
    name: 'wal',
    description: 'the records of the write-ahead log',
    run: ({ inspectWal }, dir) => inspectWal(dir, print)
  },
  {
    name: 'manifest',
    description: 'the edits that lead to the current version',
    run: ({ inspectManifest }, dir) => inspectManifest(dir, print)
  },
  {
    name: 'table',
    description: 'the tables: their properties, sections and blocks',
    run: ({ inspectTable }, dir, { file }) => inspectTable(dir, print, file === undefined ? {} : { file })
  },
  {
    name: 'levels',
    description: 'which table is in which level',
    run: ({ inspectLevels }, dir) => inspectLevels(dir, print)
  }
]

export function inspectCommand(): Command {
  const command = new Command('inspect')
    .description('print the files of a data directory as text')
    .addHelpText('after', examples('varve inspect levels ./data', 'varve inspect wal ./data | head'))
  for (const subject of subjects) command.addCommand(subcommand(subject))
  return command
}

function subcommand({ name, description, run }: Subject): Command {
  const command = new Command(name)
    .description(description)
    .argument('<dir>', 'data directory')
    .addHelpText('after', examples(`varve inspect ${name} ./data`))
  if (name === 'table') command.option('--file <name>', 'only this table, such as 000012.sst')
  return command.action(async (dir: string, flags: { file?: string }) => {
    try {
      await run(await import('../../lib/inspect.ts'), dir, flags)
    } catch (error) {
      throw databaseExit(error)
    }
  })
}
