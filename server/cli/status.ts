// varve status
import { Command } from 'commander'
import type { ClientFlags } from './address.ts'
import { addClientFlags, withClient } from './address.ts'
import { examples, print, printJson } from './output.ts'

export const statusCommand = (): Command =>
  addClientFlags(new Command('status'))
    .description("print a server's state")
    .addHelpText('after', examples('varve status', 'varve status --json'))
    .action((flags: ClientFlags) =>
      withClient(flags, async (client) => {
        const status = await client.status()
        if (flags.json) printJson(Object.fromEntries([...status].map(([name, text]) => [camel(name), typed(text)])))
        else for (const [name, text] of status) print(`${name}: ${text}`)
      })
    )

/** "Active Connections" → "activeConnections" */
function camel(name: string): string {
  const words = name.toLowerCase().split(/[^a-z0-9]+/)
  return words.map((word, i) => (i === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join('')
}

const typed = (text: string): string | number => (/^\d{1,15}$/.test(text) ? Number(text) : text)
