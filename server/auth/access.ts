// What a user may: a role, and grants of keys and channels. Values only.
//
//   none < read < write < admin        each includes those before it: most writes answer with what was there
//   app:*                              every key (channel) that begins with "app:"
//   app:counter                        this one
//   *                                  all
import type { Key, Range } from '../store.ts'

export const roles = ['none', 'read', 'write', 'admin'] as const
export type Role = (typeof roles)[number]

export interface Grant {
  readonly bytes: Buffer
  /** This one only; else all that begin so. */
  readonly isExact: boolean
}

export interface Access {
  readonly role: Role
  readonly keys: readonly Grant[]
  readonly channels: readonly Grant[]
  readonly isEveryKey: boolean
  readonly isEveryChannel: boolean
  /** An admin of all keys and channels: nothing needs to be looked at. */
  readonly isUnrestricted: boolean
}

export function accessOf(role: Role, keys: readonly Grant[], channels: readonly Grant[]): Access {
  const isEveryKey = keys.some(isEverything)
  const isEveryChannel = channels.some(isEverything)
  return {
    role,
    keys,
    channels,
    isEveryKey,
    isEveryChannel,
    isUnrestricted: role === 'admin' && isEveryKey && isEveryChannel
  }
}

const isEverything = ({ bytes, isExact }: Grant): boolean => bytes.length === 0 && !isExact
const everything: Grant = { bytes: Buffer.alloc(0), isExact: false }

/** Of everybody, while there are no users. */
export const fullAccess: Access = accessOf('admin', [everything], [everything])
/** Of those who have not said who they are. */
export const noAccess: Access = accessOf('none', [], [])

export const hasRole = ({ role }: Access, wanted: Role): boolean => roles.indexOf(role) >= roles.indexOf(wanted)

export const mayKey = ({ isEveryKey, keys }: Access, key: Key): boolean =>
  isEveryKey || keys.some((grant) => covers(grant, key))

export const mayChannel = ({ isEveryChannel, channels }: Access, channel: Key): boolean =>
  isEveryChannel || channels.some((grant) => covers(grant, channel))

/** Whether every channel that a glob pattern can match is granted: what stands before its first wildcard must be. */
export function mayPattern({ isEveryChannel, channels }: Access, pattern: Key): boolean {
  if (isEveryChannel) return true
  const wildcard = pattern.findIndex((byte) => wildcards.has(byte))
  if (wildcard === -1) return channels.some((grant) => covers(grant, pattern))
  const start = pattern.subarray(0, wildcard)
  return channels.some(({ bytes, isExact }) => !isExact && startsWith(start, bytes))
}

const wildcards: ReadonlySet<number> = new Set(Buffer.from('*?[\\'))

/** Whether every key of a range is granted. */
export function mayRange({ isEveryKey, keys }: Access, { gte, lt }: Range): boolean {
  if (isEveryKey) return true
  if (gte === undefined || lt === undefined) return false
  return keys.some(({ bytes, isExact }) => {
    if (isExact || !startsWith(gte, bytes)) return false
    const end = endOfPrefix(bytes)
    return end === undefined || Buffer.compare(lt, end) <= 0
  })
}

/** What is granted, as ranges in order that do not meet. */
export function grantedRanges({ keys }: Access): readonly Range[] {
  const sorted = [...keys].sort((a, b) => Buffer.compare(a.bytes, b.bytes) || Number(a.isExact) - Number(b.isExact))
  const ranges: Range[] = []
  let last: Grant | undefined
  for (const grant of sorted) {
    // Whatever lies in a prefix follows it in order.
    if (last !== undefined && covers(last, grant.bytes) && (!last.isExact || grant.isExact)) continue
    last = grant
    const end = grant.isExact ? Buffer.concat([grant.bytes, Buffer.of(0)]) : endOfPrefix(grant.bytes)
    ranges.push(end === undefined ? { gte: grant.bytes } : { gte: grant.bytes, lt: end })
  }
  return ranges
}

const covers = ({ bytes, isExact }: Grant, key: Key): boolean =>
  isExact ? Buffer.compare(bytes, key) === 0 : startsWith(key, bytes)

function startsWith(bytes: Key, prefix: Key): boolean {
  if (bytes.length < prefix.length) return false
  for (let i = 0; i < prefix.length; i++) if (bytes[i] !== prefix[i]) return false
  return true
}

/** The first key behind all that begin with a prefix; undefined: there is none. */
function endOfPrefix(prefix: Buffer): Buffer | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix[i] as number
    if (byte === 0xff) continue
    const end = Buffer.from(prefix.subarray(0, i + 1))
    end[i] = byte + 1
    return end
  }
  return undefined
}

/** A grant as it is written: `app:*`, `app:counter`; undefined: neither. */
export function parseGrant(text: Buffer): Grant | undefined {
  const isExact = text.at(-1) !== star
  const bytes = isExact ? text : text.subarray(0, -1)
  if (bytes.some((byte) => wildcards.has(byte)) || (isExact && bytes.length === 0)) return undefined
  return { bytes: Buffer.from(bytes), isExact }
}

const star = 0x2a

export const grantText = ({ bytes, isExact }: Grant): string => `${bytes.toString('latin1')}${isExact ? '' : '*'}`
