// varve config set|show: which server the other commands talk to. check|print (config-check.ts): the server's own.
import { Command, InvalidArgumentError } from 'commander'
import { nearest } from '../nearest.ts'
import { addressOf, parsePort } from './address.ts'
import { checkSubcommand, printSubcommand } from './config-check.ts'
import { exit, exitCodes } from './exit.ts'
import { examples, print, printJson } from './output.ts'
import type { Settings } from './settings.ts'
import { readSettings, settingNames, settingsPath, writeSetting } from './settings.ts'

export const configCommand = (): Command =>
  new Command('config')
    .description('keep which server the other commands talk to; check and print the configuration of a server')
    .addHelpText(
      'after',
      examples(
        'varve config set host 10.0.1.10',
        'varve config show',
        'varve config check server/server1.yaml',
        'varve config print --effective -f server/server1.yaml'
      )
    )
    .addCommand(setSubcommand())
    .addCommand(showSubcommand())
    .addCommand(checkSubcommand())
    .addCommand(printSubcommand())

const setSubcommand = (): Command =>
  new Command('set')
    .description('keep a setting for every later call')
    .argument('<name>', settingNames.join(', '))
    .argument('<value>')
    .option('--json', 'print the result as one line of JSON')
    .addHelpText('after', examples('varve config set host 10.0.1.10', 'varve config set port 9001'))
    .action((name: string, value: string, flags: { json?: boolean }) => {
      const path = writeSetting(parseSetting(name, value))
      if (flags.json) printJson({ ok: true, name, path })
      else print(`${name} is ${value} from now on (kept in ${path})`)
    })

const showSubcommand = (): Command =>
  new Command('show')
    .description('print what is kept, and where')
    .option('--json', 'print the result as one line of JSON')
    .addHelpText('after', examples('varve config show', 'varve config show --json'))
    .action((flags: { json?: boolean }) => {
      const path = settingsPath()
      const kept = readSettings()
      const { host, port } = addressOf({})
      if (flags.json) {
        printJson({ path, host, port, user: kept.user, kept: Object.keys(kept) })
        return
      }
      print(`host: ${host}${kept.host === undefined ? ' (default)' : ''}`)
      print(`port: ${port}${kept.port === undefined ? ' (default)' : ''}`)
      if (kept.user !== undefined) print(`user: ${kept.user}`)
      print(`file: ${path}`)
    })

function parseSetting(name: string, value: string): Settings {
  switch (name) {
    case 'host':
      if (!/^[\w.:-]+$/.test(value)) throw exit(exitCodes.usage, `"${value}" is not a host name or an address.`)
      return { host: value }
    case 'port':
      return { port: portOf(value) }
    case 'user':
      return { user: value }
    default: {
      const meant = nearest(name, settingNames)
      const hint = meant === undefined ? `There are ${settingNames.join(', ')}.` : `Did you mean ${meant}?`
      throw exit(exitCodes.usage, `There is no setting "${name}". ${hint}`)
    }
  }
}

function portOf(value: string): number {
  try {
    return parsePort(value)
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw exit(exitCodes.usage, error.message)
    throw error
  }
}
