// What every command with a key asks of it, before it may stand in a group with others: a store refuses a batch as a whole.
import { keyBytesMax } from '../store.ts'
import type { Arguments } from './command.ts'
import { argument } from './command.ts'

export function keyFault(args: Arguments): string | undefined {
  const { length } = argument(args, 0)
  if (length === 0) return 'the key is empty (exactly one space separates)'
  if (length > keyBytesMax) return `the key is longer than ${keyBytesMax} bytes`
  return undefined
}
