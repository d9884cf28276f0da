// The rules that ACL SETUSER takes, a part of Redis' own: what varve has no word for is refused with what to write instead.
//
//   on off reset                             may log in, may not, all as when the user was made
//   >password <password resetpass            one more password, one less, none
//   ~app:* allkeys resetkeys                 keys: those that begin so (or, without the star, this one), all, none
//   &news:* allchannels resetchannels        channels
//   +@read +@write +@admin +@all -@all       the role; each includes those before it
//   -@admin -@write -@read                   the role before
import { type Grant, grantText, parseGrant, type Role } from './access.ts'
import { hashOf, isAmong, newHashing } from './password.ts'
import type { User } from './user.ts'

export type Ruled = { readonly user: User } | { readonly fault: string }

type Hash = (password: Buffer) => Promise<string>

export const newUser = (name: string): User => ({
  name,
  isOn: false,
  role: 'none',
  keys: [],
  channels: [],
  hashing: newHashing(),
  hashes: []
})

/** The user after the rules, in their order; the first that is none stops. */
export async function applyRules(user: User, rules: readonly Buffer[]): Promise<Ruled> {
  let changed = user
  const hash: Hash = (password) => hashOf(password, user.hashing)
  for (const rule of rules) {
    const next = await applyRule(changed, rule, hash)
    if (typeof next === 'string') return { fault: next }
    changed = next
  }
  return { user: changed }
}

async function applyRule(user: User, rule: Buffer, hash: Hash): Promise<User | string> {
  const body = rule.subarray(1)
  switch (String.fromCharCode(rule[0] ?? 0)) {
    case '>':
      return addPassword(user, body, hash)
    case '<':
      return removePassword(user, body, hash)
    case '~':
      return grantKeys(user, body)
    case '&':
      return grantChannels(user, body)
    case '+':
    case '-':
      return changeRole(user, rule.toString('latin1').toLowerCase())
    default:
      return changeState(user, rule.toString('latin1').toLowerCase())
  }
}

const passwordsMax = 8

async function addPassword(user: User, password: Buffer, hash: Hash): Promise<User | string> {
  if (password.length === 0) return 'a password is not empty: write >password'
  const made = await hash(password)
  if (isAmong(made, user.hashes)) return user
  if (user.hashes.length === passwordsMax) return `a user has at most ${passwordsMax} passwords: take one away first`
  return { ...user, hashes: [...user.hashes, made] }
}

async function removePassword(user: User, password: Buffer, hash: Hash): Promise<User | string> {
  const gone = await hash(password)
  if (!isAmong(gone, user.hashes)) return 'the user has no such password'
  return { ...user, hashes: user.hashes.filter((each) => each !== gone) }
}

const grantsMax = 1_000
const grantFault = 'a grant is a prefix with a star at its end, or one whole name: app:* or app:counter'

function withGrant(grants: readonly Grant[], text: Buffer): readonly Grant[] | string {
  const grant = parseGrant(text)
  if (grant === undefined) return grantFault
  if (grants.some((each) => grantText(each) === grantText(grant))) return grants
  return grants.length === grantsMax ? `a user has at most ${grantsMax} grants` : [...grants, grant]
}

function grantKeys(user: User, text: Buffer): User | string {
  const keys = withGrant(user.keys, text)
  return typeof keys === 'string' ? keys : { ...user, keys }
}

function grantChannels(user: User, text: Buffer): User | string {
  const channels = withGrant(user.channels, text)
  return typeof channels === 'string' ? channels : { ...user, channels }
}

const roleRules: Readonly<Record<string, (role: Role) => Role>> = {
  '+@read': (role) => (role === 'none' ? 'read' : role),
  '+@write': (role) => (role === 'admin' ? role : 'write'),
  '+@admin': () => 'admin',
  '+@all': () => 'admin',
  '-@all': () => 'none',
  '-@read': () => 'none',
  '-@write': (role) => (role === 'none' ? role : 'read'),
  '-@admin': (role) => (role === 'admin' ? 'write' : role)
}

function changeRole(user: User, rule: string): User | string {
  const change = Object.hasOwn(roleRules, rule) ? roleRules[rule] : undefined
  if (change !== undefined) return { ...user, role: change(user.role) }
  return 'varve grants roles and not single commands: +@read +@write +@admin +@all -@all'
}

const all = Buffer.from('*')

function changeState(user: User, rule: string): User | string {
  switch (rule) {
    case 'on':
    case 'off':
      return { ...user, isOn: rule === 'on' }
    case 'allcommands':
      return { ...user, role: 'admin' }
    case 'nocommands':
      return { ...user, role: 'none' }
    case 'allkeys':
      return grantKeys({ ...user, keys: [] }, all)
    case 'resetkeys':
      return { ...user, keys: [] }
    case 'allchannels':
      return grantChannels({ ...user, channels: [] }, all)
    case 'resetchannels':
      return { ...user, channels: [] }
    case 'resetpass':
      return { ...user, hashes: [] }
    case 'reset':
      return { ...newUser(user.name), hashing: user.hashing }
    case 'nopass':
      return 'every user of varve has a password: write >password'
    default:
      return 'there is no such rule; there are on off >password <password ~key* &channel* +@read +@write +@admin'
  }
}

/** The rules that make a user what it is, its passwords left out. */
export function rulesOf({ isOn, role, keys, channels }: User): string[] {
  return [
    isOn ? 'on' : 'off',
    ...keys.map((grant) => `~${grantText(grant)}`),
    ...channels.map((grant) => `&${grantText(grant)}`),
    roleText(role)
  ]
}

export const roleText = (role: Role): string => (role === 'none' ? '-@all' : role === 'admin' ? '+@all' : `+@${role}`)
