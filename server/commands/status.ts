// STATUS → a map of what the line protocol's STATUS says, for programs.
import { integerReply, type Reply, textValue } from '../protocol/reply.ts'
import type { Command } from './command.ts'

export const status: Command = {
  name: 'STATUS',
  arity: 1,
  flags: ['fast'],
  group: 'varve',
  summary: 'Who the server is, and how far it is.',
  plan: () => ({
    kind: 'session',
    run: ({ server }): Reply => {
      const { role, term, commitIndex } = server.status()
      return {
        kind: 'map',
        pairs: [
          [textValue('node_id'), integerReply(server.nodeId)],
          [textValue('role'), textValue(role)],
          [textValue('term'), integerReply(term)],
          [textValue('commit_index'), integerReply(commitIndex)],
          [textValue('active_connections'), integerReply(server.activeConnections)]
        ]
      }
    }
  })
}
