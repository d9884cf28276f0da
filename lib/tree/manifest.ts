// Manifest: the log of version edits. One line an edit: crc32c (8 hex digits) · space · JSON · newline.
// Keys and identities are base64url. The directory of a member of a cluster says so (`member`), and with what was flushed
// who belonged to the group then (`membership`). The first line of a file holds the whole state:
//
//   5d3c9f10 {"format":1,"add":[],"flushed":{"index":0,"term":0,"timeMs":0,"sequence":0},"syncedIndex":0,"nextNumber":1}
//
// CURRENT names the manifest in force. A new one is written at every open: create → write → sync → CURRENT.tmp →
// sync → rename → sync the directory. A bad last line is a torn append, and dropped; any other bad line is damage.
// Appends go through one queue: install follows append in queue order. A file whose append met a full disk takes no more:
// `renew` goes on in a new one.

import { checkedLine, contentOf, contentOfFile } from '../disk/checked-line.ts'
import { currentName, join, manifestName, temporaryName } from '../disk/files.ts'
import { type AppendFile, type Disk, isFull } from '../disk/fs.ts'
import { VarveError } from '../errors.ts'
import {
  applyEdit,
  emptyVersion,
  type FlushedState,
  type MemberIdentity,
  type TableFile,
  type Version,
  type VersionEdit
} from './version.ts'

export const manifestFormat = 1

/** A table as a line of JSON has it. */
export interface TableLine extends Omit<TableFile, 'id' | 'keyFirst' | 'keyLast'> {
  readonly level: number
  readonly id: string
  readonly keyFirst: string
  readonly keyLast: string
}

interface EditLine {
  readonly format?: number
  readonly add?: readonly TableLine[]
  readonly remove?: readonly { readonly level: number; readonly number: number }[]
  readonly flushed?: FlushedState
  readonly syncedIndex?: number
  readonly nextNumber?: number
  readonly member?: MemberIdentity
}

type PlacedTable = VersionEdit['add'][number]

export function lineOfTable({ level, table }: PlacedTable): TableLine {
  return {
    ...table,
    level,
    id: Buffer.from(table.id).toString('base64url'),
    keyFirst: table.keyFirst.toString('base64url'),
    keyLast: table.keyLast.toString('base64url')
  }
}

export function tableOfLine({ level, id, keyFirst, keyLast, ...rest }: TableLine): PlacedTable {
  return {
    level,
    table: {
      ...rest,
      id: Uint8Array.from(Buffer.from(id, 'base64url')),
      keyFirst: Buffer.from(keyFirst, 'base64url'),
      keyLast: Buffer.from(keyLast, 'base64url')
    }
  }
}

export function encodeEdit(edit: VersionEdit, format?: number): Buffer {
  const add = edit.add.map(lineOfTable)
  const line: EditLine = {
    ...(format === undefined ? {} : { format }),
    add,
    ...(edit.remove.length > 0 ? { remove: edit.remove } : {}),
    ...(edit.flushed === undefined ? {} : { flushed: edit.flushed }),
    ...(edit.syncedIndex === undefined ? {} : { syncedIndex: edit.syncedIndex }),
    ...(edit.nextNumber === undefined ? {} : { nextNumber: edit.nextNumber }),
    ...(edit.member === undefined ? {} : { member: edit.member })
  }
  return checkedLine(Buffer.from(JSON.stringify(line)))
}

function decodeLine(line: Buffer): EditLine | undefined {
  const json = contentOf(line)
  return json === undefined ? undefined : (JSON.parse(json.toString('utf8')) as EditLine)
}

function editOf(line: EditLine): VersionEdit {
  return {
    add: (line.add ?? []).map(tableOfLine),
    remove: line.remove ?? [],
    ...(line.flushed === undefined ? {} : { flushed: line.flushed }),
    ...(line.syncedIndex === undefined ? {} : { syncedIndex: line.syncedIndex }),
    ...(line.nextNumber === undefined ? {} : { nextNumber: line.nextNumber }),
    ...(line.member === undefined ? {} : { member: line.member })
  }
}

export interface ManifestContents {
  readonly version: Version
  readonly nextNumber: number
  /** Bytes of a torn last line, not taken. */
  readonly tornBytes: number
  /** State before the last line that was taken: its files must still be there for a torn line to be believed. */
  readonly edits: number
}

/** Reads a manifest's bytes back. `path` is for the error. */
export function readManifest(path: string, bytes: Buffer): ManifestContents {
  let version = emptyVersion
  let nextNumber = 1
  let edits = 0
  let at = 0
  while (at < bytes.length) {
    const end = bytes.indexOf(10, at)
    const line = end < 0 ? undefined : decodeLine(bytes.subarray(at, end))
    if (line === undefined) {
      const last = end < 0 || end === bytes.length - 1
      if (last && edits > 0) return { version, nextNumber, tornBytes: bytes.length - at, edits }
      throw new VarveError('VARVE_CORRUPTION', `A line of the manifest is damaged (${path} at ${at}).`, {
        file: path,
        offset: at
      })
    }
    if (edits === 0 && line.format !== manifestFormat) {
      throw new VarveError(
        'VARVE_UNSUPPORTED',
        `The manifest has format ${line.format}; this varve reads ${manifestFormat} (${path}).`,
        { file: path, offset: 0 }
      )
    }
    version = applyEdit(version, editOf(line))
    nextNumber = line.nextNumber ?? nextNumber
    edits++
    at = end + 1
  }
  if (edits === 0)
    throw new VarveError('VARVE_CORRUPTION', `The manifest is empty (${path}).`, { file: path, offset: 0 })
  return { version, nextNumber, tornBytes: 0, edits }
}

