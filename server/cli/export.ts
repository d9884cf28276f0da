// varve export: the entries of a server into a file that varve import reads: JSON lines or CSV.
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { extname } from 'node:path'
import type { Writable } from 'node:stream'
import { Command, Option } from 'commander'
import type { ClientFlags } from './address.ts'
import { addClientFlags, withClient } from './address.ts'
import { type EntryFormat, entryFormats } from './entries.ts'
import { codeOf, exit, exitCodes, messageOf } from './exit.ts'
import { examples, printJson, say, wrote } from './output.ts'
import { Progress, perSecond } from './progress.ts'
import {
  jsonEntry,
  type PageEntry,
  pagesOf,
  printable,
  type RangeFlags,
  rangeOf,
  rangeOptions,
  textOrBase64
} from './range.ts'
import type { Wire } from './wire.ts'

interface ExportFlags extends ClientFlags, RangeFlags {
  readonly format?: EntryFormat
}

export function exportCommand(): Command {
  const command = addClientFlags(new Command('export'))
    .description(
      'write the entries of a server into a file, or to stdout: JSON lines or CSV, as varve import reads them'
    )
    .argument('<file>', 'the file, replaced once all is written; - is stdout')
    .addOption(new Option('--format <format>', 'instead of what the name ends in').choices([...entryFormats]))
    .addHelpText(
      'after',
      examples(
        'varve export all.jsonl',
        'varve export users.csv --prefix user:',
        'varve export - --format jsonl | gzip > all.jsonl.gz'
      )
    )
  for (const option of rangeOptions()) command.addOption(option)
  return command.action(async (file: string, flags: ExportFlags) => {
    const format = flags.format ?? formatOf(file)
    const done = await withClient(flags, (client) => exportTo(file, format, flags, client))
    if (flags.json && file !== '-') printJson(done)
    else say(`${done.entries} entries in ${done.seconds} s, ${done.entriesPerSecond} a second`)
    if (format === 'csv' && done.expiring > 0)
      say(`${done.expiring} of them expire, which CSV does not tell: export as jsonl to keep that.`)
  })
}

function formatOf(file: string): EntryFormat {
  const end = extname(file).toLowerCase()
  if (end === '.csv') return 'csv'
  if (end === '.jsonl' || end === '.ndjson' || file === '-') return 'jsonl'
  throw exit(exitCodes.usage, `${file} ends in neither .jsonl nor .csv: say which it shall be with --format.`)
}

interface Done {
  readonly file: string
  readonly entries: number
  /** Of these. */
  readonly expiring: number
  readonly seconds: number
  readonly entriesPerSecond: number
}

async function exportTo(file: string, format: EntryFormat, flags: ExportFlags, client: Wire): Promise<Done> {
  const draft = `${file}.${process.pid}.part`
  const output: Writable = file === '-' ? process.stdout : createWriteStream(draft, { flags: 'wx' })
  let failure: unknown
  if (file !== '-') output.once('error', (error) => (failure = error))
  const progress = new Progress('export')
  let entries = 0
  let expiring = 0
  try {
    if (format === 'csv') output.write('key,value\n')
    for await (const page of pagesOf(client, rangeOf(flags), 'times')) {
      output.write(page.map((entry) => (format === 'csv' ? csvLine(entry) : `${jsonEntry(entry)}\n`)).join(''))
      await wrote(output)
      if (failure !== undefined) throw failure
      entries += page.length
      expiring += page.filter(({ expiresAt }) => expiresAt !== undefined).length
      progress.update({ done: entries, total: flags.limit, count: entries })
    }
    if (file !== '-') {
      await new Promise<void>((resolve, reject) => {
        output.once('error', reject)
        output.end(resolve)
      })
      await rename(draft, file)
    }
  } catch (error) {
    if (file !== '-') {
      output.destroy()
      await rm(draft, { force: true })
    }
    throw failure === undefined || error !== failure ? error : unwritable(file, error)
  } finally {
    progress.end()
  }
  const seconds = Math.round(progress.elapsedMs) / 1000
  return { file, entries, expiring, seconds, entriesPerSecond: perSecond(entries, progress.elapsedMs) }
}

const unwritable = (file: string, error: unknown): Error =>
  exit(
    exitCodes.failed,
    `${file} cannot be written: ${codeOf(error) === 'ENOENT' ? 'there is no such directory' : messageOf(error)}.`
  )

/** Bytes that are no text have no place in CSV. */
function csvLine({ key, value = Buffer.alloc(0) }: PageEntry): string {
  const fields = [key, value].map((bytes) => {
    const { text, isBase64 } = textOrBase64(bytes)
    if (isBase64) throw exit(exitCodes.failed, `The entry of ${printable(key)} is no text: export it as jsonl.`)
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  })
  return `${fields.join(',')}\n`
}
