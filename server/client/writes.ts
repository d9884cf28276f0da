// Writes: the writes and decisions of a ClientStore, one group under way and the next one gathering.
//
//   write, decide ─▶ waiting ─▶ (the group before is done) entries of all keys ─▶ each decision in order ─▶ APPLY
//
// Order is that of arrival: a group is written by one APPLY, which the server does at once or not at all, and the next begins
// after it. What the decisions of a group wrote is seen by those behind them through an Overlay.
import type { RequestPart } from '../protocol/resp-requests.ts'
import { type Outcome, Overlay } from '../store/overlay.ts'
import { writing } from '../store/queue.ts'
import { type Decision, type Key, keyBytesMax, type Operation } from '../store.ts'
import { appliedOf } from './answers.ts'
import { type Deciding, decide } from './decide.ts'
import { ClientError } from './errors.ts'
import { boundsOf } from './ranges.ts'

interface Waiting {
  readonly decision: Decision
  /** Of a write, which needs to see nothing. */
  readonly operations: readonly Operation[] | undefined
  readonly sync: boolean
  readonly bytes: number
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

const groupMax = 1_000
const groupBytesMax = 2 ** 20

export class Writes {
  readonly #deciding: Deciding
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined

  constructor(deciding: Deciding) {
    this.#deciding = deciding
  }

  write(operations: readonly Operation[], sync: boolean): Promise<void> {
    if (operations.length === 0) return Promise.resolve()
    return this.#add(writing(operations), operations, sync) as Promise<void>
  }

  decide<Result>(decision: Decision<Result>, sync: boolean): Promise<Result> {
    return this.#add(decision, undefined, sync) as Promise<Result>
  }

  /** Resolves when nothing waits and nothing runs. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  #add(decision: Decision, operations: readonly Operation[] | undefined, sync: boolean): Promise<unknown> {
    const fault = keyFault(decision.keys) ?? keyFault(operations?.flatMap(keysOf) ?? [])
    if (fault !== undefined) return Promise.reject(fault)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ decision, operations, sync, bytes: sizeOf(operations ?? []), resolve, reject })
      this.#running ??= this.#run()
    })
  }

  async #run(): Promise<void> {
    // What else this turn asks for goes along.
    await new Promise<void>((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) await this.#runGroup(this.#take())
    this.#running = undefined
  }

  #take(): readonly Waiting[] {
    let count = 0
    for (let bytes = 0; count < this.#waiting.length && count < groupMax && bytes < groupBytesMax; count++) {
      bytes += this.#waiting[count]?.bytes ?? 0
    }
    const group = this.#waiting.slice(0, count)
    this.#waiting = this.#waiting.slice(count)
    return group
  }

  /** Settles all of the group; never rejects. */
  async #runGroup(group: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#outcomes(group)
      for (const [i, outcome] of outcomes.entries()) {
        if ('error' in outcome) group[i]?.reject(outcome.error)
        else group[i]?.resolve(outcome.result)
      }
    } catch (error) {
      // One that the server refuses must not take its neighbours with it: each alone finds the one.
      if (group.length > 1 && isRefusal(error)) for (const one of group) await this.#runGroup([one])
      else for (const { reject } of group) reject(error)
    }
  }

  async #outcomes(group: readonly Waiting[]): Promise<readonly Outcome[]> {
    const sync = group.some((waiting) => waiting.sync)
    const plain = group.flatMap(({ operations }) => operations ?? [])
    if (group.every(({ operations }) => operations !== undefined)) {
      const words = plain.flatMap(wordsOf)
      const request = ['APPLY', ...(sync ? ['SYNC'] : []), ...words]
      if (words.length > 0) appliedOf(await this.#deciding.send(request, false, {}))
      return group.map(() => ({ result: undefined }))
    }
    const keys = distinct(group.flatMap(({ decision }) => decision.keys))
    return decide(
      this.#deciding,
      keys,
      ({ nowMs, entries }) => {
        const overlay = new Overlay(keys, entries, nowMs)
        const result = group.map(({ decision }) => overlay.run(decision))
        return { words: overlay.operations.flatMap(wordsOf), result }
      },
      { sync }
    )
  }
}

function wordsOf(operation: Operation): readonly RequestPart[] {
  if (operation.type === 'del') return ['DEL', operation.key]
  if (operation.type === 'deleteRange') {
    // The empty key as an end is the sign for none; there is nothing below it.
    return operation.range.lt?.length === 0 ? [] : ['DELRANGE', ...boundsOf(operation.range)]
  }
  const { key, value, expiresAt } = operation
  return expiresAt === undefined ? ['PUT', key, value] : ['PUTPXAT', key, value, expiresAt]
}

const keysOf = (operation: Operation): readonly Key[] => (operation.type === 'deleteRange' ? [] : [operation.key])

function keyFault(keys: readonly Key[]): ClientError | undefined {
  if (keys.every(({ length }) => length <= keyBytesMax)) return undefined
  return new ClientError('TOO_LARGE', `A key has at most ${keyBytesMax} bytes.`)
}

function sizeOf(operations: readonly Operation[]): number {
  let bytes = 0
  for (const operation of operations)
    if (operation.type === 'put') bytes += operation.key.length + operation.value.length
  return bytes
}

function distinct(keys: readonly Key[]): readonly Key[] {
  return [...new Map(keys.map((key) => [Buffer.from(key).toString('latin1'), key])).values()]
}

/** Whether the server said that it did nothing, because of what it was asked. */
const isRefusal = (error: unknown): boolean =>
  error instanceof ClientError && (error.code === 'DENIED' || error.code === 'TOO_LARGE')
