// What can go wrong, as users see it: one class, one table of codes. The table's sentences are repeated, explained,
// in the README under a heading a code; a test compares the two.

export const errorCodes = {
  VARVE_INVALID_ARGUMENT: 'An argument or option is not what the call takes.',
  VARVE_NOT_FOUND: 'There is no database in the directory, and it may not be created; or no such backup.',
  VARVE_EXISTS: 'There is a database in the directory already, and errorIfExists was given.',
  VARVE_LOCKED: 'The database is open elsewhere, in this process or another.',
  VARVE_MEMBER:
    'The directory is that of a member of a cluster and was opened as a database alone, or the other way round.',
  VARVE_CORRUPTION: 'Bytes on disk are not what was written.',
  VARVE_UNSUPPORTED: 'The files were written by a newer format.',
  VARVE_IO_ERROR: 'The operating system refused to read or write.',
  VARVE_DISK_FULL: 'There is no space left on the disk.',
  VARVE_POISONED:
    'A write or sync of the log failed, so nothing more may be written until the database is opened again.',
  VARVE_READ_ONLY: 'The database was opened with readOnly.',
  VARVE_CLOSED: 'The database, snapshot or iterator was closed, or the space dropped.',
  VARVE_TOO_LARGE: 'A key, value or batch is over its limit.',
  VARVE_CONFLICT: 'What a transaction read was changed before it could write, more often than it may be retried.',
  VARVE_TRANSACTION_TOO_LARGE: 'A transaction read more entries than it may.',
  VARVE_ENCODING_MISMATCH: 'Stored bytes do not fit the encoding that they are read with.',
  VARVE_MISSING_PACKAGE: 'An encoding needs a package that could not be loaded.',
  VARVE_ABORTED: 'The call was cancelled by its signal or by closing.',
  VARVE_NATIVE_UNAVAILABLE: 'The native addon could not be loaded.'
} as const

export type ErrorCode = keyof typeof errorCodes

export interface ErrorDetails {
  readonly cause?: unknown
  readonly file?: string | undefined
  readonly offset?: number | undefined
}

/**
 * Every error of varve. `code` says what happened and never changes its meaning; `file` and `offset` say where, when it
 * happened on disk.
 */
export class VarveError extends Error {
  readonly code: ErrorCode
  readonly file: string | undefined
  readonly offset: number | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'VarveError'
    this.code = code
    this.file = details.file
    this.offset = details.offset
  }
}

const nativeCodes: Readonly<Record<string, ErrorCode>> = {
  CORRUPTION: 'VARVE_CORRUPTION',
  IO_ERROR: 'VARVE_IO_ERROR',
  NO_SPACE: 'VARVE_DISK_FULL',
  NOT_FOUND: 'VARVE_IO_ERROR',
  EXISTS: 'VARVE_IO_ERROR',
  LOCKED: 'VARVE_LOCKED',
  WOULD_BLOCK: 'VARVE_IO_ERROR',
  INVALID_ARGUMENT: 'VARVE_INVALID_ARGUMENT',
  UNSUPPORTED: 'VARVE_UNSUPPORTED',
  TOO_LARGE: 'VARVE_TOO_LARGE',
  CLOSED: 'VARVE_CLOSED',
  ABORTED: 'VARVE_ABORTED'
}

interface Coded {
  readonly code?: unknown
  readonly message?: unknown
  readonly file?: unknown
  readonly offset?: unknown
}

/** The data plane's word for what went wrong ("NO_SPACE"), or undefined. */
export function nativeCode(error: unknown): string | undefined {
  const said = error instanceof VarveError ? error.cause : error
  const code = (said as Coded | undefined)?.code
  return typeof code === 'string' && code in nativeCodes ? code : undefined
}

/** An error of the data plane in the users' words; anything else as it is. */
export function toVarveError(error: unknown): Error {
  if (error instanceof VarveError) return error
  const coded = error as Coded
  const known = nativeCode(error)
  if (known === undefined) return error instanceof Error ? error : new Error(String(error))
  const file = typeof coded.file === 'string' ? coded.file : undefined
  const offset = typeof coded.offset === 'number' ? coded.offset : undefined
  const place = file === undefined ? '' : ` (${file}${offset === undefined ? '' : ` at ${offset}`})`
  const code = nativeCodes[known] ?? 'VARVE_IO_ERROR'
  return new VarveError(code, `${String(coded.message)}${place}`, { cause: error, file, offset })
}

export function invalid(message: string): VarveError {
  return new VarveError('VARVE_INVALID_ARGUMENT', message)
}
