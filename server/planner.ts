// Request → plan: which command it names, whether its arguments fit, whether the connection may.
import type { Caller } from './commands/caller.ts'
import { type Command, keysOf, takes } from './commands/command.ts'
import { type LineCommand, lineCommands } from './commands/line.ts'
import { otherTypeFault } from './commands/other-types.ts'
import type { Plan } from './commands/plan.ts'
import { replyPlan } from './commands/plan.ts'
import { commands } from './commands/table.ts'
import { errorReply, queued, type Reply } from './protocol/reply.ts'
import type { Decoded } from './protocol/request.ts'
import { keyBytesMax } from './store.ts'

type Request = Extract<Decoded, { kind: 'request' }>

export function planLine(decoded: Decoded): Plan {
  if (decoded.kind !== 'request') return refusal(decoded)
  const command = lineCommands.get(decoded.name)
  if (command === undefined) return replyPlan(errorReply(unknownLine(decoded.name)))
  const fault = lineFault(command, decoded)
  return fault === undefined ? command.plan(decoded.args) : replyPlan(errorReply(fault))
}

function lineFault(command: LineCommand, { args }: Request): string | undefined {
  const { count, optional = 0 } = command
  if (args.length > count || args.length < count - optional) return `write it so: ${command.usage}`
  return command.fault?.(args)
}

function unknownLine(name: string): string {
  const shown = /^[\x21-\x7e]+$/.test(name) ? ` ${name}` : ''
  return `unknown command${shown}, there are ${[...lineCommands.keys()].join(' ')}`
}

export function planResp(decoded: Decoded, caller: Caller): Plan {
  if (decoded.kind !== 'request') return refusal(decoded)
  const command = commands.get(decoded.name)
  const refused = command === undefined ? unknownResp(decoded) : respFault(command, decoded)
  const { transaction } = caller
  if (refused !== undefined) {
    if (transaction !== undefined) transaction.isBroken = true
    return replyPlan(errorReply(refused))
  }
  const plan = (command as Command).plan(decoded.args)
  if (transaction === undefined || command?.flags.includes('no_multi') === true) return plan
  if (plan.kind === 'slow') {
    transaction.isBroken = true
    return replyPlan(errorReply(`${decoded.name} takes many steps and cannot be in a transaction, ask outside of it`))
  }
  if (!transaction.isBroken) transaction.plans.push(plan)
  return replyPlan(queued)
}

function respFault(command: Command, { args }: Request): string | undefined {
  if (!takes(command, args)) return `wrong number of arguments for '${command.name.toLowerCase()}' command`
  for (const key of keysOf(command, args)) {
    if (key.length > keyBytesMax) return `the key is longer than ${keyBytesMax} bytes`
  }
  return undefined
}

const shownBytesMax = 128

/** Letter by letter as Redis says it: clients look for these words. */
function unknownResp({ name, spelt = name, args }: Request): string {
  const otherType = otherTypeFault(name)
  if (otherType !== undefined) return otherType
  let shown = ''
  for (const arg of args) {
    if (shown.length >= shownBytesMax) break
    shown += `'${textOf(arg, shownBytesMax - shown.length)}' `
  }
  return `unknown command '${textOf(Buffer.from(spelt, 'latin1'), shownBytesMax)}', with args beginning with: ${shown}`
}

/** The beginning of bytes, up to the first zero. */
function textOf(bytes: Buffer, bytesMax: number): string {
  const piece = bytes.subarray(0, bytesMax)
  const zero = piece.indexOf(0)
  return (zero === -1 ? piece : piece.subarray(0, zero)).toString()
}

function refusal(decoded: Exclude<Decoded, Request>): Plan {
  switch (decoded.kind) {
    case 'refused':
      return replyPlan(errorReply(decoded.reason, decoded.code))
    case 'fatal':
      return closing(errorReply(decoded.reason))
    case 'foreign':
      return closing({ kind: 'many', replies: [] })
  }
}

function closing(reply: Reply): Plan {
  return {
    kind: 'session',
    run: (caller) => {
      caller.close()
      return reply
    }
  }
}
