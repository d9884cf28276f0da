// MEMORY USAGE key [SAMPLES n] · OBJECT ENCODING | REFCOUNT | IDLETIME | FREQ key: what there is to say of one entry.
import { errorReply, integerReply, missing, ok, type Reply, textValue } from '../protocol/reply.ts'
import { type Arguments, argument, type Command, wordOf } from './command.ts'
import { container } from './container.ts'
import { notANumber, syntaxError } from './expiry.ts'
import { wholeNumberOf } from './number.ts'
import { type Plan, replyPlan } from './plan.ts'

const keyAfterWord = { first: 2, last: 2, step: 1 } as const
/** Of an entry beside key and value, about: sequence, kind, lengths. */
const entryOverheadBytes = 16

/** Of an entry's value; nothing where there is none. */
const ofValue = (args: Arguments, reply: (value: Uint8Array, key: Buffer) => Reply): Plan => {
  const key = argument(args, 0)
  return { kind: 'lookup', keys: [key], reply: ([value]) => (value === undefined ? missing : reply(value, key)) }
}

const usage: Command = {
  name: 'MEMORY USAGE',
  arity: -3,
  flags: ['read'],
  keys: keyAfterWord,
  group: 'server',
  usage: '<key> [SAMPLES <count>]',
  summary: 'About how many bytes an entry is.',
  plan: (args: Arguments) => {
    if (args.length !== 1 && !(args.length === 3 && wordOf(argument(args, 1)) === 'SAMPLES')) {
      return replyPlan(syntaxError)
    }
    if (args.length === 3 && wholeNumberOf(argument(args, 2)) === undefined) return replyPlan(notANumber)
    return ofValue(args, (value, key) => integerReply(key.length + value.length + entryOverheadBytes))
  }
}

const purge: Command = {
  name: 'MEMORY PURGE',
  arity: 2,
  flags: ['admin'],
  group: 'server',
  summary: 'Does nothing: memory that is free is given back by itself.',
  plan: () => replyPlan(ok)
}

export const memory = container({ name: 'MEMORY', group: 'server', summary: 'The sizes of entries.' }, [usage, purge])

type OfObject = Pick<Command, 'summary'> & { readonly reply: (value: Uint8Array) => Reply }

const object = (word: string, { summary, reply }: OfObject): Command => ({
  name: `OBJECT ${word}`,
  arity: 3,
  flags: ['read'],
  keys: keyAfterWord,
  group: 'generic',
  usage: '<key>',
  summary,
  plan: (args: Arguments) => ofValue(args, reply)
})

/** Redis's words, by which tools tell numbers from texts. */
function encodingOf(value: Uint8Array): string {
  if (wholeNumberOf(value) !== undefined) return 'int'
  return value.length <= 44 ? 'embstr' : 'raw'
}

const untracked = errorReply(
  'An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between ' +
    'policies at runtime LRU and LFU data will take some time to adjust.'
)

export const objectCommand = container({ name: 'OBJECT', group: 'generic', summary: 'What an entry is.' }, [
  object('ENCODING', {
    summary: 'How Redis would keep the value: int, embstr or raw.',
    reply: (value) => textValue(encodingOf(value))
  }),
  object('REFCOUNT', { summary: 'Always 1.', reply: () => integerReply(1) }),
  object('IDLETIME', { summary: 'Always 0: reads are not written down.', reply: () => integerReply(0) }),
  object('FREQ', { summary: 'Refused: reads are not counted.', reply: () => untracked })
])
