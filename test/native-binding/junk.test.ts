// Whatever a function is called with, the answer is a value or an Error with a code, never a crash.
// asan: yes

import { describe, expect, test } from 'vitest'
import native from '#native'
import { baselines, type FunctionName, makeWorld, releaseWorld, type World } from './support/baseline.ts'
import { settle } from './support/jobs.ts'

let world: World

/** Runs `body` over a world of its own. */
function inWorld(body: () => void): void {
  world = makeWorld()
  try {
    body()
  } finally {
    releaseWorld(world)
    native.setWake(settle)
    native.keepAlive(false)
  }
}

function detached<Kind extends Uint8Array | Uint32Array | Int32Array | Float64Array>(array: Kind): Kind {
  structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] })
  return array
}

const throwing = (): object =>
  new Proxy(
    {},
    {
      get() {
        throw new Error('a getter that throws')
      }
    }
  )

/** Made fresh for each call: a call may use one up. */
const junk: Record<string, (world: World) => unknown> = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  NaN: () => Number.NaN,
  Infinity: () => Number.POSITIVE_INFINITY,
  '-1': () => -1,
  '-Infinity': () => Number.NEGATIVE_INFINITY,
  '0': () => 0,
  '0.5': () => 0.5,
  '2^32': () => 2 ** 32,
  '2^53': () => 2 ** 53,
  '1e300': () => 1e300,
  'a bigint': () => 1n,
  'a symbol': () => Symbol('junk'),
  'an empty string': () => '',
  'a lone surrogate': () => '\ud800',
  'a long string': () => 'x'.repeat(70_000),
  'an object': () => ({}),
  'an object that throws': throwing,
  'an array': () => [],
  'an array of junk': () => [undefined, -1, {}],
  'an array whose element throws': () => {
    const array: unknown[] = [1]
    Object.defineProperty(array, 0, {
      get() {
        throw new Error('an element that throws')
      }
    })
    return array
  },
  'a function': () => () => {},
  'an ArrayBuffer': () => new ArrayBuffer(8),
  'an empty Uint8Array': () => new Uint8Array(0),
  'a short Uint8Array': () => new Uint8Array(3),
  'a detached Uint8Array': () => detached(new Uint8Array(200)),
  'a detached Uint32Array': () => detached(new Uint32Array(50)),
  'a detached Int32Array': () => detached(new Int32Array(50)),
  'a detached Float64Array': () => detached(new Float64Array(50)),
  'a Uint16Array': () => new Uint16Array(100),
  'an empty Uint32Array': () => new Uint32Array(0),
  'an empty Int32Array': () => new Int32Array(0),
  'a short Float64Array': () => new Float64Array(1),
  'a DataView': () => new DataView(new ArrayBuffer(100)),
  'a handle of an engine': ({ engine }) => engine,
  'a handle of a memtable': ({ memtable }) => memtable,
  'a handle with another generation': ({ engine }) => engine + (1 << 16)
}

const call = (name: FunctionName, args: readonly unknown[]): unknown =>
  (native[name] as (...args: readonly unknown[]) => unknown)(...args)

function expectNativeError(error: unknown): void {
  expect(error).toBeInstanceOf(Error)
  const { code, message } = error as native.NativeError
  if (!/that throws$/.test(message)) expect(code).toMatch(/^[A-Z_]+$/)
}

/** Calls, lets what was started end, and looks at every error there is. */
function attempt(name: FunctionName, args: readonly unknown[]): void {
  try {
    call(name, args)
  } catch (error) {
    expectNativeError(error)
  }
  while (native.step(world.executor));
  const outcomes = native.drain()
  for (let i = 1; i < outcomes.length; i += 3) if (outcomes[i] !== undefined) expectNativeError(outcomes[i])
}

/** An array or object with one thing inside replaced, for each thing inside. */
function* variants(value: unknown, replacement: unknown): Generator<unknown> {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return
  for (const key of Object.keys(value)) {
    const inner = (value as Record<string, unknown>)[key]
    const replaced = (by: unknown): unknown =>
      Array.isArray(value) ? Object.assign([...value], { [key]: by }) : { ...value, [key]: by }
    yield replaced(replacement)
    for (const variant of variants(inner, replacement)) yield replaced(variant)
  }
}

function replaceEach(name: FunctionName, make: (world: World) => unknown): void {
  const { length } = baselines[name](world)
  attempt(
    name,
    Array.from({ length: Math.max(length, 1) }, () => make(world))
  )
  for (let i = 0; i < length; i++) {
    const args = [...baselines[name](world)]
    const inside = [...variants(args[i], make(world))]
    args[i] = make(world)
    attempt(name, args)
    for (const variant of inside) {
      const again = [...baselines[name](world)]
      again[i] = variant
      attempt(name, again)
    }
  }
}

describe.each(Object.keys(baselines) as FunctionName[])('%s', (name) => {
  test('takes its baseline', () => {
    inWorld(() => {
      if (name !== 'openWal') call(name, baselines[name](world))
      attempt('drain', [])
    })
  })

  test('survives junk in every position', () => {
    for (const make of Object.values(junk)) inWorld(() => replaceEach(name, make))
  })

  test('survives too few arguments', () => {
    inWorld(() => {
      const { length } = baselines[name](world)
      for (let i = 0; i < length; i++) attempt(name, baselines[name](world).slice(0, i))
    })
  })
})

test('a getter that releases what is being used does no harm', () => {
  inWorld(() => {
    const [engine, request] = baselines.flushJob(world) as [native.Engine, object]
    const release = (): undefined => {
      releaseWorld({ ...world, executor: native.steppedExecutor(0) })
      return undefined
    }
    const evil = { ...request }
    Object.defineProperty(evil, 'facts', { get: release, enumerable: true })
    attempt('flushJob', [engine, evil])
  })
})
