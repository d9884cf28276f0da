// varve repair <dir>: saves what can be read of a damaged data directory, and tells what was lost.
import { Command } from 'commander'
import type { DamagedFile, KeyBound, Lost } from '../../lib/index.ts'
import { copying, type JsonFlag } from './copying.ts'
import { exitCodes } from './exit.ts'
import { examples, print, printJson, say } from './output.ts'

interface RepairFlags extends JsonFlag {
  readonly dryRun?: boolean
}

export const repairCommand = (): Command =>
  new Command('repair')
    .description('save what can be read of a damaged data directory; exit code 4 if something was lost')
    .argument('<dir>', 'data directory')
    .option('--dry-run', 'write nothing: only tell what would be lost')
    .option('--json', 'print the result as one line of JSON')
    .addHelpText('after', examples('varve repair ./data --dry-run', 'varve repair ./data'))
    .action(async (dir: string, { dryRun = false, json }: RepairFlags) => {
      const repaired = await copying('repair', (lib, options) => lib.repair(dir, { ...options, dryRun }))
      if (repaired === undefined) return
      const { ok, files, isLossy, keptIn } = repaired
      if (json) printJson({ ...repaired, files: files.map(withText) })
      else {
        for (const line of files.flatMap(linesOf)) print(line)
        print(ok ? 'nothing is damaged' : isLossy ? 'some of it is lost' : 'nothing is lost')
      }
      if (keptIn !== undefined) say(`The originals are in ${keptIn}: remove them once you need them no more.`)
      if (isLossy) process.exitCode = exitCodes.damaged
    })

function linesOf({ name, error, lost, entriesLost }: DamagedFile): string[] {
  const counted = entriesLost === undefined || entriesLost === 0 ? '' : `, ${entriesLost} of its entries lost`
  return [`damaged  ${name}: ${error}${counted}`, ...lost.map((one) => `  lost   ${textOf(one)}`)]
}

function textOf(lost: Lost): string {
  if (lost.kind === 'writes') {
    const { sequenceFirst, sequenceLast } = lost
    return sequenceLast === undefined
      ? `writes from sequence ${sequenceFirst} on`
      : `writes of sequences ${sequenceFirst} to ${sequenceLast}`
  }
  const first = lost.first === undefined ? 'from the first key' : `from ${keyText(lost.first)}`
  const last = lost.last === undefined ? 'to the last key' : `to ${keyText(lost.last)}`
  return lost.kind === 'keys'
    ? `keys ${first} ${last} may be missing or older`
    : `deleted ranges ${first} ${last} may be back`
}

// JSON has keys as text, and as base64 where they are no text.
const keyText = ({ key }: KeyBound): string => {
  const text = key.toString('utf8')
  return Buffer.from(text).equals(key) ? JSON.stringify(text) : `base64 ${key.toString('base64')}`
}

function withText(file: DamagedFile): object {
  const bound = (one: KeyBound | undefined): object | undefined =>
    one && { space: one.space, key: one.key.toString('utf8'), base64: one.key.toString('base64') }
  const lost = file.lost.map((one) =>
    one.kind === 'writes' ? one : { ...one, first: bound(one.first), last: bound(one.last) }
  )
  return { ...file, lost }
}
