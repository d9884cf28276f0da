// What a client is told when the store refuses.
import { NotGranted } from './auth/granted-store.ts'
import { errorReply, type Reply } from './protocol/reply.ts'

export function storeErrorReply(error: unknown): Reply {
  if (error instanceof NotGranted) return errorReply(error.message, 'NOPERM')
  const message = error instanceof Error ? error.message : String(error)
  switch (codeOf(error)) {
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
