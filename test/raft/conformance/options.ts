// The nodes that an interaction file asks for.

import { emptyMembership } from '../../../server/raft/core/membership.ts'
import { type Membership, none, type RaftConfig, type Snapshot } from '../../../server/raft/core/types.ts'
import { type Argument, booleanOf, numberOf } from './script.ts'

export interface NodeOptions {
  readonly config: RaftConfig
  readonly snapshot: Snapshot
  readonly isAsync: boolean
}

/** What the arguments of `add-nodes` say; one that is not known is an error. */
export function optionsOf(args: readonly Argument[]): NodeOptions {
  const given = new Map(args.map(({ key, values }) => [key, values]))
  const take = (key: string): readonly string[] | undefined => {
    const values = given.get(key)
    given.delete(key)
    return values
  }
  const flag = (key: string): boolean => booleanOf(take(key)?.[0] ?? 'false', key)
  const ids = (key: string): number[] => (take(key) ?? []).map((id) => numberOf(id, key))
  const membership: Membership = { ...emptyMembership, voters: ids('voters'), learners: ids('learners') }
  const index = numberOf(take('index')?.[0] ?? '0', 'index')
  const ref = take('content')?.[0] ?? ''
  const reads = take('read-only')?.[0] ?? 'safe'
  if (reads !== 'safe' && reads !== 'lease-based') throw new Error(`unknown kind of reads ${reads}`)
  const applying = take('max-committed-size-per-ready')?.[0]
  const inflight = take('inflight')?.[0]
  const isAsync = flag('async-storage-writes')
  const config: RaftConfig = {
    id: none + 1,
    electionTicks: 3,
    heartbeatTicks: 1,
    electionSeed: 0,
    applied: index,
    messageBytesMax: Number.POSITIVE_INFINITY,
    inflightMessagesMax: inflight === undefined ? 2 ** 31 - 1 : numberOf(inflight, 'inflight'),
    ...(applying === undefined ? {} : { applyingBytesMax: numberOf(applying, 'max-committed-size-per-ready') }),
    checkQuorum: flag('checkquorum'),
    preVote: flag('prevote'),
    reads: reads === 'safe' ? 'safe' : 'lease',
    stepDownOnRemoval: flag('step-down-on-removal'),
    forwardProposals: true,
    validateMembership: !flag('disable-conf-change-validation'),
    applyUnstable: !isAsync
  }
  for (const key of given.keys()) throw new Error(`unknown argument ${key}`)
  if (index < 2 && (index > 0 || membership.voters.length > 0 || ref !== '')) {
    throw new Error('index must be more than 1 for nodes that do not begin empty')
  }
  return { config, isAsync, snapshot: { index, term: index > 0 ? 1 : 0, membership, ref } }
}
