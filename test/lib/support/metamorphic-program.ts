// Programs of the metamorphic test: lists of operations that depend on nothing a database answers. What an operation
// needs of an earlier answer (a snapshot, an iterator, a sequence) it takes from a slot; an empty slot is fine. So any part
// of a program is a program, and a line of its text (JSON) can be pasted into a test.
import { type Range, rankOf, spanOf } from './metamorphic-keys.ts'

/** Virtual time at the beginning of every program. */
export const startMs = 1_700_000_000_000

export type Expiry = { readonly ttl: number } | { readonly expiresAt: number }
/** `slot`: what the last getEntry with this slot found, its sequence or its value. */
export type Condition =
  | { readonly absent: true }
  | { readonly value: string }
  | { readonly slot: number; readonly by: 'sequence' | 'value' }

export interface PutChange {
  readonly do: 'put'
  readonly space: number
  readonly key: string
  readonly value: string
  readonly expiry?: Expiry
}
export interface DelChange {
  readonly do: 'del'
  readonly space: number
  readonly key: string
}
export interface RangeChange {
  readonly do: 'deleteRange'
  readonly space: number
  readonly range: Range
}
export type Change = PutChange | DelChange | RangeChange

/**
 * wait: the next operation comes after it was acknowledged; else at once, unless it is the first in a space: as long as it
 * is not known that the name is stored, every write stores it again.
 */
interface Way {
  readonly sync?: boolean
  readonly wait: boolean
}
export type Write = (Change & Way) | ({ readonly do: 'batch'; readonly changes: readonly Change[] } & Way)

interface Keyed {
  readonly space: number
  readonly key: string
}
export type Conditional =
  | (Keyed & { readonly do: 'putIf'; readonly value: string; readonly condition: Condition; readonly expiry?: Expiry })
  | (Keyed & { readonly do: 'delIf'; readonly condition: Condition })
  | (Keyed & { readonly do: 'increment'; readonly by: number })
  | (Keyed & { readonly do: 'touch'; readonly expiry: Expiry })
  | (Keyed & { readonly do: 'persist' })

export type Mode = 'entries' | 'keys' | 'values'
export interface Scan {
  readonly space: number
  readonly range: Range
  readonly mode: Mode
  readonly reverse?: boolean
  readonly limit?: number
}
interface At {
  /** A slot of snapshots. */
  readonly snapshot?: number
}
export type Read =
  | (Keyed & At & { readonly do: 'get' | 'getSync' | 'has' })
  | (Keyed & At & { readonly do: 'getEntry'; readonly slot: number })
  | (Keyed & { readonly do: 'ttl' })
  | (At & { readonly do: 'getMany' | 'hasMany'; readonly space: number; readonly keys: readonly string[] })
  | (Scan & At & { readonly do: 'scan'; readonly style: 'all' | 'sync' | 'await' })
  | (At & { readonly do: 'count' | 'first' | 'last'; readonly space: number; readonly range: Range })
  /** Several at once. */
  | { readonly do: 'together'; readonly reads: readonly Read[] }

export type Held =
  | { readonly do: 'openSnapshot' | 'closeSnapshot'; readonly snapshot: number }
  | (Scan & At & { readonly do: 'openIterator'; readonly slot: number })
  | { readonly do: 'next' | 'closeIterator'; readonly slot: number }
  | { readonly do: 'nextv'; readonly slot: number; readonly count: number }
  | { readonly do: 'seek'; readonly slot: number; readonly key: string }

export type Step =
  | Change
  | (Keyed & { readonly do: 'get' | 'has' })
  | { readonly do: 'getMany'; readonly space: number; readonly keys: readonly string[] }
  | (Scan & { readonly do: 'open'; readonly slot: number })
  | { readonly do: 'next'; readonly slot: number; readonly count: number }
  | { readonly do: 'seek'; readonly slot: number; readonly key: string }
  /** By another writer, or of the clock, while the transaction runs: in its first attempts. */
  | { readonly do: 'outside'; readonly change: Change }
  | { readonly do: 'outsideAdvance'; readonly ms: number }

export interface TransactionOperation {
  readonly do: 'transaction'
  readonly steps: readonly Step[]
  /** Its function throws at the end. */
  readonly throws?: boolean
  readonly sync?: boolean
  readonly retries?: number
  /** So many attempts meet the steps from outside. */
  readonly disturbed: number
}

export type Upkeep =
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'flush'; readonly wait: boolean }
  | { readonly do: 'compact'; readonly space: number; readonly range: Range; readonly wait: boolean }
  | { readonly do: 'estimate'; readonly space: number; readonly range: Range }
  /** With a limit: only the first entries, or the last. */
  | {
      readonly do: 'clear'
      readonly space: number
      readonly range: Range
      readonly limit?: number
      readonly reverse?: boolean
    }
  /** Of a space other than 0; the next write makes it anew. */
  | { readonly do: 'dropSpace'; readonly space: number }
  | { readonly do: 'spaces' }
  | { readonly do: 'drain' }
  /** `shift`: how many option sets on it opens again. */
  | { readonly do: 'reopen'; readonly shift: number }
  /** Opened for reading only, at first: it tells all that it holds. */
  | { readonly do: 'peek'; readonly shift: number }
  /** Opened elsewhere, it tells all that it holds; `moves`: the program goes on there. */
  | { readonly do: 'checkpoint' | 'backup'; readonly shift: number; readonly moves: boolean }
  /** When all is on disk (power, by a write with sync), or acknowledged (process): so nothing may be missing. */
  | { readonly do: 'crash'; readonly kind: 'power' | 'process'; readonly shift: number; readonly seed: number }

export type Operation = Write | Conditional | Read | Held | TransactionOperation | Upkeep
export type Program = readonly Operation[]

export const lineOf = (operation: Operation): string => JSON.stringify(operation)

function isIn(key: string, range: Range): boolean {
  const { start, end } = spanOf(range)
  const at = rankOf(key)
  return at >= start && at < end
}

/** Whether the operation has to do with the key. */
export function touches(operation: Operation | Step, key: string): boolean {
  if ('key' in operation) return operation.key === key
  if ('keys' in operation) return operation.keys.includes(key)
  if ('range' in operation) return isIn(key, operation.range)
  if ('changes' in operation) return operation.changes.some((change) => touches(change, key))
  if ('reads' in operation) return operation.reads.some((read) => touches(read, key))
  if ('steps' in operation) return operation.steps.some((step) => touches(step, key))
  return 'change' in operation && touches(operation.change, key)
}
