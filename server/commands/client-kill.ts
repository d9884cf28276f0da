// CLIENT KILL address · CLIENT KILL filter value [filter value …]: ends connections. The caller's own ends once it has its reply.
import { errorReply, integerReply, ok, type Reply } from '../protocol/reply.ts'
import type { Caller } from './caller.ts'
import { clientTypeOf, typeOf } from './client-list.ts'
import { type Arguments, argument, type Command, wordOf } from './command.ts'
import { syntaxError } from './expiry.ts'
import { wholeNumberOf } from './number.ts'
import { replyPlan } from './plan.ts'
import { sessionPlan } from './session-plan.ts'

type Filter = (caller: Caller) => boolean

interface Filters {
  readonly all: readonly Filter[]
  readonly sparesCaller: boolean
}

export const clientKill: Command = {
  name: 'CLIENT KILL',
  arity: -3,
  flags: ['admin', 'dangerous'],
  group: 'connection',
  usage: '<ip:port> | <option> <value> [<option> <value> [...]], options ID ADDR LADDR TYPE USER SKIPME',
  summary: 'Ends connections.',
  plan: (args: Arguments) => {
    if (args.length === 1) return sessionPlan((caller) => killAddress(caller, argument(args, 0).toString('latin1')))
    const filters = filtersOf(args)
    if ('kind' in filters) return replyPlan(filters)
    return sessionPlan((caller) => integerReply(killAll(caller, filters)))
  }
}

/** The old form: exactly one, the caller itself as well, and an error where there is none. */
function killAddress(caller: Caller, address: string): Reply {
  const hasAddress: Filter = (each) => each.address === address
  const count = killAll(caller, { all: [hasAddress], sparesCaller: false })
  return count > 0 ? ok : errorReply('No such client')
}

function killAll(caller: Caller, { all, sparesCaller }: Filters): number {
  let count = 0
  for (const each of [...caller.server.clients.values()]) {
    if ((each === caller && sparesCaller) || !all.every((filter) => filter(each))) continue
    count++
    if (each === caller) caller.close()
    else each.destroy()
  }
  return count
}

function filtersOf(args: Arguments): Filters | Reply {
  if (args.length % 2 !== 0) return syntaxError
  const all: Filter[] = []
  let sparesCaller = true
  for (let i = 0; i < args.length; i += 2) {
    const word = wordOf(argument(args, i))
    const value = argument(args, i + 1)
    if (word === 'SKIPME') {
      const answer = wordOf(value)
      if (answer !== 'YES' && answer !== 'NO') return syntaxError
      sparesCaller = answer === 'YES'
      continue
    }
    const filter = filterOf(word, value)
    if (typeof filter !== 'function') return filter
    all.push(filter)
  }
  return { all, sparesCaller }
}

function filterOf(word: string, value: Buffer): Filter | Reply {
  const text = value.toString('latin1')
  switch (word) {
    case 'ID': {
      const id = wholeNumberOf(value)
      if (id === undefined || id <= 0n) return errorReply('client-id should be greater than 0')
      return (caller) => caller.id === Number(id)
    }
    case 'ADDR':
      return (caller) => caller.address === text
    case 'LADDR':
      return (caller) => caller.localAddress === text
    case 'USER':
      return (caller) => caller.user === text
    case 'TYPE': {
      const type = clientTypeOf(value)
      return typeof type === 'string' ? (caller) => typeOf(caller) === type : type
    }
    default:
      return syntaxError
  }
}
