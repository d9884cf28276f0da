// A message comes in: its term is looked at first, then its kind.
//
// A higher term makes a follower of whoever hears of it, except by a pre-vote, which speaks of a term nobody is in yet. A
// lower term is answered where its sender would otherwise never learn of the higher one, and ignored elsewhere.

import {
  rejectPreVote,
  stepPreVote,
  stepPreVoteResponse,
  stepTimeoutNow,
  stepVote,
  stepVoteResponse
} from './election.ts'
import { stepAppend, stepHeartbeat, stepSnapshot } from './follower.ts'
import { leadTransfer, stepAppendResponse, stepHeartbeatResponse } from './leader.ts'
import { stepPropose } from './proposals.ts'
import type { Raft } from './raft.ts'
import { stepReadIndex, stepReadIndexResponse } from './reading.ts'
import { becomeFollower } from './roles.ts'
import { stepStorageAppendDone, stepStorageApplyDone } from './storage.ts'
import { type Message, none, type PeerMessage, type Propose, type ReadIndex, type StepFault } from './types.ts'

/** What peers say of a term. */
type TermedMessage = Exclude<PeerMessage, Propose | ReadIndex>

const handlers: {
  readonly [Kind in TermedMessage['kind']]: (raft: Raft, message: Extract<TermedMessage, { kind: Kind }>) => void
} = {
  append: stepAppend,
  appendResponse: stepAppendResponse,
  heartbeat: stepHeartbeat,
  heartbeatResponse: stepHeartbeatResponse,
  vote: stepVote,
  voteResponse: stepVoteResponse,
  preVote: stepPreVote,
  preVoteResponse: stepPreVoteResponse,
  snapshot: stepSnapshot,
  timeoutNow: stepTimeoutNow,
  transferLeader: (raft, { transferee }) => transferLeader(raft, transferee),
  readIndexResponse: stepReadIndexResponse
}

export function step(raft: Raft, message: Message): StepFault | undefined {
  switch (message.kind) {
    case 'storageAppendDone':
      stepStorageAppendDone(raft, message)
      return undefined
    case 'storageApplyDone':
      stepStorageApplyDone(raft, message)
      return undefined
    case 'propose':
      return stepPropose(raft, message)
    case 'readIndex':
      stepReadIndex(raft, message)
      return undefined
    default:
      if (isAnswer(message) && raft.tracker.progress(message.from) === undefined) return { kind: 'unknownPeer' }
      if (message.term < raft.term) answerLowerTerm(raft, message)
      else if (message.term === raft.term || enterHigherTerm(raft, message)) stepInTerm(raft, message)
      return undefined
  }
}

function isAnswer({ kind }: TermedMessage): boolean {
  return (
    kind === 'appendResponse' ||
    kind === 'heartbeatResponse' ||
    kind === 'voteResponse' ||
    kind === 'preVoteResponse' ||
    kind === 'readIndexResponse'
  )
}

// False: whoever asks for a vote is not heard while a leader is.
function enterHigherTerm(raft: Raft, message: TermedMessage): boolean {
  const { kind, term, from } = message
  if (kind === 'vote' || kind === 'preVote') {
    const isWanted = kind === 'vote' && message.transfer
    if (!isWanted && raft.isInLease) return false
  }
  // A pre-vote, and its grant, speak of the term that a campaign would enter.
  if (kind === 'preVote' || (kind === 'preVoteResponse' && !message.reject)) return true
  const isLeader = kind === 'append' || kind === 'heartbeat' || kind === 'snapshot'
  becomeFollower(raft, term, isLeader ? from : none)
  return true
}

function answerLowerTerm(raft: Raft, { kind, from: to }: TermedMessage): void {
  const { id, term, settings } = raft
  if (kind === 'append' || kind === 'heartbeat') {
    // Where votes do not raise terms, a node that is ahead of its leader is stuck unless the leader hears of its term.
    if (!settings.checkQuorum && !settings.preVote) return
    raft.sendDurable({ kind: 'appendResponse', to, from: id, term, index: 0, reject: false, hint: 0, hintTerm: 0 })
  } else if (kind === 'preVote') {
    // One that is behind would ask for ever.
    rejectPreVote(raft, to)
  }
}

function stepInTerm(raft: Raft, message: TermedMessage): void {
  // The handler of a kind takes the messages of that kind: the table's type says so, which the index does not see.
  const handle = handlers[message.kind] as (raft: Raft, message: TermedMessage) => void
  handle(raft, message)
}

/** Hands over, or asks the leader to. */
export function transferLeader(raft: Raft, transferee: number): void {
  if (raft.role === 'leader') leadTransfer(raft, transferee)
  else if (raft.role === 'follower' && raft.leader !== none) {
    raft.send({ kind: 'transferLeader', to: raft.leader, from: raft.id, term: raft.term, transferee })
  }
}
