// varve scan: the entries of a range, in the order of their keys.
import { Command } from 'commander'
import type { ClientFlags } from './address.ts'
import { addClientFlags, withClient } from './address.ts'
import { examples, print, wrote } from './output.ts'
import { jsonEntry, pagesOf, printable, type RangeFlags, rangeOf, rangeOptions } from './range.ts'

interface ScanFlags extends ClientFlags, RangeFlags {
  readonly keysOnly?: boolean
}

export function scanCommand(): Command {
  const command = addClientFlags(new Command('scan'))
    .description('print the entries of a range, a key and its value on a line, split by a tab; --json: JSON lines')
    .option('--reverse', 'the last ones first')
    .option('--keys-only', 'without values')
    .addHelpText(
      'after',
      examples(
        'varve scan --prefix user: --limit 10',
        'varve scan --from a --to b --keys-only',
        'varve scan --reverse --limit 1 --json'
      )
    )
  for (const option of rangeOptions()) command.addOption(option)
  return command.action((flags: ScanFlags) =>
    withClient(flags, async (client) => {
      const keysOnly = flags.keysOnly === true
      for await (const page of pagesOf(client, rangeOf(flags), keysOnly ? 'keys' : 'values')) {
        const lines = page.map((entry) => {
          if (flags.json) return jsonEntry(entry)
          const key = printable(entry.key)
          return entry.value === undefined ? key : `${key}\t${printable(entry.value)}`
        })
        print(lines.join('\n'))
        await wrote(process.stdout)
      }
    })
  )
}
