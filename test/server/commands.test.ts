// Commands as pure functions: what they answer and what they write, of entries and a time that are given. What Redis answers
// is compared in differential.test.ts; here is what depends on time, what is ours alone, and what is written.
import { describe, expect, test } from 'vitest'
import { commands } from '../../server/commands/table.ts'
import { Keyspace } from './support/keyspace.ts'

/** Runs lines and compares each reply. */
function session(pairs: readonly (readonly [line: string, reply: string])[], keyspace = new Keyspace()): Keyspace {
  for (const [line, reply] of pairs) expect(keyspace.run(line), line).toBe(reply)
  return keyspace
}

describe('expiry', () => {
  test('is counted from the time of the decision', () => {
    const keyspace = session([
      ['SET a 1 EX 10', '+OK'],
      ['SETEX b 20 2', '+OK'],
      ['PSETEX c 1500 3', '+OK'],
      ['TTL a', ':10'],
      ['PTTL c', ':1500'],
      ['TTL c', ':2'],
      ['PEXPIRETIME b', ':1020000'],
      ['EXPIRETIME b', ':1020'],
      ['TTL absent', ':-2']
    ])
    keyspace.nowMs += 10_000
    session(
      [
        ['GET a', '$-1'],
        ['EXISTS a b c', ':1'],
        ['TTL b', ':10'],
        ['PERSIST b', ':1'],
        ['TTL b', ':-1'],
        ['PERSIST b', ':0'],
        ['PERSIST a', ':0']
      ],
      keyspace
    )
  })

  test('stays where a value is changed in place, and goes where it is replaced', () => {
    session([
      ['SET a 1 PXAT 2000000', '+OK'],
      ['INCR a', ':2'],
      ['APPEND a 0', ':2'],
      ['SETRANGE a 1 5', ':2'],
      ['INCRBYFLOAT a 0.5', '$4 25.5'],
      ['CAS a 25.5 26', ':1'],
      ['SET a 27 KEEPTTL', '+OK'],
      ['RENAME a b', '+OK'],
      ['PEXPIRETIME b', ':2000000'],
      ['SET b 28', '+OK'],
      ['PEXPIRETIME b', ':-1'],
      ['GETEX b PXAT 3000000', '$2 28'],
      ['GETSET b 29', '$2 28'],
      ['PEXPIRETIME b', ':-1']
    ])
  })

  test('in the past removes at once', () => {
    const keyspace = session([
      ['MSET a 1 b 2 c 3', '+OK'],
      ['EXPIRE a -1', ':1'],
      ['PEXPIREAT b 1000000', ':1'],
      ['GETEX c EXAT 1', '$1 3'],
      ['SET d 4 PXAT 5', '+OK'],
      ['EXISTS a b c d', ':0'],
      ['SET e 5', '+OK']
    ])
    expect(keyspace.effectsOf('PEXPIRE e 0')).toEqual([{ type: 'del', key: Buffer.from('e') }])
    expect(keyspace.effectsOf('PEXPIRE e -9223372036854775808')).toEqual([{ type: 'del', key: Buffer.from('e') }])
  })

  test('conditions take an entry that stays for the one that expires last', () => {
    session([
      ['SET a 1', '+OK'],
      ['PEXPIREAT a 2000000 GT', ':0'],
      ['PEXPIREAT a 2000000 XX', ':0'],
      ['PEXPIREAT a 2000000 LT', ':1'],
      ['PEXPIREAT a 2000000 GT', ':0'],
      ['PEXPIREAT a 2000001 GT', ':1'],
      ['PEXPIREAT a 2000001 LT', ':0'],
      ['PEXPIREAT a 2000000 NX', ':0'],
      ['PEXPIREAT a 2000000 XX LT', ':1']
    ])
  })

  test('beyond what can be counted is refused', () => {
    session([
      ['SET a 1', '+OK'],
      ['PEXPIREAT a 9007199254740991', ':1'],
      ['PEXPIREAT a 9007199254740992', "-ERR invalid expire time in 'pexpireat' command"],
      ['EXPIRE a 9223372036854776', "-ERR invalid expire time in 'expire' command"],
      ['PEXPIRETIME a', ':9007199254740991']
    ])
  })
})

