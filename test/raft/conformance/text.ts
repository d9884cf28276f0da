// The core's data in the words of the conformance files.

import type {
  Entry,
  HardState,
  Membership,
  MembershipChange,
  Message,
  PeerChange,
  ProgressStatus,
  Ready,
  Role,
  Snapshot,
  SoftState,
  StorageAppend,
  StorageApply
} from '../../../server/raft/core/types.ts'
import { none, type PeerChangeKind } from '../../../server/raft/core/types.ts'

export type AnyMessage = Message | StorageAppend | StorageApply

export const messageNames: Readonly<Record<AnyMessage['kind'], string>> = {
  append: 'MsgApp',
  appendResponse: 'MsgAppResp',
  vote: 'MsgVote',
  voteResponse: 'MsgVoteResp',
  preVote: 'MsgPreVote',
  preVoteResponse: 'MsgPreVoteResp',
  snapshot: 'MsgSnap',
  heartbeat: 'MsgHeartbeat',
  heartbeatResponse: 'MsgHeartbeatResp',
  timeoutNow: 'MsgTimeoutNow',
  propose: 'MsgProp',
  transferLeader: 'MsgTransferLeader',
  readIndex: 'MsgReadIndex',
  readIndexResponse: 'MsgReadIndexResp',
  storageAppend: 'MsgStorageAppend',
  storageAppendDone: 'MsgStorageAppendResp',
  storageApply: 'MsgStorageApply',
  storageApplyDone: 'MsgStorageApplyResp'
}

// Of local messages, which a script may name although they never travel here.
const localNames = ['MsgHup', 'MsgBeat', 'MsgUnreachable', 'MsgSnapStatus', 'MsgCheckQuorum', 'MsgForgetLeader']

export function isMessageName(name: string): boolean {
  return Object.values(messageNames).includes(name) || localNames.includes(name)
}

const roleNames: Readonly<Record<Role, string>> = {
  follower: 'StateFollower',
  preCandidate: 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader'
}

export function roleText(role: Role): string {
  return roleNames[role]
}

const changeLetters: Readonly<Record<PeerChangeKind, string>> = { voter: 'v', learner: 'l', remove: 'r', update: 'u' }
const letterChanges: ReadonlyMap<string, PeerChangeKind> = new Map([
  ['v', 'voter'],
  ['l', 'learner'],
  ['r', 'remove'],
  ['u', 'update']
])

/** "v1 l2 r3 u4": what peers are to become. */
export function parseChanges(text: string): PeerChange[] {
  const words = text.trim().split(/\s+/).filter(Boolean)
  return words.map((word) => {
    const kind = letterChanges.get(word[0] ?? '')
    if (kind === undefined || !/^\d+$/.test(word.slice(1))) throw new Error(`unknown change "${word}"`)
    return { kind, id: Number(word.slice(1)) }
  })
}

export function changesText(change: MembershipChange): string {
  return change.changes.map(({ kind, id }) => `${changeLetters[kind]}${id}`).join(' ')
}

export function entryText(entry: Entry): string {
  const id = `${entry.term}/${entry.index}`
  if (entry.kind === 'normal') return `${id} EntryNormal ${JSON.stringify(entry.payload.ref ?? '')}`
  const text = changesText(entry.change)
  return `${id} ${entry.change.version === 1 ? 'EntryConfChange' : 'EntryConfChangeV2'}${text && ` ${text}`}`
}

const list = (ids: readonly number[]): string => `[${ids.join(' ')}]`

export function membershipText(membership: Membership): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = membership
  return (
    `Voters:${list(voters)} VotersOutgoing:${list(votersOutgoing)} Learners:${list(learners)} ` +
    `LearnersNext:${list(learnersNext)} AutoLeave:${autoLeave}`
  )
}

export function snapshotText({ index, term, membership }: Snapshot): string {
  return `Index:${index} Term:${term} ConfState:${membershipText(membership)}`
}

export function hardStateText({ term, vote, commit }: HardState): string {
  return `Term:${term}${vote === none ? '' : ` Vote:${vote}`} Commit:${commit}`
}

export function softStateText({ leader, role }: SoftState): string {
  return `Lead:${leader} State:${roleText(role)}`
}

const set = (ids: readonly number[]): string => `(${ids.join(' ')})`

/** The membership as the files of membership changes print it. */
export function configText(membership: Membership): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = membership
  let text = `voters=${set(voters)}`
  if (votersOutgoing.length > 0) text += `&&${set(votersOutgoing)}`
  if (learners.length > 0) text += ` learners=${set(learners)}`
  if (learnersNext.length > 0) text += ` learners_next=${set(learnersNext)}`
  return autoLeave ? `${text} autoleave` : text
}

const progressNames = { probe: 'StateProbe', replicate: 'StateReplicate', snapshot: 'StateSnapshot' } as const

