// varve set <key> <value>
import { Command } from 'commander'
import type { ClientFlags } from './address.ts'
import { addClientFlags, withClient } from './address.ts'
import { examples, print, printJson } from './output.ts'

export const setCommand = (): Command =>
  addClientFlags(new Command('set'))
    .description('store a value under a key')
    .argument('<key>')
    .argument('<value>')
    .addHelpText(
      'after',
      examples(
        'varve set hello world',
        'varve set user:1 \'{"name":"Ada"}\' --json',
        'varve set flag -- --yes        # what begins with a dash stands behind --'
      )
    )
    .action((key: string, value: string, flags: ClientFlags) =>
      withClient(flags, async (client) => {
        await client.call('SET', key, value)
        if (flags.json) printJson({ ok: true, key })
        else print('OK')
      })
    )
