// How answers stand in a history: short text, the same from a database and from the model.
import { contract } from './metamorphic-keys.ts'
import type { Mode } from './metamorphic-program.ts'

export const noEntry = '-'
export const failure = (code: string): string => `failed ${code}`
export const listText = (items: readonly string[]): string => `[${items.join(' ')}]`

/** An item of an iterator; `value` by its short name. */
export const itemText = (mode: Mode, key: string, value: string): string =>
  mode === 'keys' ? key : mode === 'values' ? value : `${key}=${value}`

/** A value as the database gave it. */
export const valueText = (value: string | undefined): string => (value === undefined ? noEntry : contract(value))

export const entryText = (value: string, sequence: number, expiresAt: number): string =>
  `${value} @${sequence} until ${expiresAt}`
