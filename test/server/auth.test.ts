// Users without sockets: rules, grants, passwords, and who may try how often.
import { describe, expect, test } from 'vitest'
import {
  accessOf,
  fullAccess,
  grantedRanges,
  grantText,
  mayChannel,
  mayKey,
  mayPattern,
  mayRange,
  noAccess,
  parseGrant
} from '../../server/auth/access.ts'
import { exposureFault } from '../../server/auth/exposure.ts'
import { hashOf, isAmong, newHashing } from '../../server/auth/password.ts'
import { applyRules, newUser, rulesOf } from '../../server/auth/rules.ts'
import { Throttle } from '../../server/auth/throttle.ts'
import { decodeUser, encodeUser } from '../../server/auth/user.ts'
import { Users } from '../../server/auth/users.ts'
import type { Range, SystemRecords } from '../../server/store.ts'
import { seedOf } from '../support/campaign.ts'
import { randomOf } from './support/random.ts'

const rules = (text: string): Buffer[] => text.split(' ').map((rule) => Buffer.from(rule))
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const granted = (...texts: string[]) =>
  accessOf(
    'read',
    texts.map((text) => parseGrant(bytes(text))).filter((grant) => grant !== undefined),
    []
  )

class Records implements SystemRecords {
  readonly kept: Map<string, unknown>

  constructor(kept = new Map<string, unknown>()) {
    this.kept = kept
  }

  async list(prefix: string): Promise<[string, unknown][]> {
    return [...this.kept].filter(([key]) => key.startsWith(prefix))
  }

  async put(key: string, value: unknown): Promise<void> {
    this.kept.set(key, JSON.parse(JSON.stringify(value)))
  }

  async del(key: string): Promise<void> {
    this.kept.delete(key)
  }
}

/** Of a member: others change them too, and it may be alone. */
class MemberRecords extends Records {
  isAlone = false
  readonly elsewhere = new Records(this.kept)
  readonly #listeners: (() => void)[] = []
  #held: Promise<void> | undefined
  #letGo: () => void = () => undefined

  /** Until `letGo`, what was listed does not get to who asked. */
  hold(): void {
    this.#held = new Promise((resolve) => {
      this.#letGo = resolve
    })
  }

  letGo(): void {
    this.#letGo()
  }

  /** An entry that changed something is applied here. */
  tell(): void {
    for (const listener of this.#listeners) listener()
  }

  override async list(prefix: string): Promise<[string, unknown][]> {
    if (this.isAlone) throw new Error('nobody leads')
    const listed = await super.list(prefix)
    await this.#held
    return listed
  }

  listApplied(prefix: string): [string, unknown][] {
    return [...this.kept].filter(([key]) => key.startsWith(prefix))
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }
}

describe('rules', () => {
  test.each([
    ['on ~app:* &news +@read', 'on ~app:* &news +@read'],
    ['allkeys allchannels +@all', 'off ~* &* +@all'],
    ['+@admin -@admin', 'off +@write'],
    ['+@all -@write', 'off +@read'],
    ['+@write +@read', 'off +@write'],
    ['+@write -@read', 'off -@all'],
    ['~a ~b* ~a resetkeys ~c', 'off ~c -@all'],
    ['on +@all ~* reset', 'off -@all'],
    ['ON +@READ', 'on +@read']
  ])('%s', async (text, after) => {
    const ruled = await applyRules(newUser('ada'), rules(text))
    expect('user' in ruled ? rulesOf(ruled.user).join(' ') : ruled).toBe(after)
  })

  test.each([
    ['~a*b', 'a grant is a prefix with a star at its end, or one whole name: app:* or app:counter'],
    ['~', 'a grant is a prefix with a star at its end, or one whole name: app:* or app:counter'],
    ['&n?ws', 'a grant is a prefix with a star at its end, or one whole name: app:* or app:counter'],
    ['+get', 'varve grants roles and not single commands: +@read +@write +@admin +@all -@all'],
    ['+__proto__', 'varve grants roles and not single commands: +@read +@write +@admin +@all -@all'],
    ['nopass', 'every user of varve has a password: write >password'],
    ['>', 'a password is not empty: write >password'],
    ['<secret', 'the user has no such password'],
    ['wrong', 'there is no such rule; there are on off >password <password ~key* &channel* +@read +@write +@admin']
  ])('%s is refused', async (text, fault) => {
    expect(await applyRules(newUser('ada'), rules(text))).toEqual({ fault })
  })

  test('a password more, a password less', async () => {
    const user = newUser('ada')
    const two = await applyRules(user, rules('>old >new >new'))
    const one = 'user' in two ? await applyRules(two.user, rules('<old')) : two
    expect('user' in two && two.user.hashes.length).toBe(2)
    expect('user' in one && isAmong(await hashOf(bytes('new'), user.hashing), one.user.hashes)).toBe(true)
    expect('user' in one && isAmong(await hashOf(bytes('old'), user.hashing), one.user.hashes)).toBe(false)
  })

  test('what is stored is what is read, bytes of any kind included', async () => {
    const ruled = await applyRules(newUser('ada'), [
      ...rules('on >secret +@write'),
      bytes('~\xff\x00*'),
      bytes('&\xe4')
    ])
    if (!('user' in ruled)) throw new Error(ruled.fault)
    const stored = JSON.stringify(encodeUser(ruled.user))
    expect(decodeUser('user:ada', JSON.parse(stored))).toEqual(ruled.user)
    expect(stored).not.toContain('secret')
  })

  test.each([[{}], [null], [{ formatVersion: 2, name: 'ada' }], [{ formatVersion: 1, name: 'bob' }]])(
    'a record that is none: %j',
    (value) => {
      expect(() => decodeUser('user:ada', value)).toThrow(/no user that this version knows/)
    }
  )
})

