// The configuration's keys as variables of the environment: `server.port` is VARVE_SERVER_PORT, `peers` is VARVE_PEERS with
// host:port separated by commas. Values are read as in a file. A variable that begins as one of a section does but has no
// key is a fault: it was meant to change something.
import { nearest } from '../nearest.ts'
import { childrenOf, isKey, type KeyName, keyNames, type LayerResult, type Setting, table } from './keys.ts'
import { isList, shown } from './readers.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export const variableOf = (name: KeyName): string => `VARVE_${name.replaceAll('.', '_').toUpperCase()}`

const sections = childrenOf('')
  .filter((section) => !isKey(section))
  .map((section) => `VARVE_${section.toUpperCase()}_`)

export function readEnvironmentLayer(env: Environment): LayerResult {
  const layer = new Map<KeyName, Setting>()
  const faults: string[] = []
  const notes: string[] = []
  for (const name of keyNames) {
    const variable = variableOf(name)
    const given = env[variable]
    // Compose files pass variables on that nobody has set: empty.
    if (given === undefined || given === '') continue
    const { reader, isSecret } = table[name]
    const [value, as] = isList(reader) ? [reader.read(given), given] : readText(given, reader.read)
    const what = isList(reader) ? 'host:port, separated by commas' : reader.what
    if (value === undefined) faults.push(`${variable} must be ${what}, not ${isSecret ? 'what it is' : shown(as)}.`)
    else layer.set(name, { value, origin: variable })
    const note = value === undefined ? undefined : reader.note?.(as)
    if (note !== undefined) notes.push(`${variable}: ${note}`)
  }
  return { layer, faults: [...faults, ...strangers(env)], notes }
}

/** A variable is text: where that does not do, the number or truth that it spells is tried. */
function readText(given: string, read: (value: unknown) => unknown): [value: unknown, as: unknown] {
  const value = read(given)
  if (value !== undefined) return [value, given]
  const as = /^-?\d+$/.test(given) ? Number(given) : given === 'true' ? true : given === 'false' ? false : given
  return [read(as), as]
}

function strangers(env: Environment): string[] {
  const variables = keyNames.map(variableOf)
  return Object.keys(env)
    .filter((variable) => sections.some((section) => variable.startsWith(section)) && !variables.includes(variable))
    .map((variable) => {
      const meant = nearest(variable, variables)
      return `There is no variable ${variable}${meant === undefined ? '.' : `; did you mean ${meant}?`}`
    })
}
