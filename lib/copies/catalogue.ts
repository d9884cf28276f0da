// Catalogue: what one backup holds: the version it is of, and the checksum of each table's whole file. One checked line
// (checked-line.ts), written last, so that a backup is there as a whole or not at all:
//
//   1f0c7d2e {"format":1,"id":3,"createdMs":1700000000000,"database":"q83vEjRWeJCrze8SNFZ4kA","flushed":{…},"tables":[…]}
//
// A table is a line of the manifest's (level, number, id, bounds, counts) with `checksum`: crc32c of the file.

import { checkedLine, contentOfFile } from '../disk/checked-line.ts'
import { VarveError } from '../errors.ts'
import { lineOfTable, type TableLine, tableOfLine } from '../tree/manifest.ts'
import { applyEdit, emptyVersion, type FlushedState, type TableFile, type Version } from '../tree/version.ts'

const catalogueFormat = 1

export interface CataloguedTable {
  readonly level: number
  readonly table: TableFile
  readonly checksum: number
}

export interface Catalogue {
  readonly id: number
  readonly createdMs: number
  /** Who the database was, by its IDENTITY. */
  readonly database: string
  readonly flushed: FlushedState
  readonly tables: readonly CataloguedTable[]
}

interface CatalogueLine extends Omit<Catalogue, 'tables'> {
  readonly format: number
  readonly tables: readonly (TableLine & { readonly checksum: number })[]
}

export function encodeCatalogue({ tables, ...rest }: Catalogue): Buffer {
  const line: CatalogueLine = {
    format: catalogueFormat,
    ...rest,
    tables: tables.map(({ checksum, ...placed }) => ({ ...lineOfTable(placed), checksum }))
  }
  return checkedLine(Buffer.from(JSON.stringify(line)))
}

/** Reads a catalogue's bytes back. `path` is for the error. */
export function decodeCatalogue(path: string, bytes: Buffer): Catalogue {
  const content = contentOfFile(bytes)
  if (content === undefined) {
    throw new VarveError('VARVE_CORRUPTION', `The catalogue of a backup is damaged (${path} at 0).`, {
      file: path,
      offset: 0
    })
  }
  const { format, tables, ...rest } = JSON.parse(content.toString('utf8')) as CatalogueLine
  if (format !== catalogueFormat) {
    throw new VarveError(
      'VARVE_UNSUPPORTED',
      `The backup has format ${format}; this varve reads ${catalogueFormat} (${path}).`,
      { file: path, offset: 0 }
    )
  }
  return { ...rest, tables: tables.map(({ checksum, ...line }) => ({ ...tableOfLine(line), checksum })) }
}

/** The version of the database that the backup is of. */
export const versionOf = ({ tables, flushed }: Catalogue): Version =>
  applyEdit(emptyVersion, { add: tables, remove: [], flushed, syncedIndex: flushed.index })

/** The name of a table among those of all backups: its identity. */
export const idText = (id: Uint8Array): string => Buffer.from(id).toString('hex')
