// PING → +PONG.
import { pong } from '../protocol/reply.ts'
import type { SessionCommand } from './command.ts'

export const ping: SessionCommand = {
  kind: 'session',
  name: 'PING',
  usage: 'PING',
  count: 0,
  takesRest: false,
  closes: false,
  reply: () => pong
}
