// Open: from a path and options to a database, with the types of keys and values that the options ask for.

import native from '#native'
import type { EncodingsFor, KeyEncoding, KeyOf, OptionsFor, ValueEncoding, ValueOf } from './bytes/encodings.ts'
import { closeParts } from './closing.ts'
import { Database } from './database.ts'
import { invalid } from './errors.ts'
import { type Environment, type OpenOptions, realEnvironment, type Settings, settingsOf } from './options.ts'
import { Parts } from './parts.ts'
import { type Role, recover } from './recovery.ts'

/**
 * Opens the database in a directory, creating it if it is missing.
 *
 * @throws VarveError: VARVE_LOCKED, VARVE_NOT_FOUND, VARVE_EXISTS, VARVE_CORRUPTION, VARVE_UNSUPPORTED, VARVE_INVALID_ARGUMENT
 * @example
 * import { open } from 'varve'
 * await using db = await open('./data', { valueEncoding: 'json' })
 * await db.put('lake', { depth: 12 })
 */
export function open<AskedKey extends KeyEncoding = never, AskedValue extends ValueEncoding = never>(
  path: string,
  options?: OpenOptions<AskedKey, AskedValue>
): Promise<Database<KeyOf<AskedKey, string>, ValueOf<AskedValue, string>>>
/** The same, with types of keys and values that are known better than an encoding knows them. */
export function open<Key, Value>(
  path: string,
  ...options: OptionsFor<Omit<OpenOptions, 'keyEncoding' | 'valueEncoding'> & EncodingsFor<Key, Value>>
): Promise<Database<Key, Value>>
export function open(path: string, options?: OpenOptions): Promise<Database<unknown, unknown>> {
  return openIn<unknown, unknown>(path, options, realEnvironment)
}

/** open, on a file system, executor and randomness of the caller's. */
export async function openIn<Key, Value>(
  path: string,
  options: OpenOptions | undefined,
  environmentOf: (settings: Settings) => Environment
): Promise<Database<Key, Value>> {
  return new Database<Key, Value>(await openParts(path, options, environmentOf, 'alone'))
}

/** The parts of the database in a directory, opened as what it is. */
export async function openParts(
  path: string,
  options: OpenOptions | undefined,
  environmentOf: (settings: Settings) => Environment,
  role: Role
): Promise<Parts> {
  if (typeof path !== 'string' || path === '') throw invalid('open takes the path of a directory.')
  if (path.includes('\0')) throw invalid('A path must not hold a zero character.')
  const settings = settingsOf(options)
  const environment = environmentOf(settings)
  let parts: Parts
  try {
    const recovered = await recover(path, settings, environment, role)
    parts = new Parts(path, settings, environment, recovered)
  } catch (error) {
    native.release(environment.executor)
    throw error
  }
  try {
    await parts.spaces.load()
  } catch (error) {
    await closeParts(parts).catch(() => undefined)
    throw error
  }
  return parts
}
