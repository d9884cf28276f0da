// DELETE <key> → +OK, whether the key was there or not: a write never reads.
import { ok } from '../protocol/reply.ts'
import type { WriteCommand } from './command.ts'
import { argument } from './command.ts'
import { keyFault } from './key.ts'

export const del: WriteCommand = {
  kind: 'write',
  name: 'DELETE',
  usage: 'DELETE <key>',
  count: 1,
  takesRest: false,
  fault: keyFault,
  effect: (args) => ({ type: 'del', key: argument(args, 0) }),
  reply: ok
}
