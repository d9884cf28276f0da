// What `varve config set` keeps between calls: $XDG_CONFIG_HOME/varve/config.json, by default under ~/.config.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { codeOf, exit, exitCodes, messageOf } from './exit.ts'

export interface Settings {
  readonly host?: string
  readonly port?: number
  /** Who to log in as; passwords are not kept. */
  readonly user?: string
}

export const settingNames = ['host', 'port', 'user'] as const

export type SettingName = (typeof settingNames)[number]

export function settingsPath(): string {
  const configured = process.env['XDG_CONFIG_HOME']
  return join(configured || join(homedir(), '.config'), 'varve', 'config.json')
}

/** No file is no settings; a file that cannot be read as settings ends the program. */
export function readSettings(): Settings {
  const path = settingsPath()
  try {
    return checked(JSON.parse(readFileSync(path, 'utf8')) as unknown)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return {}
    throw exit(exitCodes.usage, `${path} cannot be used: ${messageOf(error)}. Mend or remove it.`)
  }
}

/** Keeps one more setting; the file is replaced as a whole. */
export function writeSetting(change: Settings): string {
  const path = settingsPath()
  const settings = { ...readSettings(), ...change }
  mkdirSync(dirname(path), { recursive: true })
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(settings, null, 2)}\n`)
  renameSync(draft, path)
  return path
}

function checked(value: unknown): Settings {
  if (typeof value !== 'object' || value === null) throw new Error('it is not a JSON object')
  const { host, port, user } = value as Record<string, unknown>
  if (host !== undefined && typeof host !== 'string') throw new Error('host is not a text')
  if (port !== undefined && !isPort(port)) throw new Error('port is not a port number')
  if (user !== undefined && typeof user !== 'string') throw new Error('user is not a text')
  const kept = { host, port, user }
  return Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined))
}

export const isPort = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535