export function progressText(progress: ProgressStatus): string {
  const parts = [progressNames[progress.state], `match=${progress.match}`, `next=${progress.next}`]
  if (progress.isLearner) parts.push('learner')
  if (progress.isPaused) parts.push('paused')
  if (progress.pendingSnapshot > 0) parts.push(`pendingSnap=${progress.pendingSnapshot}`)
  if (!progress.isActive) parts.push('inactive')
  if (progress.inflight > 0) parts.push(`inflight=${progress.inflight}${progress.isInflightFull ? '[full]' : ''}`)
  return `${progress.id}: ${parts.join(' ')}`
}

interface Fields {
  from: string
  to: string
  term: number
  logTerm: number
  index: number
  reject?: string
  commit: number
  vote: number
  entries: readonly string[]
  snapshot?: Snapshot | undefined
  responses: readonly AnyMessage[]
}

/** A message of the core as the fields that the files print. */
function fieldsOf(message: AnyMessage): Fields {
  const fields: Fields = {
    from: 'from' in message ? String(message.from) : 'AppendThread',
    to: 'to' in message ? String(message.to) : 'AppendThread',
    term: 'term' in message ? message.term : 0,
    logTerm: 'logTerm' in message ? message.logTerm : 0,
    index: 'index' in message ? message.index : 0,
    commit: 'commit' in message ? message.commit : 0,
    vote: 0,
    entries: 'entries' in message ? message.entries.map(entryText) : [],
    snapshot: 'snapshot' in message ? message.snapshot : undefined,
    responses: []
  }
  switch (message.kind) {
    case 'appendResponse':
      return message.reject ? { ...fields, logTerm: message.hintTerm, reject: String(message.hint) } : fields
    case 'voteResponse':
    case 'preVoteResponse':
      return message.reject ? { ...fields, reject: '0' } : fields
    case 'propose': {
      const entries = message.proposals.map((proposal) => entryText({ ...proposal, term: 0, index: 0 }))
      return { ...fields, entries }
    }
    case 'transferLeader':
      return { ...fields, from: String(message.transferee) }
    case 'storageAppend': {
      const { term = 0, vote = none, commit = 0 } = message.hardState ?? {}
      // Requests for votes are printed, and sent, with the Ready: see interaction.ts.
      const responses = message.responses.filter(({ kind }) => kind !== 'vote')
      return { ...fields, term, vote, commit, responses }
    }
    case 'storageApply':
      return { ...fields, to: 'ApplyThread', responses: [message.response] }
    case 'storageApplyDone':
      return { ...fields, from: 'ApplyThread' }
    default:
      return fields
  }
}

export function messageText(message: AnyMessage, indent = '', withResponses = true): string {
  const fields = fieldsOf(message)
  const { from, to, term, logTerm, index, entries, responses } = fields
  let text = `${indent}${from}->${to} ${messageNames[message.kind]} Term:${term} Log:${logTerm}/${index}`
  if (fields.reject !== undefined) text += ` Rejected (Hint: ${fields.reject})`
  if (fields.commit !== 0) text += ` Commit:${fields.commit}`
  if (fields.vote !== none) text += ` Vote:${fields.vote}`
  if (entries.length === 1) text += ` Entries:[${entries[0]}]`
  if (entries.length > 1) text += ` Entries:[${entries.map((entry) => `\n${indent}  ${entry}`).join('')}\n${indent}]`
  if (fields.snapshot !== undefined) text += `\n${indent}  Snapshot: ${snapshotText(fields.snapshot)}`
  if (!withResponses || responses.length === 0) return text
  const lines = responses.map((response) => `\n${messageText(response, `${indent}  `)}`)
  return `${text} Responses:[${lines.join('')}\n${indent}]`
}

/** A Ready, with the messages as the files list them. */
export function readyText(ready: Ready, messages: readonly AnyMessage[]): string {
  const { softState, reads, append, apply } = ready
  const lines: string[] = []
  if (softState !== undefined) lines.push(softStateText(softState))
  if (append?.hardState !== undefined) lines.push(`HardState ${hardStateText(append.hardState)}`)
  if (reads.length > 0) lines.push(`ReadStates [${reads.map(({ id, index }) => `{${index} [${id}]}`).join(' ')}]`)
  if (append !== undefined && append.entries.length > 0) lines.push('Entries:', ...append.entries.map(entryText))
  if (append?.snapshot !== undefined) lines.push(`Snapshot ${snapshotText(append.snapshot)}`)
  if (apply !== undefined) lines.push('CommittedEntries:', ...apply.entries.map(entryText))
  if (messages.length > 0) lines.push('Messages:', ...messages.map((message) => messageText(message)))
  return lines.length === 0 ? '<empty Ready>' : `Ready:\n${lines.map((line) => `${line}\n`).join('')}`
}