describe('a command of ours', () => {
  test('CAS changes a value that is the expected one', () => {
    session([
      ['CAS a "" 1', ':0'],
      ['SET a ""', '+OK'],
      ['CAS a "" 1', ':1'],
      ['CAS a 2 3', ':0'],
      ['GET a', '$1 1']
    ])
  })

  test('DELRANGE writes one tombstone, or nothing for a range without keys', () => {
    const keyspace = new Keyspace()
    const key = (text: string) => Buffer.from(text)
    expect(keyspace.effectsOf('DELRANGE b d')).toEqual([
      { type: 'deleteRange', range: { gte: key('b'), lt: key('d') } }
    ])
    expect(keyspace.effectsOf('DELRANGE "" ""')).toEqual([{ type: 'deleteRange', range: { gte: key('') } }])
    expect(keyspace.effectsOf('DELRANGE b b')).toEqual([])
    expect(keyspace.effectsOf('DELRANGE c b')).toEqual([])
  })
})

describe('what is written', () => {
  test('nothing, by what reads and by what changes nothing', () => {
    const keyspace = session([['MSET a 1 b 2', '+OK']])
    const lines = [
      'GET a',
      'MGET a b',
      'STRLEN a',
      'GETRANGE a 0 1',
      'EXISTS a',
      'TYPE a',
      'TTL a',
      'GETEX a',
      'GETEX a PERSIST',
      'GETEX absent EX 10',
      'SETNX a 2',
      'SET a 2 NX',
      'SET absent 2 XX GET',
      'MSETNX c 1 a 2',
      'DEL absent',
      'GETDEL absent',
      'PERSIST a',
      'EXPIRE absent 10',
      'RENAMENX a b',
      'RENAME a a',
      'SETRANGE a 3 ""',
      'CAS a 2 3',
      'INCRBY a x'
    ]
    for (const line of lines) expect(keyspace.effectsOf(line), line).toEqual([])
  })

  test('only keys that there are, by DEL', () => {
    const keyspace = session([['MSET a 1 b 2', '+OK']])
    expect(keyspace.effectsOf('DEL a a x')).toEqual([{ type: 'del', key: Buffer.from('a') }])
    session([['DEL a a x b', ':2']], keyspace)
  })
})

describe('together', () => {
  test('plans see what those before them wrote', () => {
    const keyspace = new Keyspace()
    expect(keyspace.runAll(['SET a 5', 'INCR a', 'GET a', 'PEXPIRE a 100', 'PTTL a', 'DEL a', 'EXISTS a'])).toEqual([
      '+OK',
      ':6',
      '$1 6',
      ':1',
      ':100',
      ':1',
      ':0'
    ])
    expect(keyspace.runAll(['MSET a 1 b 2', 'FLUSHALL', 'MGET a b', 'INCR b'])).toEqual([
      '+OK',
      '+OK',
      '*2 $-1 $-1',
      ':1'
    ])
  })

  test('a command that is refused leaves the others as they are', () => {
    const keyspace = session([['SET a x', '+OK']])
    expect(keyspace.runAll(['SET b 1', 'INCR a', 'INCR b'])).toEqual([
      '+OK',
      '-ERR value is not an integer or out of range',
      ':2'
    ])
  })
})

test('a plan is made without touching anything: the same one serves many decisions', () => {
  const plan = commands.get('INCR')?.plan([Buffer.from('n')])
  if (plan?.kind !== 'decide') throw new Error('INCR decides')
  const written: string[] = []
  const view = (text: string) => ({
    nowMs: 0,
    get: () => ({ value: Buffer.from(text), sequence: 1, expiresAt: undefined }),
    put: (_key: Uint8Array, value: Uint8Array) => written.push(Buffer.from(value).toString()),
    del: () => {},
    deleteRange: () => {}
  })
  expect(plan.decide(view('1'))).toEqual({ kind: 'integer', value: 2n })
  expect(plan.decide(view('41'))).toEqual({ kind: 'integer', value: 42n })
  expect(written).toEqual(['2', '42'])
})

test('every command says what it is, and where its keys are', () => {
  for (const [name, { summary, arity, keys, flags }] of commands) {
    expect(summary, name).toMatch(/^[A-Z].*\.$/)
    expect(arity, name).not.toBe(0)
    if (keys !== undefined) expect(keys.first, name).toBeLessThanOrEqual(Math.abs(arity))
    expect(flags.includes('read') && flags.includes('write'), name).toBe(false)
  }
})
