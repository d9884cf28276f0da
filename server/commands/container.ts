// Commands whose first argument says what they do: CLIENT ID, CONFIG GET. Arity and keys count as Redis counts, with both
// words; a subcommand's plan sees what comes after them. Each container has a HELP, made of its subcommands' summaries.
import { arrayReply, emptyArray } from '../protocol/reply.ts'
import type { Arguments, Command, Group } from './command.ts'
import { type Plan, replyPlan } from './plan.ts'

export interface ContainerOptions {
  readonly name: string
  readonly group: Group
  readonly summary: string
  /** Of the name alone, where that is a request. */
  readonly plan?: (args: Arguments) => Plan
}

export function container({ name, group, summary, plan }: ContainerOptions, subcommands: readonly Command[]): Command {
  const all = [...subcommands, helpOf(name, group, subcommands)]
  return {
    name,
    arity: plan === undefined ? -2 : -1,
    flags: [],
    group,
    summary,
    subcommands: new Map(all.map((each) => [wordAfter(name, each), afterBothWords(each)])),
    // Never made where the name alone is no request: its arity refuses that.
    plan: plan ?? (() => replyPlan(emptyArray))
  }
}

const wordAfter = (name: string, command: Command): string => command.name.slice(name.length + 1)

const afterBothWords = (command: Command): Command => ({ ...command, plan: (args) => command.plan(args.slice(1)) })

function helpOf(name: string, group: Group, subcommands: readonly Command[]): Command {
  const lines = [`${name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`]
  for (const each of subcommands) {
    const usage = each.usage === undefined ? '' : ` ${each.usage}`
    lines.push(`${wordAfter(name, each)}${usage}`, `    ${each.summary}`)
  }
  lines.push('HELP', '    Prints this help.')
  const reply = arrayReply(lines.map((text) => ({ kind: 'simple', text })))
  return {
    name: `${name} HELP`,
    arity: 2,
    flags: [],
    group,
    summary: 'Prints this help.',
    plan: () => replyPlan(reply)
  }
}
