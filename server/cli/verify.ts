// varve verify <dir>: reads every byte of a data directory and checks it. Writes nothing, needs no server.
import { Command } from 'commander'
import { databaseExit, exitCodes } from './exit.ts'
import { examples, print, printJson, say } from './output.ts'
import { Progress } from './progress.ts'

type Verification = Awaited<ReturnType<typeof import('../../lib/inspect.ts').verify>>

export const verifyCommand = (): Command =>
  new Command('verify')
    .description('check every file of a data directory; exit code 1 if one is damaged')
    .argument('<dir>', 'data directory')
    .option('--json', 'print the result as one line of JSON')
    .addHelpText('after', examples('varve verify ./data', 'varve verify ./data --json'))
    .action(async (dir: string, flags: { json?: boolean }) => {
      const result = await verifyWithProgress(dir)
      if (flags.json) printJson(result)
      else for (const line of linesOf(result)) print(line)
      if (result.ok) return
      say('Keep a copy of the directory before anything else, then restore a backup.')
      process.exitCode = exitCodes.failed
    })

function linesOf({ ok, files }: Verification): string[] {
  const lines = files.map(({ name, bytes, ok, error }) =>
    ok ? `ok       ${name} (${bytes} bytes)` : `DAMAGED  ${name} (${bytes} bytes): ${error ?? 'unknown'}`
  )
  const damaged = files.filter((file) => !file.ok).length
  const sentence = `${damaged} ${damaged === 1 ? 'file is' : 'files are'} damaged`
  return [...lines, ok ? `all ${files.length} files are well` : sentence]
}

async function verifyWithProgress(dir: string): Promise<Verification> {
  const progress = new Progress('verify')
  try {
    const { verify } = await import('../../lib/inspect.ts')
    return await verify(dir, { onProgress: (done, total) => progress.update({ done, total }) })
  } catch (error) {
    throw databaseExit(error)
  } finally {
    progress.end()
  }
}
