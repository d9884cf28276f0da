// What a client is told when the store refuses.
import { NotGranted } from './auth/granted-store.ts'
import { errorReply, type Reply, unknownOutcome } from './protocol/reply.ts'
import { StoreError } from './store.ts'

export function storeErrorReply(error: unknown): Reply {
  if (error instanceof NotGranted) return errorReply(error.message, 'NOPERM')
  const message = error instanceof Error ? error.message : String(error)
  switch (codeOf(error)) {
    case 'OUTCOME_UNKNOWN':
      return unknownOutcome
    case 'NOT_LEADER':
      return errorReply((error instanceof StoreError ? error.leader : undefined) ?? 'not known', 'NOT_LEADER')
    case 'NO_LEADER':
      return errorReply(message, 'NO_LEADER')
    case 'TOO_LARGE':
    case 'VARVE_TOO_LARGE':
      return errorReply(message, 'TOO_LARGE')
    case 'VARVE_DISK_FULL':
    case 'VARVE_POISONED':
      return errorReply(message, 'MISCONF')
    default:
      return errorReply(message)
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
