// SLOWLOG GET LEN RESET · LATENCY LATEST HISTORY RESET DOCTOR HISTOGRAM: what took long.
import { arrayReply, emptyArray, errorReply, integerReply, ok, type Reply, textValue } from '../protocol/reply.ts'
import type { SlowEntry } from '../slow-log.ts'
import type { Tally } from '../statistics.ts'
import { type Arguments, argument, type Command, spelt } from './command.ts'
import { container } from './container.ts'
import { wholeNumberOf } from './number.ts'
import { replyPlan } from './plan.ts'
import { sessionPlan } from './session-plan.ts'

const forAdmins = { flags: ['admin', 'dangerous'], group: 'server' } as const

const get: Command = {
  ...forAdmins,
  name: 'SLOWLOG GET',
  arity: -2,
  usage: '[<count>]',
  summary: 'The newest slow commands, 10 or as many as asked for; -1: all.',
  plan: ([first]) => {
    const count = first === undefined ? 10n : wholeNumberOf(first)
    if (count === undefined || count < -1n) {
      return replyPlan(errorReply('count should be greater than or equal to -1'))
    }
    return sessionPlan(({ server: { slowLog } }) => {
      const countMax = count === -1n ? slowLog.length : Number(count)
      return arrayReply(slowLog.newest(countMax).map(slowReply))
    })
  }
}

const slowReply = ({ id, atMs, micros, words, address, clientName }: SlowEntry): Reply =>
  arrayReply([
    integerReply(id),
    integerReply(Math.floor(atMs / 1_000)),
    integerReply(micros),
    arrayReply(words.map((word) => ({ kind: 'value', value: Buffer.from(word, 'latin1') }))),
    textValue(address),
    textValue(clientName)
  ])

const len: Command = {
  ...forAdmins,
  name: 'SLOWLOG LEN',
  arity: 2,
  summary: 'How many slow commands are kept.',
  plan: () => sessionPlan(({ server }) => integerReply(server.slowLog.length))
}

const reset: Command = {
  ...forAdmins,
  name: 'SLOWLOG RESET',
  arity: 2,
  summary: 'Forgets the slow commands.',
  plan: () =>
    sessionPlan(({ server }) => {
      server.slowLog.reset()
      return ok
    })
}

export const slowlog = container({ name: 'SLOWLOG', group: 'server', summary: 'Commands that took long.' }, [
  get,
  len,
  reset
])

const advice =
  'varve watches no single events. What took long is in SLOWLOG GET, the times of each command in LATENCY HISTOGRAM, ' +
  'those of the engine in /metrics.'

/** Redis's monitor of events, which is off there too unless asked for. */
const monitor: readonly Command[] = [
  {
    ...forAdmins,
    name: 'LATENCY LATEST',
    arity: 2,
    summary: 'No events are watched.',
    plan: () => replyPlan(emptyArray)
  },
  {
    ...forAdmins,
    name: 'LATENCY HISTORY',
    arity: 3,
    usage: '<event>',
    summary: 'No events are watched.',
    plan: () => replyPlan(emptyArray)
  },
  {
    ...forAdmins,
    name: 'LATENCY RESET',
    arity: -2,
    usage: '[<event> ...]',
    summary: 'No events are watched.',
    plan: () => replyPlan(integerReply(0))
  },
  {
    ...forAdmins,
    name: 'LATENCY DOCTOR',
    arity: 2,
    summary: 'Where to look.',
    plan: () => replyPlan({ kind: 'text', text: advice })
  }
]

const histogram: Command = {
  ...forAdmins,
  name: 'LATENCY HISTOGRAM',
  arity: -2,
  usage: '[<command> ...]',
  summary: 'How many calls of each command took how long.',
  plan: (args: Arguments) => {
    const wanted = new Set(args.map((_, i) => argument(args, i).toString('latin1', 0, 64).toLowerCase()))
    return sessionPlan(({ server: { statistics } }) => {
      const tallies = [...statistics.tallies].map(([name, tally]) => [spelt({ name }), tally] as const)
      const shown = tallies.filter(([name, { calls }]) => calls > 0 && (wanted.size === 0 || wanted.has(name)))
      return { kind: 'map', pairs: shown.map(([name, tally]) => [textValue(name), histogramReply(tally)]) }
    })
  }
}

/** Counts add up from bucket to bucket, as Redis tells them. */
function histogramReply({ calls, durations }: Readonly<Tally>): Reply {
  const pairs: (readonly [Reply, Reply])[] = []
  let total = 0
  for (const [i, count] of durations.entries()) {
    if (count === 0) continue
    total += count
    pairs.push([integerReply(2 ** i), integerReply(total)])
  }
  return {
    kind: 'map',
    pairs: [
      [textValue('calls'), integerReply(calls)],
      [textValue('histogram_usec'), { kind: 'map', pairs }]
    ]
  }
}

export const latency = container({ name: 'LATENCY', group: 'server', summary: 'The times of commands.' }, [
  ...monitor,
  histogram
])
