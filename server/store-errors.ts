// What a client is told when the store refuses.
//
// Where another member leads, RESP has three words for it: MOVED for connections that speak of clusters, which then ask there;
// REDIRECT, which is Valkey's, for those that said they know it; READONLY for all others. A client that goes by Sentinel, or whose connections of data never say that it is of a cluster (ioredis),
// knows nothing to do about READONLY, but asks again on a new connection when one closes. So just after a change of leader,
// when clients still go by the old one, nothing is said and the connection closes.
import { NotGranted } from './auth/granted-store.ts'
import { slotOf } from './cluster/slots.ts'
import type { Caller } from './commands/caller.ts'
import { errorReply, type Reply, unanswered, unknownOutcome } from './protocol/reply.ts'
import { type Key, StoreError } from './store.ts'

export type Asker = Pick<Caller, 'language' | 'isClusterClient' | 'knowsRedirect' | 'server'>

/** `key`: the first that was asked for. */
export function storeErrorReply(error: unknown, asker: Asker, key?: Key): Reply {
  if (error instanceof NotGranted) return errorReply(error.message, 'NOPERM')
  const message = error instanceof Error ? error.message : String(error)
  switch (codeOf(error)) {
    case 'OUTCOME_UNKNOWN':
      return unknownOutcome
    case 'NOT_LEADER':
      return notLeader(error instanceof StoreError ? error.leader : undefined, asker, key)
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

function notLeader(leader: string | undefined, asker: Asker, key?: Key): Reply {
  const { language, isClusterClient, knowsRedirect, server } = asker
  if (leader === undefined) return errorReply('the leader is not known', 'NO_LEADER')
  if (language === 'line') return errorReply(leader, 'NOT_LEADER')
  if (isClusterClient) return errorReply(`${key === undefined ? 0 : slotOf(key)} ${leader}`, 'MOVED')
  if (knowsRedirect) return errorReply(leader, 'REDIRECT')
  return server.cluster?.watch.isSettling === true ? unanswered : errorReply(leader, 'NOT_LEADER')
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
