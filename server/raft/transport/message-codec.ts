// Messages between members ⇄ the payloads of frames. A frame's kind is its message's (`kindNumbers`); who it is from and for is
// said once, by the connection's handshake.
//
//   append            term index logTerm commit entries          entries follow index one by one, so they carry no index
//   appendResponse    term index reject hint hintTerm
//   vote              term index logTerm transfer
//   preVote           term index logTerm
//   voteResponse, preVoteResponse   term reject committed?
//   snapshot          term index snapshotTerm membership         what it holds follows in chunks (snapshot-sender.ts)
//   heartbeat         term commit round
//   heartbeatResponse term round
//   timeoutNow        term
//   propose           from proposals                             from: who was asked first
//   transferLeader    term transferee
//   readIndex         id
//   readIndexResponse term id index
//
//   entry := uint8 0 · term · payload | uint8 1 · term · change
//   payload := varint 0 (none) | varint length + 1, then as many bytes
//
// What comes from a node's own storage is no message between members: it has no number here.
import { noPayload } from '../core/entry.ts'
import { invariant } from '../core/invariant.ts'
import type {
  CommittedEnd,
  Entry,
  Membership,
  MembershipChange,
  NodeId,
  Payload,
  PeerMessage,
  Proposal
} from '../core/types.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'
import { badBytes } from './fault.ts'

/** What entries carry, as bytes: the core sees only their size. */
export interface PayloadCodec {
  /** Of a payload with a `ref`. They are not changed until they are sent. */
  bytesOf(payload: Payload): Uint8Array
  /** The bytes are a view of what was received, and the codec's to keep. */
  payloadOf(bytes: Buffer): Payload
}

/** For payloads whose `ref` is their bytes. */
export const plainPayloads: PayloadCodec = {
  bytesOf: ({ ref }) => {
    invariant(ref instanceof Uint8Array, 'a payload that is sent has no bytes')
    return ref
  },
  payloadOf: (bytes) => ({ size: bytes.length, ref: bytes })
}

export const kindNumbers: Readonly<Record<PeerMessage['kind'], number>> = {
  append: 1,
  appendResponse: 2,
  vote: 3,
  preVote: 4,
  voteResponse: 5,
  preVoteResponse: 6,
  snapshot: 7,
  heartbeat: 8,
  heartbeatResponse: 9,
  timeoutNow: 10,
  propose: 11,
  transferLeader: 12,
  readIndex: 13,
  readIndexResponse: 14
}

const kindsByNumber = new Map(
  Object.entries(kindNumbers).map(([kind, number]) => [number, kind as PeerMessage['kind']])
)

/** The kind of the message that a frame of this kind holds. */
export const messageKindOf = (frameKind: number): PeerMessage['kind'] | undefined => kindsByNumber.get(frameKind)

const peerChangeKinds = ['voter', 'learner', 'remove', 'update'] as const
const transitions = ['auto', 'implicit', 'explicit'] as const

export interface Route {
  readonly from: NodeId
  readonly to: NodeId
}

export class MessageCodec {
  readonly #payloads: PayloadCodec

  constructor(payloads: PayloadCodec = plainPayloads) {
    this.#payloads = payloads
  }

  encode(message: PeerMessage, writer: ByteWriter): void {
    if ('term' in message) writer.varint(message.term)
    switch (message.kind) {
      case 'append':
        this.#writeAppend(message.index, message.logTerm, message.commit, message.entries, writer)
        return
      case 'appendResponse':
        writer.varint(message.index)
        writer.flag(message.reject)
        writer.varint(message.hint)
        writer.varint(message.hintTerm)
        return
      case 'vote':
      case 'preVote':
        writer.varint(message.index)
        writer.varint(message.logTerm)
        if (message.kind === 'vote') writer.flag(message.transfer)
        return
      case 'voteResponse':
      case 'preVoteResponse':
        writer.flag(message.reject)
        writeCommitted(message.committed, writer)
        return
      case 'snapshot':
        writer.varint(message.snapshot.index)
        writer.varint(message.snapshot.term)
        writeMembership(message.snapshot.membership, writer)
        return
      case 'heartbeat':
        writer.varint(message.commit)
        writer.varint(message.round)
        return
      case 'heartbeatResponse':
        writer.varint(message.round)
        return
      case 'timeoutNow':
        return
      case 'propose':
        writer.varint(message.from)
        writer.varint(message.proposals.length)
        for (const proposal of message.proposals) this.#writeProposal(proposal, writer)
        return
      case 'transferLeader':
        writer.varint(message.transferee)
        return
      case 'readIndex':
      case 'readIndexResponse':
        writer.varint(message.id)
        if (message.kind === 'readIndexResponse') writer.varint(message.index)
        return
    }
  }

  /** Throws a TransportFault where the bytes are no such message. */
  decode(kind: PeerMessage['kind'], reader: ByteReader, route: Route): PeerMessage {
    const message = this.#read(kind, reader, route)
    reader.end()
    return message
  }

