// A user as it is kept: in the system space, under `user:<name>`, as JSON. Texts of grants are latin1, for keys are bytes.
import { type Access, accessOf, type Grant, grantText, noAccess, parseGrant, type Role, roles } from './access.ts'
import type { Hashing } from './password.ts'

export interface User {
  readonly name: string
  readonly isOn: boolean
  readonly role: Role
  readonly keys: readonly Grant[]
  readonly channels: readonly Grant[]
  readonly hashing: Hashing
  /** Any of them opens the door: a new one can be handed out before the old one goes. */
  readonly hashes: readonly string[]
}

export const keyOfUser = (name: string): string => `user:${name}`
export const userKeys = 'user:'

/** Names are words, so that they can be written everywhere. */
export const isName = (name: string): boolean => /^[\x21-\x7e]{1,64}$/.test(name)

export const accessOfUser = ({ isOn, role, keys, channels }: User): Access =>
  isOn ? accessOf(role, keys, channels) : noAccess

export function encodeUser({ name, isOn, role, keys, channels, hashing, hashes }: User): object {
  return {
    formatVersion: 1,
    name,
    isOn,
    role,
    keys: keys.map(grantText),
    channels: channels.map(grantText),
    hashing,
    hashes
  }
}

/** Throws where it is none: a server that guessed would let somebody in, or keep everybody out. */
export function decodeUser(key: string, value: unknown): User {
  const broken = () =>
    new Error(`The record ${key} of the system space is no user that this version knows: upgrade varve.`)
  if (typeof value !== 'object' || value === null) throw broken()
  const { formatVersion, name, isOn, role, keys, channels, hashing, hashes } = value as Readonly<
    Record<string, unknown>
  >
  if (formatVersion !== 1 || typeof name !== 'string' || keyOfUser(name) !== key) throw broken()
  const knownRole = roles.find((each) => each === role)
  if (typeof isOn !== 'boolean' || knownRole === undefined) throw broken()
  const grants = (texts: unknown): Grant[] => {
    if (!Array.isArray(texts)) throw broken()
    return texts.map((text) => {
      const grant = typeof text === 'string' ? parseGrant(Buffer.from(text, 'latin1')) : undefined
      if (grant === undefined) throw broken()
      return grant
    })
  }
  if (!isHashing(hashing) || !Array.isArray(hashes) || !hashes.every((hash) => typeof hash === 'string')) throw broken()
  return { name, isOn, role: knownRole, keys: grants(keys), channels: grants(channels), hashing, hashes }
}

function isHashing(value: unknown): value is Hashing {
  if (typeof value !== 'object' || value === null) return false
  const { cost, blockSize, parallelization, salt } = value as Readonly<Record<string, unknown>>
  return [cost, blockSize, parallelization].every(Number.isSafeInteger) && typeof salt === 'string'
}
