// The configuration in force: flags over the environment over the file over the defaults, with the origin of every value.
import type { ServerConfig } from '../config.ts'
import { configOf } from '../config.ts'
import { type Environment, readEnvironmentLayer } from './environment.ts'
import { readFileLayer } from './file.ts'
import { isKey, type KeyName, keyNames, type Layer, type Setting, table, type Values } from './keys.ts'

/** Flags by the key that they set; those that were not given are undefined. */
export type FlagValues = { readonly [Name in KeyName]?: Values[Name] | undefined }

export interface ConfigSources {
  readonly file?: { readonly name: string; readonly text: string } | undefined
  readonly env?: Environment
  readonly flags?: FlagValues
  /** Reads the file of a secret; throws what the system says. */
  readonly readSecret?: (path: string) => string
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
    for (const [name, setting] of openSecrets(layer, readSecret, faults)) settings.set(name, setting)
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

/** Where a layer names the file of a secret, it sets the secret too: so the nearer of both wins. */
function openSecrets(layer: Layer, readSecret: ConfigSources['readSecret'], faults: string[]): Layer {
  const opened = new Map(layer)
  for (const [name, { value, origin }] of layer) {
    const secret = name.replace(/_file$/, '')
    if (secret === name || !isKey(secret) || !table[secret].isSecret) continue
    const twin = layer.get(secret)
    if (twin !== undefined) {
      faults.push(`${origin}: ${secret} is given by ${twin.origin} too: leave one of them out.`)
    } else if (readSecret !== undefined) {
      try {
        opened.set(secret, { value: readSecret(String(value)).replace(/\r?\n$/, ''), origin })
      } catch (error) {
        faults.push(`${origin}: ${name} cannot be read: ${error instanceof Error ? error.message : error}.`)
      }
    }
  }
  return opened
}
