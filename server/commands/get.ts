// GET <key> → the value, or that there is none.
import { missing, valueReply } from '../protocol/reply.ts'
import type { ReadCommand } from './command.ts'
import { argument } from './command.ts'
import { keyFault } from './key.ts'

export const get: ReadCommand = {
  kind: 'read',
  name: 'GET',
  usage: 'GET <key>',
  count: 1,
  takesRest: false,
  fault: keyFault,
  key: (args) => argument(args, 0),
  reply: (value) => (value === undefined ? missing : valueReply(value))
}
