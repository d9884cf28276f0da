// Plans of commands that answer at once from the connection and the server.
import type { Reply } from '../protocol/reply.ts'
import type { Caller } from './caller.ts'
import type { Plan } from './plan.ts'

export const sessionPlan = (run: (caller: Caller) => Reply): Plan => ({ kind: 'session', run })
