// varve status
import { Command } from 'commander'
import type { ClientFlags } from './address.ts'
import { addClientFlags, withClient } from './address.ts'
import { capital } from './exit.ts'
import { examples, print, printJson } from './output.ts'
import { pairsIn } from './replies.ts'

export const statusCommand = (): Command =>
  addClientFlags(new Command('status'))
    .description("print a server's state")
    .addHelpText('after', examples('varve status', 'varve status --json'))
    .action((flags: ClientFlags) =>
      withClient(flags, async (client) => {
        const status = pairsIn(await client.call('STATUS'))
        if (flags.json) printJson(Object.fromEntries(status.map(([name, value]) => [camel(name), value])))
        else for (const [name, value] of status) print(`${titled(name)}: ${value}`)
      })
    )

/** "active_connections" → "activeConnections" */
const camel = (name: string): string => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())

/** "active_connections" → "Active Connections", as the line protocol has it. */
const titled = (name: string): string =>
  name
    .split('_')
    .map((word) => (word === 'id' ? 'ID' : capital(word)))
    .join(' ')
