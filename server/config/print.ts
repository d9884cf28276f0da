// The configuration in force as text: YAML that can be kept and started again, the origin of each value behind it. Secrets
// are never shown.

import { type KeyName, type Setting, table } from './keys.ts'
import type { Effective } from './load.ts'

const hidden = '***'

export interface Shown {
  readonly value: unknown
  readonly origin: string
}

/** What is set, or with `all` every key. Keys without a value are left out. */
export function shownSettings({ settings }: Effective, all: boolean): ReadonlyMap<KeyName, Shown> {
  const kept = [...settings].filter(([, { value, origin }]) => value !== undefined && (all || origin !== 'default'))
  return new Map(kept.map(([name, setting]) => [name, shownOf(name, setting)]))
}

const shownOf = (name: KeyName, { value, origin }: Setting): Shown => ({
  value: table[name].isSecret ? hidden : sized(name, value),
  origin
})

/** Bytes as a size: a bare number would be read as something else. */
const sized = (name: KeyName, value: unknown): unknown =>
  /size/.test(table[name].reader.what) && typeof value === 'number' ? `${value}B` : value

export function yamlLines(settings: ReadonlyMap<KeyName, Shown>): string[] {
  const lines: [text: string, origin: string][] = []
  let section = ''
  for (const [name, { value, origin }] of settings) {
    const [first = '', second] = name.split('.')
    if (second !== undefined && first !== section) lines.push([`${first}:`, ''])
    section = first
    lines.push([`${second === undefined ? first : `  ${second}`}: ${JSON.stringify(value)}`, origin])
  }
  const columns = Math.max(0, ...lines.map(([text]) => text.length))
  return lines.map(([text, origin]) => (origin === '' ? text : `${text.padEnd(columns)}  # ${origin}`))
}
