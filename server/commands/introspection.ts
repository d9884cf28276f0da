// COMMAND [COUNT | INFO | DOCS | LIST | GETKEYS]: the table of commands, as clients read it.
import {
  arrayReply,
  emptyArray,
  errorReply,
  integerReply,
  missing,
  type Reply,
  textValue,
  valueReply
} from '../protocol/reply.ts'
import type { ServerView } from './caller.ts'
import { type Arguments, argument, type Command, keysOf, spelt, takes, wordOf } from './command.ts'
import { categoriesOf, docsOf, infoOf } from './command-reply.ts'
import { container } from './container.ts'
import { syntaxError } from './expiry.ts'
import { globMatches } from './glob.ts'
import { replyPlan } from './plan.ts'
import { sessionPlan } from './session-plan.ts'

const common = { flags: [], group: 'server' } as const

const all = ({ commands }: ServerView): readonly Command[] => [...commands.values()]

/** Of `GET` or `client|id`. */
function find({ commands }: ServerView, bytes: Buffer): Command | undefined {
  const [name = '', word] = bytes.toString('latin1', 0, 128).toUpperCase().split('|')
  const command = commands.get(name)
  return word === undefined ? command : command?.subcommands?.get(word)
}

const count: Command = {
  ...common,
  name: 'COMMAND COUNT',
  arity: 2,
  summary: 'How many commands there are.',
  plan: () => sessionPlan(({ server }) => integerReply(server.commands.size))
}

const info: Command = {
  ...common,
  name: 'COMMAND INFO',
  arity: -2,
  usage: '[<command-name> ...]',
  summary: 'Arity, flags and keys of commands.',
  plan: (names: Arguments) =>
    sessionPlan(({ server }) => {
      const found = names.length === 0 ? all(server) : names.map((name) => find(server, name))
      return arrayReply(found.map((command) => (command === undefined ? missing : infoOf(command))))
    })
}

const docs: Command = {
  ...common,
  name: 'COMMAND DOCS',
  arity: -2,
  usage: '[<command-name> ...]',
  summary: 'What commands are for.',
  plan: (names: Arguments) =>
    sessionPlan(({ server }) => {
      const found = names.length === 0 ? all(server) : names.map((name) => find(server, name))
      const known = found.filter((command) => command !== undefined)
      return { kind: 'map', pairs: known.map((command) => [textValue(spelt(command)), docsOf(command)]) }
    })
}

const list: Command = {
  ...common,
  name: 'COMMAND LIST',
  arity: -2,
  usage: '[FILTERBY (MODULE <module-name>|ACLCAT <category>|PATTERN <pattern>)]',
  summary: 'The names of the commands.',
  plan: (args: Arguments) => {
    const filter = filterOf(args)
    if (typeof filter !== 'function') return replyPlan(filter)
    return sessionPlan(({ server }) =>
      arrayReply(
        all(server)
          .filter(filter)
          .map((each) => textValue(spelt(each)))
      )
    )
  }
}

function filterOf(args: Arguments): ((command: Command) => boolean) | Reply {
  if (args.length === 0) return () => true
  if (args.length !== 3 || wordOf(argument(args, 0)) !== 'FILTERBY') return syntaxError
  const value = argument(args, 2)
  switch (wordOf(argument(args, 1))) {
    case 'MODULE':
      return () => false
    case 'ACLCAT': {
      const category = `@${value.toString('latin1', 0, 64).toLowerCase()}`
      return (command) => categoriesOf(command).includes(category)
    }
    case 'PATTERN':
      return (command) => globMatches(value, Buffer.from(spelt(command)))
    default:
      return syntaxError
  }
}

const getkeys: Command = {
  ...common,
  name: 'COMMAND GETKEYS',
  arity: -4,
  usage: '<full-command>',
  summary: 'The keys of a request.',
  plan: ([name, ...args]) =>
    sessionPlan(({ server }) => {
      const command = name === undefined ? undefined : find(server, name)
      const [word] = args
      const actual = (word && command?.subcommands?.get(wordOf(word))) ?? command
      if (actual === undefined) return errorReply('Invalid command specified')
      if (actual.keys === undefined) return errorReply('The command has no key arguments')
      if (!takes(actual, args)) return errorReply('Invalid number of arguments specified for command')
      return arrayReply(keysOf(actual, args).map(valueReply))
    })
}

export const commandCommand = container(
  {
    name: 'COMMAND',
    group: 'server',
    summary: 'The commands there are.',
    plan: () =>
      sessionPlan(({ server }) => (server.commands.size === 0 ? emptyArray : arrayReply(all(server).map(infoOf))))
  },
  [count, info, docs, list, getkeys]
)
