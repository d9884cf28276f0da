// Names of the files of a database ⇄ what they are.

export type FileKind = 'wal' | 'table' | 'manifest' | 'current' | 'lock' | 'identity' | 'temporary' | 'foreign'

export interface FileName {
  readonly kind: FileKind
  readonly number: number
}

const digits = (number: number): string => String(number).padStart(6, '0')

export const currentName = 'CURRENT'
export const lockName = 'LOCK'
export const identityName = 'IDENTITY'
export const walName = (number: number): string => `${digits(number)}.wal`
export const tableName = (number: number): string => `${digits(number)}.sst`
export const manifestName = (number: number): string => `MANIFEST-${digits(number)}`
export const temporaryName = (name: string): string => `${name}.tmp`

const fixed: Readonly<Record<string, FileKind>> = { CURRENT: 'current', LOCK: 'lock', IDENTITY: 'identity' }

export function parseName(name: string): FileName {
  const kind = Object.hasOwn(fixed, name) ? fixed[name] : undefined
  if (kind !== undefined) return { kind, number: 0 }
  if (/^(CURRENT|IDENTITY)\.tmp$/.test(name)) return { kind: 'temporary', number: 0 }
  const numbered = /^(?:(MANIFEST)-)?(\d{6,15})(?:\.(wal|sst))?$/.exec(name)
  if (numbered === null) return { kind: 'foreign', number: 0 }
  const number = Number(numbered[2])
  if (numbered[1] !== undefined && numbered[3] === undefined) return { kind: 'manifest', number }
  if (numbered[1] === undefined && numbered[3] === 'wal') return { kind: 'wal', number }
  if (numbered[1] === undefined && numbered[3] === 'sst') return { kind: 'table', number }
  return { kind: 'foreign', number: 0 }
}

export const join = (directory: string, name: string): string =>
  directory.endsWith('/') ? `${directory}${name}` : `${directory}/${name}`

export function parentOf(path: string): string {
  const end = path.replace(/\/+$/, '').lastIndexOf('/')
  return end < 0 ? '.' : end === 0 ? '/' : path.slice(0, end)
}
