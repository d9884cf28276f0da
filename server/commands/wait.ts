// WAIT numreplicas timeout: how many members beside the leader have the last write of this connection on their disks.
//
// A write that was acknowledged is on the disks of most members already, so of three members one other has it at least before
// anybody can ask. WAIT counts the members that are known to have all that is in the leader's log at its call, which the writes
// of this connection are among, and answers once they are as many as it was asked for, or time is up.
import { setTimeout } from 'node:timers/promises'
import { leads } from '../cluster/view.ts'
import { errorReply, integerReply, type Reply } from '../protocol/reply.ts'
import type { Caller, ServedCluster } from './caller.ts'
import { type Arguments, argument, type Command } from './command.ts'
import { notANumber } from './expiry.ts'
import { wholeNumberOf } from './number.ts'
import { replyPlan } from './plan.ts'

const lookEveryMs = 5

const notHere = errorReply(
  'WAIT cannot be used with replica instances. Ask the leader, which knows how far the others are.'
)

export const wait: Command = {
  name: 'WAIT',
  arity: 3,
  flags: [],
  group: 'generic',
  summary: 'How many other members have the writes of this connection on disk, once they are enough or time is up.',
  usage: 'numreplicas timeout',
  plan: (args: Arguments) => {
    const replicas = wholeNumberOf(argument(args, 0))
    if (replicas === undefined) return replyPlan(notANumber)
    const timeoutMs = wholeNumberOf(argument(args, 1))
    if (timeoutMs === undefined) return replyPlan(errorReply('timeout is not an integer or out of range'))
    if (timeoutMs < 0n) return replyPlan(errorReply('timeout is negative'))
    return {
      kind: 'slow',
      run: (caller) => runWait(caller, Number(replicas), Number(timeoutMs)),
      // Nobody waits there: it tells how many there are.
      inTransaction: ({ server: { cluster } }) => countedReply(cluster, cluster?.view.lastIndex ?? 0)
    }
  }
}

async function runWait(caller: Caller, replicas: number, timeoutMs: number): Promise<Reply> {
  const { server } = caller
  const { cluster } = server
  const index = cluster?.view.lastIndex ?? 0
  const endMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : server.nowMs() + timeoutMs
  // Alone nobody has to be waited for.
  while (cluster !== undefined && leads(cluster.view) && countOf(cluster, index) < replicas) {
    if (server.nowMs() >= endMs || caller.isGone) break
    await setTimeout(lookEveryMs)
  }
  return countedReply(cluster, index)
}

function countedReply(cluster: ServedCluster | undefined, index: number): Reply {
  if (cluster === undefined) return integerReply(0)
  return leads(cluster.view) ? integerReply(countOf(cluster, index)) : notHere
}

const countOf = ({ view }: ServedCluster, index: number): number =>
  view.peers.filter(({ matchIndex = -1 }) => matchIndex >= index).length
