// What a client of the simulation asks of a Store, as the server would ask it: puts and gets, INCR and SET NX and CAS as
// decisions, and records beside the entries.
//
// Every change of an entry puts a receipt in the same batch, under a key of its own, which says what was asked and answered:
// acknowledged, it must be there for ever, and all that are there, in the order of their sequences, must be what happened.
import type { Decision, Operation, Store } from '../../store.ts'
import type { Command } from '../machine.ts'
import { type Call, type Cell, execute, type Reply } from '../models.ts'

/** This key is of a record, not of an entry. */
const recordKey = 'register 3'

export const isRecord = ({ key }: Command): boolean => key === recordKey

/** The key of the receipt of a change. */
export const receiptOf = ({ client, serial }: Command): string => `receipt ${client} ${serial}`

export const isReceipt = (key: string): boolean => key.startsWith('receipt ')

/** What a receipt says. */
export interface Receipt {
  readonly key: string
  readonly call: Call
  readonly reply: Reply
}

export const receiptIn = (value: string): Receipt => JSON.parse(value) as Receipt

/** So many operations or decisions of one turn are proposed at once, whatever else is on its way (store/queue.ts). */
const bulkCount = 1_000
const bulk: readonly Operation[] = new Array(bulkCount).fill({ type: 'del', key: Buffer.from('bulk') })
const nothing: Decision<void> = { keys: [], decide: () => undefined }

function receipt(command: Command, reply: Reply, { paddingBytesMax }: Shape): { key: Buffer; value: Buffer } {
  const { key, call, serial } = command
  const text = JSON.stringify({ key, call, reply } satisfies Receipt)
  // JSON may end with spaces.
  const padded = text.padEnd(1 + ((serial * 7919) % paddingBytesMax))
  return { key: Buffer.from(receiptOf(command)), value: Buffer.from(padded) }
}

const textOf = (value: number): Buffer => Buffer.from(String(value))
const cellOf = (bytes: Uint8Array | undefined): Cell => (bytes === undefined ? null : Number(Buffer.from(bytes)))

export interface Shape {
  readonly paddingBytesMax: number
  readonly bulkEvery: number
}

export function perform(store: Store, command: Command, shape: Shape): Promise<Reply> {
  if (isRecord(command)) return performOnRecord(store, command)
  const { call, serial } = command
  const isBulk = serial % shape.bulkEvery === 0
  const key = Buffer.from(command.key)
  if (call.kind === 'get') return store.getMany([key]).then(([value]) => ({ value: cellOf(value) }))
  if (call.kind === 'put') {
    const reply = { value: null }
    const operations: Operation[] = [
      { type: 'put', key, value: textOf(call.value) },
      { type: 'put', ...receipt(command, reply, shape) }
    ]
    return store.write(isBulk ? [...bulk, ...operations] : operations).then(() => reply)
  }
  const decided = store.decide({
    keys: [key],
    decide: (view) => {
      const before = cellOf(view.get(key)?.value)
      const { state, reply } = execute(before, call)
      if (state === before || state === null) return reply
      view.put(key, textOf(state))
      const left = receipt(command, reply, shape)
      view.put(left.key, left.value)
      return reply
    }
  })
  // As a pipeline of them would come.
  if (isBulk) for (let i = 1; i < bulkCount; i++) store.decide(nothing).catch(() => undefined)
  return decided
}

async function performOnRecord({ records }: Store, { key, call }: Command): Promise<Reply> {
  if (records === undefined) throw new Error('The store keeps no records.')
  if (call.kind === 'put') {
    await records.put(key, call.value)
    return { value: null }
  }
  const found = (await records.list(key)).find(([name]) => name === key)
  return { value: (found?.[1] as number | undefined) ?? null }
}

/** Whether a change that was answered so left a receipt. */
export function leavesReceipt(command: Command, { value }: Reply): boolean {
  const { kind } = command.call
  return !isRecord(command) && kind !== 'get' && (kind !== 'swap' || value === 1)
}
