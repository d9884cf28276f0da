// STATUS → a map of what the line protocol's STATUS says, for programs.
import { integerReply, type Reply, textValue } from '../protocol/reply.ts'
import type { Command } from './command.ts'
import { sessionPlan } from './session-plan.ts'
import { statusFields } from './status-fields.ts'

export const status: Command = {
  name: 'STATUS',
  arity: 1,
  flags: ['fast'],
  group: 'varve',
  summary: 'Who the server is, and how far it is.',
  plan: () =>
    sessionPlan(
      ({ server }): Reply => ({
        kind: 'map',
        pairs: statusFields(server).map(([title, value]) => [
          textValue(title.toLowerCase().replaceAll(' ', '_')),
          typeof value === 'number' ? integerReply(value) : textValue(value)
        ])
      })
    )
}
