// varve config check <file>, varve config print: the configuration of a server, without starting one.
import { Command } from 'commander'
import { exitCodes } from './exit.ts'
import { examples, print, printJson, say } from './output.ts'
import { effectiveConfig, textOf } from './server-config.ts'

interface CheckFlags {
  readonly json?: boolean
}

export const checkSubcommand = (): Command =>
  new Command('check')
    .description('check a configuration file; exit code 2 and every fault if it cannot be used')
    .argument('<file>', 'YAML file')
    .option('--json', 'print the result as one line of JSON')
    .addHelpText(
      'after',
      examples('varve config check server/server1.yaml', 'varve config check server/server1.yaml --json')
    )
    .action(async (file: string, { json }: CheckFlags) => {
      const { parseConfig } = await import('../config/load.ts')
      const result = parseConfig(textOf(file), file)
      const faults = result.ok ? [] : result.faults
      const notes = result.ok ? result.notes : []
      if (json) printJson({ ok: result.ok, file, faults, notes })
      else {
        for (const line of [...faults, ...notes]) say(line)
        if (result.ok) print(`${file} can be used`)
      }
      if (!result.ok) process.exitCode = exitCodes.usage
    })

interface PrintFlags {
  readonly file?: string
  readonly effective?: boolean
  readonly json?: boolean
}

export const printSubcommand = (): Command =>
  new Command('print')
    .description('print what is set by file and environment, and where, as YAML that can be started; never secrets')
    .option('-f, --file <config.yaml>', 'configuration file')
    .option('--effective', 'every key, those with their defaults too')
    .option('--json', 'print the result as one line of JSON')
    .addHelpText(
      'after',
      examples(
        'varve config print -f server/server1.yaml',
        'varve config print --effective',
        'VARVE_SERVER_PORT=9001 varve config print --effective --json'
      )
    )
    .action(async ({ file, effective, json }: PrintFlags) => {
      const { shownSettings, yamlLines } = await import('../config/print.ts')
      const loaded = await effectiveConfig(file, { opensSecrets: false })
      for (const note of loaded.notes) say(note)
      const settings = shownSettings(loaded, effective === true)
      if (json) printJson(Object.fromEntries(settings))
      else for (const line of yamlLines(settings)) print(line)
    })