describe('grants', () => {
  test('prefixes and whole names', () => {
    const access = granted('app:*', 'one')
    expect(['app:', 'app:x', 'one'].map((key) => mayKey(access, bytes(key)))).toEqual([true, true, true])
    expect(['app', 'ap', '', 'one1', 'on', 'b'].map((key) => mayKey(access, bytes(key)))).toEqual(Array(6).fill(false))
    expect(mayKey(fullAccess, bytes(''))).toBe(true)
    expect(mayKey(noAccess, bytes(''))).toBe(false)
  })

  test('a pattern is granted by what stands before its first wildcard', () => {
    const access = accessOf(
      'read',
      [],
      [parseGrant(bytes('news:*')), parseGrant(bytes('one'))].filter((g) => g !== undefined)
    )
    expect(['news:*', 'news:a?', 'news:[ab]', 'one', 'news:x'].map((p) => mayPattern(access, bytes(p)))).toEqual(
      Array(5).fill(true)
    )
    expect(['*', 'new*', 'n?ws:x', 'one*', '\\news:*', 'two'].map((p) => mayPattern(access, bytes(p)))).toEqual(
      Array(6).fill(false)
    )
    expect(mayChannel(access, bytes('news:x'))).toBe(true)
    expect(mayChannel(access, bytes('*'))).toBe(false)
  })

  test('ranges, against every key of a small alphabet', () => {
    const random = randomOf(seedOf('grants'))
    const alphabet = ['', '\x00', 'a', '\xfe', '\xff']
    const keys = alphabet.flatMap((a) => alphabet.flatMap((b) => alphabet.map((c) => bytes(a + b + c))))
    const text = () => random.pick(alphabet) + random.pick(alphabet)
    for (let i = 0; i < 2_000; i++) {
      const access = granted(...Array.from({ length: random.below(4) }, () => text() + (random.below(2) ? '*' : '')))
      const range = {
        ...(random.below(4) ? { gte: bytes(text()) } : {}),
        ...(random.below(4) ? { lt: bytes(text()) } : {})
      }
      const within = ({ gte, lt }: Range, key: Buffer) =>
        (gte === undefined || Buffer.compare(key, gte) >= 0) && (lt === undefined || Buffer.compare(key, lt) < 0)
      const ranges = grantedRanges(access)
      const shown = `${access.keys.map(grantText).join(' ')} of ${JSON.stringify(range)}`
      for (const key of keys) {
        // Once, and only once: pages of a granted store are made of these.
        const count = ranges.filter((each) => within(each, key)).length
        expect(count, shown).toBe(mayKey(access, key) ? 1 : 0)
      }
      if (mayRange(access, range)) {
        const inside = keys.filter((key) => within(range, key))
        expect(
          inside.every((key) => mayKey(access, key)),
          shown
        ).toBe(true)
      }
    }
  })
})

