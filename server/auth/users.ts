// Users: who there is, and who a connection is. The whole table is in memory; what changes is stored before it holds.
//
// 1. While there is no user, everybody may everything. From the first one on, nobody may anything before they log in.
// 2. There is always an admin who can log in, once there is a user.
// 3. A connection holds the Identity of its user, so a change of grants holds for it from the next command on.
// 4. A login that fails costs one scrypt whether there is such a user or not. A login that was right before costs an HMAC.
import { errorReply, type Reply } from '../protocol/reply.ts'
import type { SystemRecords } from '../store.ts'
import { type Access, fullAccess, noAccess } from './access.ts'
import { Logins } from './logins.ts'
import { hashOf, isAmong, newHashing } from './password.ts'
import { applyRules, newUser } from './rules.ts'
import { Throttle } from './throttle.ts'
import { accessOfUser, decodeUser, encodeUser, isName, keyOfUser, type User, userKeys } from './user.ts'

/** What a connection holds of its user. */
export interface Identity {
  readonly name: string
  readonly access: Access
}

export type Login =
  | { readonly identity: Identity }
  | { readonly fault: 'wrong' | 'open' }
  | { readonly fault: 'throttled'; readonly waitMs: number }

export interface UsersOptions {
  /** Where they are kept; undefined: nowhere, they are gone with the process. */
  readonly records?: SystemRecords | undefined
  readonly nowMs?: () => number
  readonly throttle?: Throttle
}

interface Known {
  user: User
  readonly identity: { readonly name: string; access: Access }
}

/** The name that a connection has before it says another one, and that `AUTH password` means. */
export const defaultUser = 'default'
/** Hashes under way at once: they take memory, and the threads that files are read by. */
const hashingMax = 2
const hashingWaitingMax = 64
const passwordBytesMax = 1_024
const reloadMs = 500

export class Users {
  readonly #records: SystemRecords | undefined
  readonly #throttle: Throttle
  readonly #logins = new Logins()
  readonly #known = new Map<string, Known>()
  readonly #guest: { readonly name: string; access: Access } = { name: defaultUser, access: fullAccess }
  /** Of users that there are not. */
  readonly #nobody = newHashing()
  readonly #waiting: (() => void)[] = []
  /** By the mark of name and password. */
  readonly #underWay = new Map<string, Promise<Login>>()
  #hashing = 0
  /** Changes, one after the other. */
  #changes: Promise<unknown> = Promise.resolve()

  constructor({ records, nowMs = Date.now, throttle }: UsersOptions = {}) {
    this.#records = records
    this.#throttle = throttle ?? new Throttle({ nowMs })
  }

