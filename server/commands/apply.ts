// APPLY: checks and operations, all at once or not at all: the primitive of the engine as a command.
//
//   APPLY [SYNC] { IF key sequence | IFVALUE key value }
//                { PUT key value | PUTPX key value ms | PUTPXAT key value time | DEL key | DELRANGE from to }
//
//   APPLY IF stock 17 PUT stock 4 PUT sold 9   →  +OK, or nil when the entry of `stock` is not the one of sequence 17
//
// 1. Sequence 0 says that there is no such entry. All checks are made before the first operation.
// 2. A range is from `from` on and below `to`; an empty `to` is the end of all keys.
// 3. SYNC: answered once it is on disk.
import { errorReply, missing, ok, type Reply } from '../protocol/reply.ts'
import type { DecisionView, Key, Operation, Range } from '../store.ts'
import { type Arguments, argument, type Command, wordOf } from './command.ts'
import { wholeNumberOf } from './number.ts'
import { type Plan, replyPlan } from './plan.ts'
import { rangeOf } from './range.ts'

type Check =
  | { readonly key: Key; readonly sequence: number; readonly value?: undefined }
  | { readonly key: Key; readonly value: Buffer }

/** Of a put: an expiry that counts from when it is written. */
type Applied =
  | Operation
  | { readonly type: 'putFor'; readonly key: Key; readonly value: Buffer; readonly ttlMs: number }

interface Parsed {
  readonly sync: boolean
  readonly checks: readonly Check[]
  readonly operations: readonly Applied[]
}

const argumentsOf: Readonly<Record<string, number>> = {
  SYNC: 0,
  IF: 2,
  IFVALUE: 2,
  PUT: 2,
  PUTPX: 3,
  PUTPXAT: 3,
  DEL: 1,
  DELRANGE: 2
}

export const apply: Command = {
  name: 'APPLY',
  arity: -2,
  flags: ['write'],
  keysIn: (args) => {
    const parsed = parse(args)
    return 'kind' in parsed ? [] : keysOf(parsed)
  },
  rangesIn: (args) => {
    const parsed = parse(args)
    return 'kind' in parsed ? [] : rangesOf(parsed)
  },
  group: 'varve',
  summary: 'Checks entries and writes, all at once or not at all.',
  usage:
    '[SYNC] [IF key sequence | IFVALUE key value ...] ' +
    '[PUT key value | PUTPX key value milliseconds | PUTPXAT key value time | DEL key | DELRANGE from to ...]',
  plan: (args) => {
    const parsed = parse(args)
    return 'kind' in parsed ? replyPlan(parsed) : planOf(parsed)
  }
}

function planOf({ sync, checks, operations }: Parsed): Plan {
  const plain = operations.filter((operation) => operation.type !== 'putFor')
  if (checks.length === 0 && plain.length === operations.length) {
    return { kind: 'write', operations: plain, reply: ok, sync }
  }
  return {
    kind: 'decide',
    keys: checks.map(({ key }) => key),
    decide: (view) => {
      if (!checks.every((check) => holds(check, view))) return missing
      for (const operation of operations) run(operation, view)
      return ok
    },
    sync
  }
}

function holds(check: Check, view: DecisionView): boolean {
  const entry = view.get(check.key)
  if (check.value !== undefined) return entry?.value.equals(check.value) === true
  return (entry?.sequence ?? 0) === check.sequence
}

function run(operation: Applied, view: DecisionView): void {
  switch (operation.type) {
    case 'put':
      view.put(operation.key, operation.value, operation.expiresAt)
      return
    case 'putFor':
      view.put(operation.key, operation.value, view.nowMs + operation.ttlMs)
      return
    case 'del':
      view.del(operation.key)
      return
    case 'deleteRange':
      view.deleteRange(operation.range)
  }
}

function parse(args: Arguments): Parsed | Reply {
  let sync = false
  const checks: Check[] = []
  const operations: Applied[] = []
  for (let at = 0; at < args.length; ) {
    const word = wordOf(argument(args, at++))
    const count = argumentsOf[word]
    if (count === undefined) return errorReply(`APPLY knows no ${shown(word)}, there are ${known}`)
    if (at + count > args.length) return errorReply(`wrong number of arguments of ${word}`)
    const part = args.slice(at, at + count)
    at += count
    if (word === 'SYNC') sync = true
    else if (word === 'IF' || word === 'IFVALUE') {
      if (operations.length > 0) return errorReply(`${word} stands before what is written`)
      const check = checkOf(word, part)
      if ('kind' in check) return check
      checks.push(check)
    } else {
      const operation = operationOf(word, part)
      if ('kind' in operation) return operation
      operations.push(operation)
    }
  }
  return { sync, checks, operations }
}

function checkOf(word: 'IF' | 'IFVALUE', part: Arguments): Check | Reply {
  const key = argument(part, 0)
  if (word === 'IFVALUE') return { key, value: argument(part, 1) }
  const sequence = numberOf(argument(part, 1), 0)
  return sequence === undefined ? errorReply('a sequence is a whole number, 0 for none') : { key, sequence }
}

function operationOf(word: string, part: Arguments): Applied | Reply {
  const key = argument(part, 0)
  if (word === 'DEL') return { type: 'del', key }
  const value = argument(part, 1)
  if (word === 'DELRANGE') return { type: 'deleteRange', range: rangeOf(key, value) }
  if (word === 'PUT') return { type: 'put', key, value }
  const ms = numberOf(argument(part, 2), 1)
  if (ms === undefined) return errorReply("invalid expire time in 'apply' command")
  return word === 'PUTPX' ? { type: 'putFor', key, value, ttlMs: ms } : { type: 'put', key, value, expiresAt: ms }
}

/** Longest time that still is a date. */
const timeMsMax = 8.64e15

function numberOf(bytes: Buffer, min: number): number | undefined {
  const number = wholeNumberOf(bytes)
  return number === undefined || number < min || number > timeMsMax ? undefined : Number(number)
}

const known = Object.keys(argumentsOf).join(' ')
const shown = (word: string): string => (/^[\x21-\x7e]+$/.test(word) ? word : 'such word')

const keysOf = ({ checks, operations }: Parsed): Key[] => [
  ...checks.map(({ key }) => key),
  ...operations.flatMap((operation) => (operation.type === 'deleteRange' ? [] : [operation.key]))
]

const rangesOf = ({ operations }: Parsed): Range[] =>
  operations.flatMap((operation) => (operation.type === 'deleteRange' ? [operation.range] : []))
