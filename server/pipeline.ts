// Requests in order → groups → replies in order. Consecutive reads become one lookup and consecutive writes one batch, so a
// chunk of pipelined requests costs few calls of the store; nothing is ever reordered, so a client reads what it wrote.
import type { Command, ReadCommand, SessionCommand, SessionView, WriteCommand } from './commands/command.ts'
import { commands } from './commands/table.ts'
import type { Reply } from './protocol/reply.ts'
import { errorReply } from './protocol/reply.ts'
import type { Decoded } from './protocol/request.ts'
import type { Store } from './store.ts'

interface Call<C extends Command> {
  readonly command: C
  readonly args: readonly Uint8Array[]
}

/** What runs as one: a lookup, a batch, one session command, or a reply that needs no running. */
export type Group =
  | { readonly kind: 'read'; readonly calls: readonly Call<ReadCommand>[] }
  | { readonly kind: 'write'; readonly calls: readonly Call<WriteCommand>[] }
  | { readonly kind: 'session'; readonly command: SessionCommand }
  | { readonly kind: 'reply'; readonly reply: Reply }

export interface GroupSizes {
  readonly readsMax: number
  readonly writesMax: number
}

/** The longest group that starts at `from`, and how many requests it takes. */
export function groupAt(
  requests: readonly Decoded[],
  from: number,
  sizes: GroupSizes
): { group: Group; count: number } {
  const first = callAt(requests, from)
  if ('reply' in first) return { group: { kind: 'reply', reply: first.reply }, count: 1 }
  const { command } = first
  switch (command.kind) {
    case 'session':
      return { group: { kind: 'session', command }, count: 1 }
    case 'read': {
      const calls = callsAt(requests, from, sizes.readsMax, isRead)
      return { group: { kind: 'read', calls }, count: calls.length }
    }
    case 'write': {
      const calls = callsAt(requests, from, sizes.writesMax, isWrite)
      return { group: { kind: 'write', calls }, count: calls.length }
    }
  }
}

const isRead = (command: Command): command is ReadCommand => command.kind === 'read'
const isWrite = (command: Command): command is WriteCommand => command.kind === 'write'

function callsAt<C extends Command>(
  requests: readonly Decoded[],
  from: number,
  countMax: number,
  isKind: (command: Command) => command is C
): Call<C>[] {
  const calls: Call<C>[] = []
  for (let i = from; i < requests.length && calls.length < countMax; i++) {
    const call = callAt(requests, i)
    if ('reply' in call || !isKind(call.command)) break
    calls.push({ command: call.command, args: call.args })
  }
  return calls
}

type Checked = Call<Command> | { readonly reply: Reply }

function callAt(requests: readonly Decoded[], index: number): Checked {
  const request = requests[index]
  if (request === undefined) throw new Error('there is no such request')
  if (request.kind === 'refused') return { reply: errorReply(request.reason) }
  const command = commands.get(request.name)
  if (command === undefined) return { reply: errorReply(unknownCommand(request.name)) }
  if (request.args.length !== command.count) return { reply: errorReply(`write it so: ${command.usage}`) }
  const fault = command.fault?.(request.args)
  return fault === undefined ? { command, args: request.args } : { reply: errorReply(fault) }
}

function unknownCommand(name: string): string {
  const shown = /^[\x21-\x7e]+$/.test(name) ? ` ${name}` : ''
  return `unknown command${shown}, there are ${[...commands.keys()].join(' ')}`
}

/** Runs a group; whatever the store says, there is one reply for each of its requests. */
export async function runGroup(group: Group, store: Store, view: () => SessionView): Promise<Reply[]> {
  switch (group.kind) {
    case 'reply':
      return [group.reply]
    case 'session':
      return [group.command.reply(view())]
    case 'read':
      return runReads(group.calls, store)
    case 'write':
      return runWrites(group.calls, store)
  }
}

async function runReads(calls: readonly Call<ReadCommand>[], store: Store): Promise<Reply[]> {
  try {
    const values = await store.getMany(calls.map(({ command, args }) => command.key(args)))
    return calls.map(({ command }, i) => command.reply(values[i]))
  } catch (error) {
    if (calls.length === 1) return failAll(calls, error)
    // One unreadable value must not take its neighbours with it: each alone finds the one.
    const replies: Reply[] = []
    for (const call of calls) replies.push(...(await runReads([call], store)))
    return replies
  }
}

async function runWrites(calls: readonly Call<WriteCommand>[], store: Store): Promise<Reply[]> {
  try {
    await store.write(calls.map(({ command, args }) => command.effect(args)))
    return calls.map(({ command }) => command.reply)
  } catch (error) {
    return failAll(calls, error)
  }
}

function failAll(calls: readonly unknown[], error: unknown): Reply[] {
  const reply = errorReply(error instanceof Error ? error.message : String(error))
  return calls.map(() => reply)
}