  /** Reads what is stored. */
  static async open(options: UsersOptions): Promise<Users> {
    const users = new Users(options)
    const { records } = options
    const listed = (await records?.list(userKeys)) ?? []
    // Nothing changes between the two: from this turn on it is told.
    records?.onChange?.(() => users.#reload())
    users.#take(records?.listApplied?.(userKeys) ?? listed)
    return users
  }

  /**
   * Another member of the cluster has changed them. What is applied here counts at once: whoever is gone would be let in by a
   * member that can ask nobody just now. What cannot be read is read again later.
   */
  #reload(): void {
    try {
      const applied = this.#records?.listApplied?.(userKeys)
      if (applied !== undefined) this.#take(applied)
    } catch {
      setTimeout(() => this.#reload(), reloadMs).unref()
    }
  }

  #take(records: readonly (readonly [key: string, value: unknown])[]): void {
    const stored = records.map(([key, value]) => decodeUser(key, value))
    const names = new Set(stored.map(({ name }) => name))
    for (const name of [...this.#known.keys()]) if (!names.has(name)) this.#forget(name)
    for (const user of stored) this.#keep(user)
  }

  #forget(name: string): void {
    const known = this.#known.get(name)
    if (known !== undefined) known.identity.access = noAccess
    this.#known.delete(name)
    if (this.isOpen) this.#guest.access = fullAccess
  }

  /** Whether everybody may everything, for there are no users. */
  get isOpen(): boolean {
    return this.#known.size === 0
  }

  /** Of connections that have not logged in. */
  get guest(): Identity {
    return this.#guest
  }

  /** Of somebody who has logged in at another member; nobody's, where this one knows no such user. */
  identityOf(name: string): Identity {
    if (this.isOpen) return this.#guest
    const known = this.#known.get(name)
    return known?.user.isOn === true ? known.identity : { name, access: noAccess }
  }

  get(name: string): User | undefined {
    return this.#known.get(name)?.user
  }

  /** By name. */
  list(): readonly User[] {
    return [...this.#known.values()].map(({ user }) => user).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Never says which of the two was wrong. `address` without its port. */
  async login(name: string, password: Buffer, address: string): Promise<Login> {
    if (this.isOpen) return name === defaultUser ? { identity: this.#guest } : { fault: 'open' }
    const mark = this.#logins.markOf(name, password)
    // A whole pool of clients may come at once, after a restart: they are one attempt.
    const underWay = this.#underWay.get(mark)
    if (underWay !== undefined) return underWay
    const waitMs = this.#throttle.waitOf(address)
    if (waitMs > 0) return { fault: 'throttled', waitMs }
    const known = this.#known.get(name)
    if (known?.user.isOn && this.#logins.has(mark, known.user.hashes)) {
      return { identity: known.identity }
    }
    const waitOfAllMs = this.#throttle.waitOfAll()
    if (waitOfAllMs > 0) return { fault: 'throttled', waitMs: waitOfAllMs }
    if (this.#waiting.length >= hashingWaitingMax) return { fault: 'throttled', waitMs: 1_000 }
    this.#throttle.count(address)
    const attempt = this.#attempt(known, password, address, mark).finally(() => this.#underWay.delete(mark))
    this.#underWay.set(mark, attempt)
    return attempt
  }

  async #attempt(known: Known | undefined, password: Buffer, address: string, mark: string): Promise<Login> {
    const user = known?.user
    if (!(await this.#isRight(user, password)) || known === undefined || user === undefined) return { fault: 'wrong' }
    // It may have changed while the hash was made.
    if (this.#known.get(user.name) !== known || known.user.hashes !== user.hashes || !known.user.isOn) {
      return { fault: 'wrong' }
    }
    this.#throttle.forgive(address)
    this.#logins.add(mark, user.hashes)
    return { identity: known.identity }
  }

  async #isRight(user: User | undefined, password: Buffer): Promise<boolean> {
    const isTooLong = password.length > passwordBytesMax
    const hash = await this.#hash(isTooLong ? password.subarray(0, passwordBytesMax) : password, user)
    return user?.isOn === true && isAmong(hash, user.hashes) && !isTooLong
  }

  async #hash(password: Buffer, user: User | undefined): Promise<string> {
    while (this.#hashing >= hashingMax) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#hashing++
    try {
      return await hashOf(password, user?.hashing ?? this.#nobody)
    } finally {
      this.#hashing--
      this.#waiting.shift()?.()
    }
  }

  /** Changes a user by rules, or makes it; what is wrong with them, or undefined. */
  change(name: string, rules: readonly Buffer[]): Promise<string | undefined> {
    return this.#inTurn(async () => {
      if (!isName(name)) return 'a name of a user is 1 to 64 printable characters without spaces'
      const before = this.#known.get(name)?.user ?? newUser(name)
      const ruled = await applyRules(before, rules)
      if ('fault' in ruled) return ruled.fault
      const fault = this.#adminFault(name, ruled.user)
      if (fault !== undefined) return fault
      await this.#store(ruled.user)
      return undefined
    })
  }

  /** Removes a user; what hinders it, or whether there was one. */
  remove(name: string): Promise<string | boolean> {
    return this.#inTurn(async () => {
      const known = this.#known.get(name)
      if (known === undefined) return false
      const fault = this.#adminFault(name, undefined)
      if (fault !== undefined) return fault
      await this.#records?.del(keyOfUser(name))
      known.identity.access = noAccess
      this.#known.delete(name)
      return true
    })
  }

  /** The admin of the configuration: whoever writes that owns the data, so its password counts. */
  seed(name: string, password: Buffer): Promise<string | undefined> {
    return this.#inTurn(async () => {
      if (!isName(name)) return 'a name of a user is 1 to 64 printable characters without spaces'
      if (password.length === 0 || password.length > passwordBytesMax) {
        return `the password of ${name} has 1 to ${passwordBytesMax} bytes`
      }
      const user = this.get(name)
      if (user !== undefined && accessOfUser(user).isUnrestricted && (await this.#isRight(user, password)))
        return undefined
      const rules = ['reset', 'on', 'allkeys', 'allchannels', '+@all'].map((rule) => Buffer.from(rule))
      const ruled = await applyRules(user ?? newUser(name), [...rules, Buffer.concat([Buffer.from('>'), password])])
      if ('fault' in ruled) return ruled.fault
      await this.#store(ruled.user)
      return undefined
    })
  }

  /** Why a change would leave nobody who can make the next one. */
  #adminFault(name: string, changed: User | undefined): string | undefined {
    const others = [...this.#known.values()].map(({ user }) => user).filter((user) => user.name !== name)
    if ([...others, ...(changed === undefined ? [] : [changed])].some(isAdmin)) return undefined
    return this.isOpen
      ? 'the first user must be an admin: on >password allkeys allchannels +@admin'
      : `${name} is the last admin: make another one first`
  }

  async #store(user: User): Promise<void> {
    await this.#records?.put(keyOfUser(user.name), encodeUser(user))
    this.#keep(user)
  }

  #keep(user: User): void {
    const access = accessOfUser(user)
    const known = this.#known.get(user.name)
    if (known === undefined) this.#known.set(user.name, { user, identity: { name: user.name, access } })
    else {
      known.user = user
      known.identity.access = access
    }
    this.#guest.access = noAccess
  }

  #inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const result = this.#changes.then(change)
    this.#changes = result.catch(() => {})
    return result
  }
}

/** What a client is told. */
export function loginFault(login: Exclude<Login, { readonly identity: Identity }>): Reply {
  switch (login.fault) {
    case 'wrong':
      return errorReply('invalid username-password pair or user is disabled.', 'WRONGPASS')
    case 'open':
      return errorReply(
        'there are no users, so nobody has to log in; auth.password of the configuration makes the first'
      )
    case 'throttled':
      return errorReply(`too many logins failed, try again in ${Math.ceil(login.waitMs / 1_000)} s`, 'BUSY')
  }
}

const isAdmin = ({ isOn, role, hashes }: User): boolean => isOn && role === 'admin' && hashes.length > 0