  #read(kind: PeerMessage['kind'], reader: ByteReader, { from, to }: Route): PeerMessage {
    const varint = () => reader.varint()
    if (kind === 'propose') {
      return { kind, from: varint(), to, proposals: reader.list(() => this.#readProposal(reader)) }
    }
    if (kind === 'readIndex') return { kind, from, to, id: varint() }
    const term = varint()
    switch (kind) {
      case 'append':
        return this.#readAppend(term, reader, { from, to })
      case 'appendResponse': {
        const index = varint()
        const reject = reader.flag()
        return { kind, from, to, term, index, reject, hint: varint(), hintTerm: varint() }
      }
      case 'vote':
        return { kind, from, to, term, index: varint(), logTerm: varint(), transfer: reader.flag() }
      case 'preVote':
        return { kind, from, to, term, index: varint(), logTerm: varint() }
      case 'voteResponse':
      case 'preVoteResponse':
        return { kind, from, to, term, reject: reader.flag(), ...readCommitted(reader) }
      case 'snapshot': {
        const snapshot = { index: varint(), term: varint(), membership: readMembership(reader), ref: undefined }
        return { kind, from, to, term, snapshot }
      }
      case 'heartbeat':
        return { kind, from, to, term, commit: varint(), round: varint() }
      case 'heartbeatResponse':
        return { kind, from, to, term, round: varint() }
      case 'timeoutNow':
        return { kind, from, to, term }
      case 'transferLeader':
        return { kind, from, to, term, transferee: varint() }
      case 'readIndexResponse':
        return { kind, from, to, term, id: varint(), index: varint() }
    }
  }

  #writeAppend(index: number, logTerm: number, commit: number, entries: readonly Entry[], writer: ByteWriter): void {
    writer.varint(index)
    writer.varint(logTerm)
    writer.varint(commit)
    writer.varint(entries.length)
    let next = index + 1
    for (const entry of entries) {
      invariant(entry.index === next, `an append after ${index} has entry ${entry.index} where ${next} should be`)
      next++
      writer.uint8(entry.kind === 'normal' ? 0 : 1)
      writer.varint(entry.term)
      if (entry.kind === 'normal') this.#writePayload(entry.payload, writer)
      else this.#writeChange(entry.change, writer)
    }
  }

  #readAppend(term: number, reader: ByteReader, { from, to }: Route): PeerMessage {
    const index = reader.varint()
    const logTerm = reader.varint()
    const commit = reader.varint()
    let next = index + 1
    const entries = reader.list((): Entry => {
      const isMembership = reader.flag()
      const at = { term: reader.varint(), index: next++ }
      return isMembership
        ? { kind: 'membership', ...at, change: this.#readChange(reader) }
        : { kind: 'normal', ...at, payload: this.#readPayload(reader) }
    })
    return { kind: 'append', from, to, term, index, logTerm, entries, commit }
  }

  #writeProposal(proposal: Proposal, writer: ByteWriter): void {
    writer.uint8(proposal.kind === 'normal' ? 0 : 1)
    if (proposal.kind === 'normal') this.#writePayload(proposal.payload, writer)
    else this.#writeChange(proposal.change, writer)
  }

  #readProposal(reader: ByteReader): Proposal {
    return reader.flag()
      ? { kind: 'membership', change: this.#readChange(reader) }
      : { kind: 'normal', payload: this.#readPayload(reader) }
  }

  #writeChange({ version, transition, changes, payload }: MembershipChange, writer: ByteWriter): void {
    writer.uint8(version)
    writer.uint8(transitions.indexOf(transition))
    writer.varint(changes.length)
    for (const { kind, id } of changes) {
      writer.uint8(peerChangeKinds.indexOf(kind))
      writer.varint(id)
    }
    writer.flag(payload !== undefined)
    if (payload !== undefined) this.#writePayload(payload, writer)
  }

  #readChange(reader: ByteReader): MembershipChange {
    const version = reader.uint8()
    if (version !== 1 && version !== 2) throw badBytes(`a membership change has version ${version}`)
    const transition = choice(transitions, reader.uint8(), 'transition')
    const changes = reader.list(() => ({
      kind: choice(peerChangeKinds, reader.uint8(), 'change of a member'),
      id: reader.varint()
    }))
    const change = { version, transition, changes } as const
    return reader.flag() ? { ...change, payload: this.#readPayload(reader) } : change
  }

  #writePayload(payload: Payload, writer: ByteWriter): void {
    if (payload.ref === undefined) {
      invariant(payload.size === 0, 'a payload that is sent has a size and no bytes')
      writer.varint(0)
      return
    }
    const bytes = this.#payloads.bytesOf(payload)
    writer.varint(bytes.length + 1)
    writer.raw(bytes)
  }

  #readPayload(reader: ByteReader): Payload {
    const length = reader.varint()
    return length === 0 ? noPayload : this.#payloads.payloadOf(reader.raw(length - 1))
  }
}

function writeCommitted(committed: CommittedEnd | undefined, writer: ByteWriter): void {
  writer.flag(committed !== undefined)
  if (committed === undefined) return
  writer.varint(committed.index)
  writer.varint(committed.term)
}

function readCommitted(reader: ByteReader): { committed?: CommittedEnd } {
  return reader.flag() ? { committed: { index: reader.varint(), term: reader.varint() } } : {}
}

function writeMembership(membership: Membership, writer: ByteWriter): void {
  const { voters, votersOutgoing, learners, learnersNext } = membership
  for (const ids of [voters, votersOutgoing, learners, learnersNext]) {
    writer.varint(ids.length)
    for (const id of ids) writer.varint(id)
  }
  writer.flag(membership.autoLeave)
}

function readMembership(reader: ByteReader): Membership {
  const ids = () => reader.list(() => reader.varint())
  return {
    voters: ids(),
    votersOutgoing: ids(),
    learners: ids(),
    learnersNext: ids(),
    autoLeave: reader.flag()
  }
}

function choice<T>(choices: readonly T[], number: number, what: string): T {
  const chosen = choices[number]
  if (chosen === undefined) throw badBytes(`there is no ${what} ${number}`)
  return chosen
}
