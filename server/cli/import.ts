// varve import <file>: streams entries from a file to a server, many under way at once, and says how far it is.
import { createReadStream, ReadStream, statSync } from 'node:fs'
import { basename, extname } from 'node:path'
import type { Readable } from 'node:stream'
import { Command, Option } from 'commander'
import type { ClientFlags } from './address.ts'
import { addClientFlags, withClient } from './address.ts'
import type { EntryFormat, FileEntry } from './entries.ts'
import { bad, entryFormats, readEntries } from './entries.ts'
import type { Exit } from './exit.ts'
import { codeOf, exit, exitCodes, isExit, messageOf } from './exit.ts'
import { examples, print, printJson } from './output.ts'
import { Progress, perSecond } from './progress.ts'
import type { Wire } from './wire.ts'

interface ImportFlags extends ClientFlags {
  readonly format?: EntryFormat
}

interface Source {
  readonly name: string
  readonly format: EntryFormat
  readonly bytes: number | undefined
  readonly open: () => Readable
}

interface Summary {
  readonly file: string
  readonly entries: number
  readonly seconds: number
  readonly entriesPerSecond: number
}

export const importCommand = (): Command =>
  addClientFlags(new Command('import'))
    .description('load a file of entries into a server')
    .argument('<file>', 'JSON lines {"key","value"}, or CSV with a header that names key and value; - is stdin')
    .addOption(new Option('--format <format>', 'instead of what the name ends in').choices([...entryFormats]))
    .addHelpText(
      'after',
      examples(
        'varve import cities.jsonl',
        'varve import users.csv --port 9001 --json',
        'zcat cities.jsonl.gz | varve import - --format jsonl'
      )
    )
    .action(async (file: string, flags: ImportFlags) => {
      const source = sourceOf(file, flags.format)
      const summary = await withClient(flags, (client) => load(source, client))
      if (flags.json) printJson(summary)
      else print(`${summary.entries} entries in ${summary.seconds} s, ${summary.entriesPerSecond} a second`)
    })

function sourceOf(file: string, format: EntryFormat | undefined): Source {
  if (file === '-') {
    if (format === undefined) throw exit(exitCodes.usage, 'Say what comes from stdin: --format jsonl or --format csv.')
    return { name: 'stdin', format, bytes: undefined, open: () => process.stdin }
  }
  const known = format ?? formatOf(file)
  try {
    return { name: basename(file), format: known, bytes: statSync(file).size, open: () => createReadStream(file) }
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'There is no such file' : messageOf(error)
    throw exit(exitCodes.usage, `${why}: ${file}.`)
  }
}

function formatOf(file: string): EntryFormat {
  switch (extname(file).toLowerCase()) {
    case '.jsonl':
    case '.ndjson':
      return 'jsonl'
    case '.csv':
      return 'csv'
    default:
      throw exit(exitCodes.usage, `${file} ends in neither .jsonl nor .csv: say which it is with --format.`)
  }
}

async function load(source: Source, client: Wire): Promise<Summary> {
  const progress = new Progress('import')
  const input = source.open()
  const loading = new Loading(client)
  // The file is read ahead of its entries: the end is reached only when the last of them is stored.
  const step = () => ({
    done: Math.min(bytesOf(input), (source.bytes ?? 1) - 1),
    total: source.bytes,
    count: loading.stored
  })
  let fault: unknown
  try {
    for await (const entry of readEntries(source.format, input, source.name)) {
      await client.room()
      if (loading.failure !== undefined) break
      loading.send(entry)
      progress.update(step())
    }
  } catch (error) {
    fault = error
  }
  await loading.settled()
  input.destroy()
  const isWhole = loading.failure === undefined && fault === undefined
  progress.update(isWhole ? { ...step(), done: source.bytes ?? 0 } : step())
  progress.end()
  // What the server refused stands before what could not be read.
  if (loading.failure !== undefined) throw refusal(loading.failure, source.name, loading.stored)
  if (fault !== undefined) throw isExit(fault) ? withStored(fault, loading.stored) : fault
  const seconds = Math.round(progress.elapsedMs) / 1000
  const { stored } = loading
  return { file: source.name, entries: stored, seconds, entriesPerSecond: perSecond(stored, progress.elapsedMs) }
}

interface Failure {
  readonly line: number
  readonly error: unknown
}

/** Entries on their way to the server: how many arrived, and the first that did not. */
class Loading {
  stored = 0
  failure: Failure | undefined
  readonly #client: Wire
  #last: Promise<void> = Promise.resolve()

  constructor(client: Wire) {
    this.#client = client
  }

  send({ line, key, value, expiresAt }: FileEntry): void {
    const expiry = expiresAt === undefined ? [] : ['PXAT', expiresAt]
    this.#last = this.#client.call('SET', key, value, ...expiry).then(
      () => {
        this.stored++
      },
      (error: unknown) => {
        this.failure ??= { line, error }
      }
    )
  }

  /** Replies come in order: with the last one, all are there. */
  settled(): Promise<void> {
    return this.#last
  }
}

function refusal({ line, error }: Failure, file: string, stored: number): unknown {
  if (codeOf(error) !== 'ERR_REPLY') return error
  return withStored(bad(file, line, `the server answered: ${messageOf(error)}`), stored)
}

const withStored = (fault: Exit, stored: number): Exit =>
  exit(fault.exitCode, `${fault.message} ${stored} entries are stored.`)

const bytesOf = (input: Readable): number => (input instanceof ReadStream ? input.bytesRead : 0)
