// varve del <key>
import { Command } from 'commander'
import type { ClientFlags } from './address.ts'
import { addClientFlags, withClient } from './address.ts'
import { examples, print, printJson } from './output.ts'

export const delCommand = (): Command =>
  addClientFlags(new Command('del'))
    .description('delete a key; deleting one that is not there is fine too')
    .argument('<key>')
    .addHelpText('after', examples('varve del hello', 'varve del hello --json'))
    .action((key: string, flags: ClientFlags) =>
      withClient(flags, async (client) => {
        await client.call('DEL', key)
        if (flags.json) printJson({ ok: true, key })
        else print('OK')
      })
    )
