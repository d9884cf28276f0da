// CONFIG: the parameters that varve has by Redis's names. What is not real is not there, apart from the few that tools ask for
// to learn that a feature is off.
import { errorReply, ok, type Reply, textValue } from '../protocol/reply.ts'
import type { ServerView } from './caller.ts'
import { type Arguments, argument, type Command } from './command.ts'
import { container } from './container.ts'
import { globMatches } from './glob.ts'
import { wholeNumberOf } from './number.ts'
import { replyPlan } from './plan.ts'
import { sessionPlan } from './session-plan.ts'

interface Parameter {
  readonly get: (server: ServerView) => string | number
  /** Left out: fixed for as long as the server runs. */
  readonly set?: Setting
}

interface Setting {
  readonly min: number
  readonly max: number
  readonly apply: (server: ServerView, value: number) => void
}

const fixed = (value: string | number): Parameter => ({ get: () => value })
const countMax = 2 ** 31 - 1

const parameters: ReadonlyMap<string, Parameter> = new Map<string, Parameter>([
  ['appendonly', fixed('yes')],
  ['bind', { get: ({ host }) => host }],
  ['cluster-enabled', fixed('no')],
  ['databases', fixed(1)],
  ['latency-monitor-threshold', fixed(0)],
  [
    'maxclients',
    {
      get: ({ limits }) => limits.connectionsMax,
      set: { min: 1, max: 1_000_000, apply: (server, count) => server.limitConnections(count) }
    }
  ],
  ['maxmemory', fixed(0)],
  ['maxmemory-policy', fixed('noeviction')],
  ['notify-keyspace-events', fixed('')],
  ['port', { get: ({ port }) => port }],
  ['proto-max-bulk-len', { get: ({ limits }) => limits.bulkBytesMax }],
  ['save', fixed('')],
  [
    'slowlog-log-slower-than',
    {
      get: ({ slowLog }) => slowLog.thresholdMicros,
      set: {
        min: -1,
        max: countMax,
        apply: ({ slowLog }, micros) => {
          slowLog.thresholdMicros = micros
        }
      }
    }
  ],
  [
    'slowlog-max-len',
    {
      get: ({ slowLog }) => slowLog.lengthMax,
      set: {
        min: 0,
        max: 10_000,
        apply: ({ slowLog }, length) => {
          slowLog.lengthMax = length
        }
      }
    }
  ]
])

const forAdmins = { flags: ['admin', 'dangerous'], group: 'server' } as const

const get: Command = {
  ...forAdmins,
  name: 'CONFIG GET',
  arity: -3,
  usage: '<pattern> [<pattern> ...]',
  summary: 'The parameters whose names are like a pattern.',
  plan: (patterns: Arguments) => {
    const lower = patterns.map((pattern) => Buffer.from(pattern.toString('latin1').toLowerCase(), 'latin1'))
    const names = [...parameters].filter(([name]) => lower.some((pattern) => globMatches(pattern, Buffer.from(name))))
    return sessionPlan(({ server }) => ({
      kind: 'map',
      pairs: names.map(([name, parameter]) => [textValue(name), textValue(String(parameter.get(server)))])
    }))
  }
}

const failed = (name: string, why: string): Reply =>
  errorReply(`CONFIG SET failed (possibly related to argument '${name}') - ${why}`)

const set: Command = {
  ...forAdmins,
  name: 'CONFIG SET',
  arity: -4,
  // Its values may come to be secrets: they are in no log.
  flags: [...forAdmins.flags, 'secret'],
  usage: '<parameter> <value> [<parameter> <value> ...]',
  summary: 'Sets parameters until the server stops: all of them or none.',
  plan: (args: Arguments) => {
    const changes = changesOf(args)
    if ('kind' in changes) return replyPlan(changes)
    return sessionPlan(({ server }) => {
      for (const { setting, value } of changes) setting.apply(server, value)
      return ok
    })
  }
}

interface Change {
  readonly setting: Setting
  readonly value: number
}

function changesOf(args: Arguments): readonly Change[] | Reply {
  if (args.length % 2 !== 0) return errorReply("wrong number of arguments for 'config|set' command")
  const changes = new Map<string, Change>()
  for (let i = 0; i < args.length; i += 2) {
    const spelt = argument(args, i).toString('latin1', 0, 128)
    const name = spelt.toLowerCase()
    const parameter = parameters.get(name)
    if (parameter === undefined) {
      return errorReply(`Unknown option or number of arguments for CONFIG SET - '${spelt}'`)
    }
    if (changes.has(name)) return failed(name, 'duplicate parameter')
    const { set: setting } = parameter
    if (setting === undefined) return failed(name, "can't set immutable config")
    const number = wholeNumberOf(argument(args, i + 1))
    if (number === undefined) return failed(name, "argument couldn't be parsed into an integer")
    const value = Number(number)
    if (value < setting.min || value > setting.max) {
      return failed(name, `argument must be between ${setting.min} and ${setting.max} inclusive`)
    }
    changes.set(name, { setting, value })
  }
  return [...changes.values()]
}

const resetstat: Command = {
  ...forAdmins,
  name: 'CONFIG RESETSTAT',
  arity: 2,
  summary: 'Counts from zero again.',
  plan: () =>
    sessionPlan(({ server }) => {
      server.statistics.reset()
      return ok
    })
}

const rewrite: Command = {
  ...forAdmins,
  name: 'CONFIG REWRITE',
  arity: 2,
  summary: 'Refused: the configuration file is yours.',
  plan: () =>
    replyPlan(errorReply('CONFIG REWRITE is not supported: varve does not write its configuration file, edit it there'))
}

export const config = container({ name: 'CONFIG', group: 'server', summary: 'Parameters of the server.' }, [
  get,
  set,
  resetstat,
  rewrite
])
