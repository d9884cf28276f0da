// QUIT → +OK, and the connection closes.
import { ok } from '../protocol/reply.ts'
import type { SessionCommand } from './command.ts'

export const quit: SessionCommand = {
  kind: 'session',
  name: 'QUIT',
  usage: 'QUIT',
  count: 0,
  takesRest: false,
  closes: true,
  reply: () => ok
}
