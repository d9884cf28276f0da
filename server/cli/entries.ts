// Files of entries → entries with the line each came from, as a stream: JSON lines {"key","value"} ("keyBase64" and
// "valueBase64" for bytes that are no text, "expiresAt" in milliseconds since 1970), or CSV whose header names key and value.
// What is wrong with a file ends the program with a sentence that names the line.
import type { Readable } from 'node:stream'
import { LineSplitter } from '../protocol/lines.ts'
import { exit, exitCodes, messageOf } from './exit.ts'

export interface FileEntry {
  readonly line: number
  readonly key: string | Buffer
  readonly value: string | Buffer
  /** Milliseconds since 1970. */
  readonly expiresAt?: number
}

export const entryFormats = ['jsonl', 'csv'] as const

export type EntryFormat = (typeof entryFormats)[number]

/** The longest line of a file. */
const lineBytesMax = 2 ** 28
const byteOrderMark = '\ufeff'

export function readEntries(format: EntryFormat, input: Readable, file: string): AsyncIterable<FileEntry> {
  switch (format) {
    case 'jsonl':
      return readJsonLines(input, file)
    case 'csv':
      return readCsv(input, file)
  }
}

async function* readJsonLines(input: Readable, file: string): AsyncGenerator<FileEntry> {
  const splitter = new LineSplitter(lineBytesMax)
  let number = 0
  let lines: (Buffer | undefined)[] = []
  const take = function* (): Generator<FileEntry> {
    const taken = lines
    lines = []
    for (const line of taken) {
      number++
      if (line === undefined) throw bad(file, number, `the line is longer than ${lineBytesMax} bytes`)
      const entry = parseJsonLine(line.toString(), number, file)
      if (entry !== undefined) yield entry
    }
  }
  for await (const chunk of input as AsyncIterable<Buffer>) {
    splitter.push(chunk, (line) => lines.push(line))
    yield* take()
  }
  const rest = splitter.rest()
  if (rest !== undefined) lines.push(rest)
  yield* take()
}

function parseJsonLine(line: string, number: number, file: string): FileEntry | undefined {
  const text = number === 1 && line.startsWith(byteOrderMark) ? line.slice(1) : line
  if (text.trim() === '') return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw bad(file, number, `not JSON: ${messageOf(error)}`)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw bad(file, number, 'not an object {"key": …, "value": …}')
  }
  const { key, value, keyBase64, valueBase64, expiresAt } = parsed as Record<string, unknown>
  const name = typeof keyBase64 === 'string' ? Buffer.from(keyBase64, 'base64') : key
  if (typeof name !== 'string' && !Buffer.isBuffer(name)) throw bad(file, number, 'the object needs a text "key"')
  if (expiresAt !== undefined && !isTime(expiresAt))
    throw bad(file, number, '"expiresAt" must be whole milliseconds since 1970')
  const entry = { line: number, key: name, ...(expiresAt === undefined ? {} : { expiresAt }) }
  if (typeof valueBase64 === 'string') return { ...entry, value: Buffer.from(valueBase64, 'base64') }
  if (value === undefined) throw bad(file, number, 'the object needs a "value"')
  return { ...entry, value: typeof value === 'string' ? value : JSON.stringify(value) }
}

const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0

interface CsvRecord {
  readonly record: readonly string[]
  readonly info: { readonly lines: number }
}

async function* readCsv(input: Readable, file: string): AsyncGenerator<FileEntry> {
  const { parse } = await import('csv-parse')
  const records = input.pipe(parse({ bom: true, info: true, skip_empty_lines: true }))
  input.once('error', (error) => records.destroy(error))
  let columns: { readonly key: number; readonly value: number } | undefined
  try {
    for await (const { record, info } of records as AsyncIterable<CsvRecord>) {
      if (columns === undefined) {
        columns = csvColumns(record, info.lines, file)
        continue
      }
      yield { line: info.lines, key: record[columns.key] ?? '', value: record[columns.value] ?? '' }
    }
  } catch (error) {
    throw isCsvError(error) ? bad(file, error.lines, messageOf(error)) : error
  }
  if (columns === undefined) throw bad(file, 1, 'the header "key,value" is missing')
}

function csvColumns(header: readonly string[], line: number, file: string): { key: number; value: number } {
  const names = header.map((name) => name.trim().toLowerCase())
  const columns = { key: names.indexOf('key'), value: names.indexOf('value') }
  if (columns.key !== -1 && columns.value !== -1) return columns
  throw bad(file, line, `the header must name key and value, not ${header.join(', ')}`)
}

const isCsvError = (error: unknown): error is Error & { readonly lines: number } =>
  error instanceof Error && 'lines' in error && typeof error.lines === 'number'

export const bad = (file: string, line: number, what: string) => exit(exitCodes.failed, `${file}:${line}: ${what}.`)
