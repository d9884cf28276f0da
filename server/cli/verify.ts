// varve verify <dir>: reads every byte of a data directory, or of one that keeps backups, and checks it. Writes nothing,
// needs no server.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { databaseExit, exitCodes } from './exit.ts'
import { examples, print, printJson, say } from './output.ts'
import { Progress } from './progress.ts'

type Verification = Awaited<ReturnType<typeof import('../../lib/index.ts').verify>>

export const verifyCommand = (): Command =>
  new Command('verify')
    .description('check every file of a data directory, or of backups; exit code 1 if one is damaged')
    .argument('<dir>', 'data directory that nobody has open, or directory that keeps backups')
    .option('--json', 'print the result as one line of JSON')
    .addHelpText('after', examples('varve verify ./data', 'varve verify ./data --json', 'varve verify /mnt/backups'))
    .action(async (dir: string, flags: { json?: boolean }) => {
      const result = await verifyWithProgress(dir)
      if (flags.json) printJson(result)
      else for (const line of linesOf(result)) print(line)
      if (result.ok) return
      say('Keep a copy of the directory before anything else, then restore a backup, or try varve repair.')
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
  const onProgress = (done: number, total: number): void => progress.update({ done, total, isBytes: true })
  try {
    const { verify, verifyBackup } = await import('../../lib/index.ts')
    const keepsBackups = existsSync(join(dir, 'backups')) && !existsSync(join(dir, 'CURRENT'))
    return await (keepsBackups ? verifyBackup : verify)(dir, { onProgress })
  } catch (error) {
    throw databaseExit(error)
  } finally {
    progress.end()
  }
}
