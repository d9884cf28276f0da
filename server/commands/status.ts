// STATUS → one "Name: value" a line. Readers look lines up by name: more may follow, and these five come first.
import { linesReply } from '../protocol/reply.ts'
import type { SessionCommand } from './command.ts'

export const status: SessionCommand = {
  kind: 'session',
  name: 'STATUS',
  usage: 'STATUS',
  count: 0,
  takesRest: false,
  closes: false,
  reply: ({ nodeId, activeConnections, store }) =>
    linesReply([
      `Node ID: ${nodeId}`,
      `Role: ${store.role}`,
      `Term: ${store.term}`,
      `Commit Index: ${store.commitIndex}`,
      `Active Connections: ${activeConnections}`
    ])
}