/** Every edit of a damaged manifest whose line can be read, in order. */
export function readableEdits(bytes: Buffer): VersionEdit[] {
  const edits: VersionEdit[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at)
    const line = decodeLine(bytes.subarray(at, end < 0 ? bytes.length : end))
    if (line !== undefined) edits.push(editOf(line))
    at = end < 0 ? bytes.length : end + 1
  }
  return edits
}

/** The manifest that CURRENT names; undefined without CURRENT. */
export async function currentManifest(disk: Disk, directory: string): Promise<string | undefined> {
  const path = join(directory, currentName)
  if ((await disk.statIfThere(path)) === undefined) return undefined
  const bytes = await disk.readFile(path, 4096)
  const name = contentOfFile(bytes)?.toString('latin1')
  if (name === undefined || !/^MANIFEST-\d{6,15}$/.test(name)) {
    throw new VarveError('VARVE_CORRUPTION', `CURRENT does not name a manifest (${path} at 0).`, {
      file: path,
      offset: 0
    })
  }
  return name
}

/** The first line of a manifest: the whole state. */
export function encodeState({ levels, flushed, syncedIndex, member }: Version, nextNumber: number): Buffer {
  const add = levels.flatMap((tables, level) => tables.map((table) => ({ level, table })))
  const of = member === undefined ? {} : { member }
  return encodeEdit({ add, remove: [], flushed, syncedIndex, nextNumber, ...of }, manifestFormat)
}

interface Place {
  readonly disk: Disk
  readonly directory: string
}

/** CURRENT names this manifest, which is on disk, from now on. */
export async function putInForce(disk: Disk, directory: string, manifest: string): Promise<void> {
  await writeCurrent({ disk, directory }, manifest)
  await renameCurrent({ disk, directory })
}

async function writeCurrent({ disk, directory }: Place, manifest: string): Promise<void> {
  await disk.writeFile(join(directory, temporaryName(currentName)), checkedLine(Buffer.from(manifest)))
  // The manifest's own name must be durable before CURRENT can point to it.
  await disk.syncDirectory(directory)
}

async function renameCurrent({ disk, directory }: Place): Promise<void> {
  await disk.rename(join(directory, temporaryName(currentName)), join(directory, currentName))
  await disk.syncDirectory(directory)
}

interface NewFile {
  readonly name: string
  readonly file: AppendFile
}

// Writes the first line of a new file. Where that fails nothing is left of it.
async function writeFirst(place: Place, number: number, first: Buffer): Promise<NewFile> {
  const { disk, directory } = place
  const name = manifestName(number)
  const path = join(directory, name)
  const temporary = join(directory, temporaryName(currentName))
  let file: AppendFile | undefined
  try {
    file = await disk.openAppend(path, false)
    await file.append(first)
    await writeCurrent(place, name)
    return { name, file }
  } catch (error) {
    file?.close()
    for (const left of [temporary, path]) await disk.unlink(left).catch(() => undefined)
    throw error
  }
}

export class Manifest {
  readonly #place: Place
  #name: string
  #file: AppendFile
  #queue: Promise<void> = Promise.resolve()
  /** What the file says. */
  #version: Version
  #isFull = false

  private constructor(place: Place, { name, file }: NewFile, version: Version) {
    this.#place = place
    this.#name = name
    this.#file = file
    this.#version = version
  }

  /** Writes a manifest that holds `version`, and makes it the one in force. */
  static async create(
    disk: Disk,
    directory: string,
    number: number,
    version: Version,
    nextNumber: number
  ): Promise<Manifest> {
    const place = { disk, directory }
    const made = await writeFirst(place, number, encodeState(version, nextNumber))
    try {
      await renameCurrent(place)
    } catch (error) {
      made.file.close()
      throw error
    }
    return new Manifest(place, made, version)
  }

  /** Appends the edit that `make` gives when its turn comes, then calls `install` with it, in queue order. */
  append(make: () => VersionEdit, install: (edit: VersionEdit) => void): Promise<void> {
    return this.#queued(async () => {
      const edit = make()
      try {
        await this.#file.append(encodeEdit(edit))
      } catch (error) {
        this.#isFull ||= isFull(error)
        throw error
      }
      this.#version = applyEdit(this.#version, edit)
      install(edit)
    })
  }

  /** After a full disk: goes on in a new file. Rejects, with nothing changed or left behind, while there is no space. */
  renew(nextNumber: () => number): Promise<void> {
    return this.#queued(async () => {
      if (!this.#isFull) return
      const number = nextNumber()
      const made = await writeFirst(this.#place, number, encodeState(this.#version, number + 1))
      const { disk, directory } = this.#place
      const [nameBefore, fileBefore] = [this.#name, this.#file]
      try {
        await renameCurrent(this.#place)
      } catch (error) {
        made.file.close()
        // Which of the two is in force is not known, so neither may be written: no matter of space any more.
        throw new VarveError('VARVE_IO_ERROR', `CURRENT could not be replaced: ${String((error as Error).message)}`, {
          cause: error
        })
      }
      this.#name = made.name
      this.#file = made.file
      this.#isFull = false
      fileBefore.close()
      await disk.unlink(join(directory, nameBefore)).catch(() => undefined)
    })
  }

  #queued(work: () => Promise<void>): Promise<void> {
    const turn = this.#queue.then(work)
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  async close(): Promise<void> {
    await this.#queue
    this.#file.close()
  }
}
