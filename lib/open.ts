// Open: from a path and options to a database, with the types of keys and values that the options ask for.

import native from '#native'
import type { KeyEncoding, ValueEncoding } from './bytes/codec.ts'
import { Database } from './database.ts'
import { invalid } from './errors.ts'
import { type Environment, type OpenOptions, realEnvironment, settingsOf } from './options.ts'
import { Parts } from './parts.ts'
import { recover } from './recovery.ts'

interface Encoded {
  readonly utf8: string
  readonly json: unknown
  readonly buffer: Buffer
  readonly view: Uint8Array
}

/** The type of keys that options ask for. */
export type KeyOf<Options> = Options extends { readonly keyEncoding: infer Encoding extends KeyEncoding }
  ? Encoded[Encoding]
  : string
/** The type of values that options ask for. */
export type ValueOf<Options> = Options extends { readonly valueEncoding: infer Encoding extends ValueEncoding }
  ? Encoded[Encoding]
  : string

/**
 * Opens the database in a directory, creating it if it is missing.
 *
 * @throws VarveError: VARVE_LOCKED, VARVE_NOT_FOUND, VARVE_EXISTS, VARVE_CORRUPTION, VARVE_UNSUPPORTED, VARVE_INVALID_ARGUMENT
 * @example
 * import { open } from 'varve'
 * await using db = await open('./data', { valueEncoding: 'json' })
 * await db.put('lake', { depth: 12 })
 */
export async function open<const Options extends OpenOptions>(
  path: string,
  options?: Options
): Promise<Database<KeyOf<Options>, ValueOf<Options>>> {
  return openIn<KeyOf<Options>, ValueOf<Options>>(path, options, realEnvironment)
}

/** open, on a file system, executor and randomness of the caller's. */
export async function openIn<Key, Value>(
  path: string,
  options: OpenOptions | undefined,
  environmentOf: () => Environment
): Promise<Database<Key, Value>> {
  if (typeof path !== 'string' || path === '') throw invalid('open takes the path of a directory.')
  if (path.includes('\0')) throw invalid('A path must not hold a zero character.')
  const settings = settingsOf(options)
  const environment = environmentOf()
  try {
    const recovered = await recover(path, settings, environment)
    return new Database<Key, Value>(new Parts(path, settings, environment, recovered))
  } catch (error) {
    native.release(environment.executor)
    throw error
  }
}
