// varve ping
import { Command } from 'commander'
import type { ClientFlags } from './address.ts'
import { addClientFlags, withClient } from './address.ts'
import { examples, print, printJson } from './output.ts'

export const pingCommand = (): Command =>
  addClientFlags(new Command('ping'))
    .description('ask a server whether it is there')
    .addHelpText('after', examples('varve ping', 'varve ping --host 10.0.1.10 --port 9000 --json'))
    .action((flags: ClientFlags) =>
      withClient(flags, async (client) => {
        const start = performance.now()
        const asksForLogin = await client.call('PING').then(() => false, isLoginWanted)
        const ms = Math.round((performance.now() - start) * 1000) / 1000
        if (flags.json) printJson({ ok: true, ms, ...(asksForLogin ? { asksForLogin } : {}) })
        else print(`PONG (${ms} ms${asksForLogin ? ', asks for a login' : ''})`)
      })
    )

/** A server that asks who is there is there: health checks need no password. */
function isLoginWanted(error: unknown): true {
  if (error instanceof Error && 'word' in error && error.word === 'NOAUTH') return true
  throw error
}