describe('users', () => {
  const admin = rules('on >secret allkeys allchannels +@all')

  test('while there are none, everybody may everything; then nobody may anything', async () => {
    const users = new Users()
    expect(users.guest.access).toBe(fullAccess)
    expect(await users.login('default', bytes('any'), '')).toEqual({ identity: users.guest })
    expect(await users.login('ada', bytes('any'), '')).toEqual({ fault: 'open' })
    expect(await users.change('bob', rules('on >x +@read'))).toMatch(/the first user must be an admin/)
    expect(await users.change('ada', admin)).toBeUndefined()
    expect(users.guest.access).toBe(noAccess)
    expect(await users.login('default', bytes('any'), '')).toEqual({ fault: 'wrong' })
    expect(await users.login('ada', bytes('wrong'), '')).toEqual({ fault: 'wrong' })
    expect(await users.login('ada', bytes('secret'), '')).toMatchObject({ identity: { name: 'ada' } })
  })

  test('are kept, and the last admin stays', async () => {
    const records = new Records()
    const users = await Users.open({ records })
    await users.change('ada', admin)
    await users.change('bob', rules('on >x ~b:* +@read'))
    expect(await users.remove('ada')).toMatch(/ada is the last admin/)
    expect(await users.change('ada', rules('off'))).toMatch(/ada is the last admin/)
    expect(await users.change('ada', rules('resetpass'))).toMatch(/ada is the last admin/)
    expect(await users.remove('eve')).toBe(false)
    const again = await Users.open({ records })
    expect(again.list()).toEqual(users.list())
    expect(await again.login('bob', bytes('x'), '')).toMatchObject({ identity: { name: 'bob' } })
    expect(await again.remove('bob')).toBe(true)
    expect([...records.kept.keys()]).toEqual(['user:ada'])
    expect(JSON.stringify([...records.kept])).not.toContain('secret')
  })

  test('that changed elsewhere hold so at once, though nobody can be asked', async () => {
    const records = new MemberRecords()
    const users = await Users.open({ records })
    expect(users.isOpen).toBe(true)
    const elsewhere = await Users.open({ records: records.elsewhere })
    await elsewhere.change('ada', admin)
    await elsewhere.change('bob', rules('on >x ~* +@read'))
    records.isAlone = true
    records.tell()
    expect(users.isOpen).toBe(false)
    expect(users.guest.access).toBe(noAccess)
    const identity = users.identityOf('bob')
    expect(identity.access).not.toBe(noAccess)
    await elsewhere.remove('bob')
    records.tell()
    expect(users.identityOf('bob').access).toBe(noAccess)
    expect(identity.access).toBe(noAccess)
    await expect(records.list('user:')).rejects.toThrow('nobody leads')
  })

  test('that changed while they were read for the first time are not missed', async () => {
    const records = new MemberRecords()
    const elsewhere = await Users.open({ records: records.elsewhere })
    records.hold()
    const opening = Users.open({ records })
    await elsewhere.change('ada', admin)
    records.tell()
    records.letGo()
    expect((await opening).list().map(({ name }) => name)).toEqual(['ada'])
  })

  test('what changes holds for who is logged in', async () => {
    const users = new Users()
    await users.change('ada', admin)
    await users.change('bob', rules('on >x ~b:* +@read'))
    const login = await users.login('bob', bytes('x'), '')
    if (!('identity' in login)) throw new Error('bob cannot log in')
    await users.change('bob', rules('~c +@write'))
    expect(login.identity.access.role).toBe('write')
    expect(mayKey(login.identity.access, bytes('c'))).toBe(true)
    await users.change('bob', rules('off'))
    expect(login.identity.access).toBe(noAccess)
    expect(await users.login('bob', bytes('x'), '')).toEqual({ fault: 'wrong' })
    await users.change('bob', rules('on'))
    await users.remove('bob')
    expect(login.identity.access).toBe(noAccess)
  })

  test('a password that is taken away opens nothing, though it was right before', async () => {
    const users = new Users()
    await users.change('ada', admin)
    await users.change('ada', rules('>second'))
    expect(await users.login('ada', bytes('second'), '')).toHaveProperty('identity')
    await users.change('ada', rules('<second'))
    expect(await users.login('ada', bytes('second'), '')).toEqual({ fault: 'wrong' })
    expect(await users.login('ada', bytes('secret'), '')).toHaveProperty('identity')
  })

  test("the configuration's admin is an admin with that password, whatever was stored", async () => {
    const records = new Records()
    const users = await Users.open({ records })
    expect(await users.seed('root', bytes('first'))).toBeUndefined()
    const stored = records.kept.get('user:root')
    expect(await users.seed('root', bytes('first'))).toBeUndefined()
    expect(records.kept.get('user:root')).toBe(stored)
    await users.change('ada', admin)
    await users.change('root', rules('off -@all'))
    const again = await Users.open({ records })
    expect(await again.seed('root', bytes('second'))).toBeUndefined()
    expect(await again.login('root', bytes('first'), '')).toEqual({ fault: 'wrong' })
    expect(await again.login('root', bytes('second'), '')).toMatchObject({
      identity: { access: { isUnrestricted: true } }
    })
    expect(await again.seed('with space', bytes('x'))).toMatch(/a name of a user/)
    expect(await again.seed('root', bytes(''))).toMatch(/1 to 1024 bytes/)
  })

  test('a pool of clients that comes back is one attempt', async () => {
    const users = new Users({ throttle: new Throttle({ nowMs: () => 0, address: { burst: 1, refillMs: 1_000 } }) })
    await users.change('ada', admin)
    const logins = await Promise.all(Array.from({ length: 50 }, () => users.login('ada', bytes('secret'), '10.0.0.1')))
    expect(logins.every((login) => 'identity' in login)).toBe(true)
  })

  test('who fails too often waits, and others do not', async () => {
    let nowMs = 0
    const users = new Users({ throttle: new Throttle({ nowMs: () => nowMs, address: { burst: 2, refillMs: 1_000 } }) })
    await users.change('ada', admin)
    const tryWith = async (password: string, address: string) => {
      const login = await users.login('ada', bytes(password), address)
      return 'fault' in login ? login.fault : 'in'
    }
    expect(await tryWith('a', '10.0.0.1')).toBe('wrong')
    expect(await tryWith('secret', '10.0.0.1')).toBe('in')
    expect(await tryWith('b', '10.0.0.1')).toBe('wrong')
    // The right one, too: else it could be told by trying.
    expect(await tryWith('secret', '10.0.0.1')).toBe('throttled')
    expect(await tryWith('secret', '10.0.0.2')).toBe('in')
    nowMs = 1_000
    expect(await tryWith('secret', '10.0.0.1')).toBe('in')
  })
})

