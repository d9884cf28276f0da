// PUT <key> <value…> → +OK. The value is the rest of the line, and may be empty.
import { ok } from '../protocol/reply.ts'
import type { WriteCommand } from './command.ts'
import { argument } from './command.ts'
import { keyFault } from './key.ts'

export const put: WriteCommand = {
  kind: 'write',
  name: 'PUT',
  usage: 'PUT <key> <value>',
  count: 2,
  takesRest: true,
  fault: keyFault,
  effect: (args) => ({ type: 'put', key: argument(args, 0), value: argument(args, 1) }),
  reply: ok
}
