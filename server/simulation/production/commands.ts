// What a client of the simulation asks of a Store, as the server would ask it: puts and gets, INCR and SET NX and CAS as
// decisions, and records beside the entries.
//
// Every change of an entry puts a receipt in the same batch, under a key of its own: acknowledged, it must be there for ever.
import type { Operation, Store } from '../../store.ts'
import type { Command } from '../machine.ts'
import { type Cell, execute, type Reply } from '../models.ts'

/** This key is of a record, not of an entry. */
const recordKey = 'register 3'

export const isRecord = ({ key }: Command): boolean => key === recordKey

/** The key of the receipt of a change. */
export const receiptOf = ({ client, serial }: Command): string => `receipt ${client} ${serial}`

const textOf = (value: number): Buffer => Buffer.from(String(value))
const cellOf = (bytes: Uint8Array | undefined): Cell => (bytes === undefined ? null : Number(Buffer.from(bytes)))

/** `padding`: how long the receipt is. */
export function perform(store: Store, command: Command, padding: number): Promise<Reply> {
  if (isRecord(command)) return performOnRecord(store, command)
  const { call } = command
  const key = Buffer.from(command.key)
  if (call.kind === 'get') return store.getMany([key]).then(([value]) => ({ value: cellOf(value) }))
  const receipt = { type: 'put', key: Buffer.from(receiptOf(command)), value: Buffer.alloc(padding, 46) } as const
  if (call.kind === 'put') {
    const operations: Operation[] = [{ type: 'put', key, value: textOf(call.value) }, receipt]
    return store.write(operations).then(() => ({ value: null }))
  }
  return store.decide({
    keys: [key],
    decide: (view) => {
      const before = cellOf(view.get(key)?.value)
      const { state, reply } = execute(before, call)
      if (state === before || state === null) return reply
      view.put(key, textOf(state))
      view.put(receipt.key, receipt.value)
      return reply
    }
  })
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