describe('the throttle', () => {
  test('forgets with time, counts networks of IPv6, and holds few addresses', () => {
    let nowMs = 0
    const throttle = new Throttle({
      nowMs: () => nowMs,
      address: { burst: 2, refillMs: 1_000 },
      overall: { burst: 1_000, refillMs: 1 },
      addressesMax: 3
    })
    for (const address of ['2001:db8::1', '2001:db8:0:0:9::2']) throttle.count(address)
    expect(throttle.waitOf('2001:db8::3')).toBe(1_000)
    expect(throttle.waitOf('2001:db8:1::1')).toBe(0)
    nowMs = 999
    expect(throttle.waitOf('2001:db8::3')).toBe(1)
    nowMs = 1_000
    expect(throttle.waitOf('2001:db8::3')).toBe(0)
    for (let i = 0; i < 100; i++) throttle.count(`10.0.0.${i}`)
    expect(throttle.addresses).toBe(3)
  })

  test('of all addresses together', () => {
    const throttle = new Throttle({ nowMs: () => 0, overall: { burst: 3, refillMs: 1_000 } })
    for (let i = 0; i < 3; i++) throttle.count(`10.0.0.${i}`)
    expect(throttle.waitOfAll()).toBe(1_000)
    throttle.forgive('10.0.0.1')
    expect(throttle.waitOfAll()).toBe(0)
  })
})

test('a failed login costs the same hashes, whoever it is for', async () => {
  const hashing = newHashing()
  expect(await hashOf(bytes('a'), hashing)).toBe(await hashOf(bytes('a'), hashing))
  expect(await hashOf(bytes('a'), hashing)).not.toBe(await hashOf(bytes('a'), newHashing()))
  const { salt: _, ...cost } = hashing
  const { salt: __, ...costOfUser } = newUser('ada').hashing
  expect(costOfUser).toEqual(cost)
})

test.each([
  ['127.0.0.1', false],
  ['127.1.2.3', false],
  ['::1', false],
  ['localhost', false],
  ['::ffff:127.0.0.1', false],
  ['0.0.0.0', true],
  ['::', true],
  ['10.0.0.1', true],
  ['example.org', true],
  ['127.example.org', true]
])('without users, listening on %s is refused: %s', (host, isRefused) => {
  expect(exposureFault({ host, isOpen: true, isInsecure: false }) !== undefined).toBe(isRefused)
  expect(exposureFault({ host, isOpen: true, isInsecure: true })).toBeUndefined()
  expect(exposureFault({ host, isOpen: false, isInsecure: false })).toBeUndefined()
})
