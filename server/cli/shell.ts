// varve shell: commands typed to a server, with history, completion of commands and keys, and help. Without a terminal the
// lines of stdin are run one after the other.
import { createInterface, type Interface } from 'node:readline'
import { Command } from 'commander'
import { addClientFlags, type ClientFlags, targetOf } from './address.ts'
import { exitCodes } from './exit.ts'
import { examples, say } from './output.ts'
import { historyPath, keepHistory, readHistory } from './shell-history.ts'
import type { Shell } from './shell-session.ts'

export const shellCommand = (): Command =>
  addClientFlags(new Command('shell'))
    .description('type commands to a server; tab completes commands and keys, help tells of them, exit ends')
    .addHelpText(
      'after',
      examples(
        'varve shell',
        "printf 'SET hello world\\nGET hello\\n' | varve shell",
        'varve shell --json < commands.txt'
      )
    )
    .action(async (flags: ClientFlags) => {
      const { Shell } = await import('./shell-session.ts')
      const shell = new Shell(await targetOf(flags), flags.json === true)
      try {
        await shell.connect()
        if (process.stdin.isTTY) await interact(shell)
        else process.exitCode = await runLines(shell)
      } finally {
        await shell.close()
      }
    })

/** Runs the lines of stdin; the exit code is 1 if one of them was answered by an error. */
async function runLines(shell: Shell): Promise<number> {
  let code: number = exitCodes.done
  for await (const line of createInterface({ input: process.stdin })) {
    const outcome = await shell.run(line)
    if (outcome === 'end') break
    if (outcome === 'failed') code = exitCodes.failed
  }
  return code
}

async function interact(shell: Shell): Promise<void> {
  const path = historyPath()
  const terminal: Interface = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt: `${shell.place}> `,
    history: readHistory(path),
    removeHistoryDuplicates: true,
    completer: (line: string, done: (error: null, found: [string[], string]) => void) => {
      void shell.complete(line).then((found) => done(null, found))
    }
  })
  let history: readonly string[] = []
  terminal.on('history', (lines: readonly string[]) => {
    history = lines
  })
  terminal.on('SIGINT', () => terminal.close())
  say('help lists the commands, exit or Ctrl-D ends')
  terminal.prompt()
  for await (const line of terminal) {
    if ((await shell.run(line)) === 'end') break
    terminal.prompt()
  }
  terminal.close()
  if (history.length > 0) keepHistory(path, history)
}
