// varve get <key>
import { Command } from 'commander'
import type { ClientFlags } from './address.ts'
import { addClientFlags, withClient } from './address.ts'
import { exit, exitCodes } from './exit.ts'
import { examples, print, printJson } from './output.ts'
import { bytesIn } from './replies.ts'

export const getCommand = (): Command =>
  addClientFlags(new Command('get'))
    .description('print the value of a key; exit code 1 if there is none')
    .argument('<key>')
    .addHelpText('after', examples('varve get hello', 'varve get hello --json', 'varve get hello || echo none'))
    .action((key: string, flags: ClientFlags) =>
      withClient(flags, async (client) => {
        const value = bytesIn(await client.call('GET', key))
        if (flags.json) printJson(value === undefined ? { key, found: false } : { key, found: true, value: `${value}` })
        else if (value !== undefined) print(value)
        if (value !== undefined) return
        if (!flags.json) throw exit(exitCodes.failed, `There is no key ${key}.`)
        process.exitCode = exitCodes.failed
      })
    )
