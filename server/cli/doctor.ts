// varve doctor [dir]: looks at the machine, and at a data directory, for what will go wrong before it does. It reads, but for
// one file of its own that it writes to measure the disk, and removes.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { databaseFindings } from './doctor-database.ts'
import { machineFindings } from './doctor-machine.ts'
import { exitCodes } from './exit.ts'
import type { Finding } from './finding.ts'
import { examples, print, printJson } from './output.ts'

interface DoctorFlags {
  readonly json?: boolean
}

export const doctorCommand = (): Command =>
  new Command('doctor')
    .description('look at this machine and at a data directory for what will go wrong; exit code 1 if something is')
    .argument('[dir]', 'data directory', './data')
    .option('--json', 'print the result as one line of JSON')
    .addHelpText('after', examples('varve doctor', 'varve doctor /var/lib/varve', 'varve doctor ./data --json'))
    .action(async (dir: string, { json }: DoctorFlags) => {
      const path = resolve(dir)
      const findings: Finding[] = [...(await machineFindings(path))]
      if (existsSync(path)) findings.push(...(await databaseFindings(path)))
      const isBad = findings.some(({ state }) => state === 'bad')
      if (json) printJson({ ok: !isBad, directory: path, findings })
      else for (const finding of findings) print(lineOf(finding))
      if (isBad) process.exitCode = exitCodes.failed
    })

const marks = { ok: 'ok   ', warning: 'WARN ', bad: 'BAD  ' } as const

const lineOf = ({ state, name, text }: Finding): string => `${marks[state]} ${name.padEnd(13)} ${text}`
