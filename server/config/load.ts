// The configuration in force: flags over the environment over the file over the defaults, with the origin of every value.
import type { ServerConfig } from '../config.ts'
import { configOf } from '../config.ts'
import { type Environment, readEnvironmentLayer } from './environment.ts'
import { readFileLayer } from './file.ts'
import { type KeyName, keyNames, type Layer, type Setting, table, type Values } from './keys.ts'

/** Flags by the key that they set; those that were not given are undefined. */
export type FlagValues = { readonly [Name in KeyName]?: Values[Name] | undefined }

export interface ConfigSources {
  readonly file?: { readonly name: string; readonly text: string } | undefined
  readonly env?: Environment
  readonly flags?: FlagValues
  /** Reads the file of a secret; throws what the system says. */
  readonly readSecret?: ((path: string) => string) | undefined
}

export interface Effective {
  readonly config: ServerConfig
  readonly settings: ReadonlyMap<KeyName, Setting>
  readonly notes: readonly string[]
}

export type ConfigResult =
  | ({ readonly ok: true } & Effective)
  | { readonly ok: false; readonly faults: readonly string[] }

export function loadConfig({ file, env = {}, flags = {}, readSecret }: ConfigSources): ConfigResult {
  const fromFile = file === undefined ? nothing : readFileLayer(file.text, file.name)
  const fromEnv = readEnvironmentLayer(env)
  const faults = [...fromFile.faults, ...fromEnv.faults]
  const settings = new Map<KeyName, Setting>(keyNames.map((name) => [name, byDefault(name)]))
  for (const layer of [fromFile.layer, fromEnv.layer, flagLayer(flags)]) {
    for (const [name, setting] of layer) settings.set(name, setting)
    for (const [secret, file] of secrets) settle(secret, file, layer, settings, faults)
  }
  if (readSecret !== undefined) {
    for (const [secret, file] of secrets) openSecret(secret, file, settings, readSecret, faults)
  }
  if (faults.length > 0) return { ok: false, faults }
  const values = Object.fromEntries([...settings].map(([name, { value }]) => [name, value]))
  const notes = [...fromFile.notes, ...fromEnv.notes]
  return { ok: true, config: configOf(values as unknown as Values), settings, notes }
}

/** A file alone: what `varve config check` looks at. */
export const parseConfig = (text: string, name: string): ConfigResult => loadConfig({ file: { name, text } })

const nothing = { layer: new Map<KeyName, Setting>(), faults: [], notes: [] } as const

const byDefault = (name: KeyName): Setting => ({ value: table[name].fallback, origin: 'default' })

function flagLayer(flags: FlagValues): Layer {
  const given = Object.entries(flags).filter(([, value]) => value !== undefined)
  return new Map(
    given.map(([name, value]) => {
      const option = name.startsWith('http.') ? name.replace('.', '-') : (name.split('.')[1] ?? name)
      return [name as KeyName, { value, origin: `--${option.replaceAll('_', '-')}` }]
    })
  )
}

/** Each secret with the key that names its file. */
const secrets = keyNames
  .filter((name) => table[name].isSecret)
  .map((secret) => [secret, `${secret}_file` as KeyName] as const)

/** Of a secret and its file, what a nearer layer says takes the place of both. */
function settle(secret: KeyName, file: KeyName, layer: Layer, settings: Map<KeyName, Setting>, faults: string[]): void {
  const given = layer.get(secret)
  const named = layer.get(file)
  if (given !== undefined && named !== undefined) {
    faults.push(`${named.origin}: ${secret} is given by ${given.origin} too: leave one of them out.`)
  } else if (given !== undefined) settings.set(file, byDefault(file))
  else if (named !== undefined) settings.set(secret, byDefault(secret))
}

function openSecret(
  secret: KeyName,
  file: KeyName,
  settings: Map<KeyName, Setting>,
  readSecret: (path: string) => string,
  faults: string[]
): void {
  const { value: path, origin } = settings.get(file) ?? byDefault(file)
  if (typeof path !== 'string' || faults.length > 0) return
  try {
    settings.set(secret, { value: readSecret(path).replace(/\r?\n$/, ''), origin })
  } catch (error) {
    faults.push(`${origin}: ${file} cannot be read: ${error instanceof Error ? error.message : error}.`)
  }
}
