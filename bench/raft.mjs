// The Raft core by itself: three nodes in this process, with storage in memory that acknowledges at once. What is measured
// is the core's own work: no disk, no network, no payload bytes.
//
//   batched   256 proposals a call, committed and applied by all three nodes: proposals a second
//   batch 1   one proposal at a time, until all three have applied it: time per message that a node takes in
//
// Both count only after every node has applied every proposal, in order. The middle one of five rounds counts.

import { limitEntries } from '../dist/server/raft/core/entry.js'
import { RawNode } from '../dist/server/raft/core/node.js'
import { hundredths, limit, median } from './support/report.mjs'

const ids = [1, 2, 3]
const membership = { voters: ids, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false }
const keptEntries = 4096
const roundCount = 5
const batchSize = 256

/** Entries in an array, cut from the front now and then. */
class Storage {
  #cut = 0
  #cutTerm = 0
  #entries = []

  initialState() {
    return { hardState: undefined, membership }
  }

  firstIndex() {
    return this.#cut + 1
  }

  lastIndex() {
    return this.#cut + this.#entries.length
  }

  term(index) {
    return index === this.#cut ? this.#cutTerm : this.#entries[index - this.#cut - 1]?.term
  }

  entries(first, end, bytesMax) {
    if (first <= this.#cut) return undefined
    return limitEntries(this.#entries.slice(first - this.#cut - 1, end - this.#cut - 1), bytesMax)
  }

  snapshot() {}

  write({ entries }) {
    if (entries.length === 0) return
    this.#entries.length = entries[0].index - this.#cut - 1
    for (const entry of entries) this.#entries.push(entry)
    if (this.#entries.length < 2 * keptEntries) return
    const count = this.#entries.length - keptEntries
    this.#cutTerm = this.#entries[count - 1].term
    this.#cut += count
    this.#entries = this.#entries.slice(count)
  }
}

class Cluster {
  messages = 0
  #members = ids.map((id) => {
    const storage = new Storage()
    const config = {
      id,
      electionTicks: 10,
      heartbeatTicks: 1,
      electionSeed: id,
      messageBytesMax: 1 << 20,
      inflightMessagesMax: 256,
      inflightBytesMax: 8 << 20,
      uncommittedBytesMax: 64 << 20,
      checkQuorum: true,
      preVote: true,
      reads: 'safe',
      stepDownOnRemoval: true,
      forwardProposals: false,
      validateMembership: true,
      applyUnstable: false
    }
    return { id, storage, node: new RawNode(config, storage), inbox: [], applied: 0 }
  })

  constructor() {
    this.#members[0].node.campaign()
    this.settle()
    if (this.#members[0].node.status().role !== 'leader') throw new Error('Node 1 was not elected.')
  }

  get leader() {
    return this.#members[0].node
  }

  /** How many proposals every node has applied. */
  get applied() {
    return Math.min(...this.#members.map(({ applied }) => applied))
  }

  /** Until nobody has anything to do. */
  settle() {
    for (let isBusy = true; isBusy; ) {
      isBusy = false
      for (const member of this.#members) if (this.#turn(member)) isBusy = true
    }
  }

  #turn(member) {
    const { node, inbox } = member
    if (inbox.length > 0) {
      member.inbox = []
      this.messages += inbox.length
      for (const message of inbox) node.step(message)
    }
    if (!node.hasReady()) return inbox.length > 0
    const { messages, append, apply } = node.ready()
    this.#send(messages)
    if (append !== undefined) {
      member.storage.write(append)
      this.#send(append.responses)
    }
    if (apply !== undefined) {
      for (const { payload } of apply.entries) {
        if (payload.ref === undefined) continue
        if (payload.ref !== member.applied)
          throw new Error(`${payload.ref} was applied after ${member.applied} others.`)
        member.applied++
      }
      member.inbox.push(apply.response)
    }
    return true
  }

  #send(messages) {
    for (const message of messages) this.#members[message.to - 1].inbox.push(message)
  }
}

/** Proposes `count` in batches, and returns seconds and messages. */
function propose(cluster, count, batch) {
  const first = cluster.applied
  const messagesBefore = cluster.messages
  const start = performance.now()
  for (let sent = 0; sent < count; ) {
    const payloads = []
    for (; payloads.length < batch && sent < count; sent++) payloads.push({ size: 128, ref: first + sent })
    if (cluster.leader.propose(payloads).status !== 'appended') throw new Error('A proposal was not taken.')
    cluster.settle()
  }
  const seconds = (performance.now() - start) / 1000
  if (cluster.applied !== first + count) throw new Error(`${cluster.applied - first} of ${count} were applied.`)
  return { seconds, messages: cluster.messages - messagesBefore }
}

const rounds = (work) => median(Array.from({ length: roundCount }, work))

export function run({ entries }) {
  const cluster = new Cluster()
  propose(cluster, entries / 4, batchSize)
  const batchedSeconds = rounds(() => propose(cluster, entries, batchSize).seconds)
  propose(cluster, entries / 20, 1)
  const messageSeconds = rounds(() => {
    const { seconds, messages } = propose(cluster, entries / 10, 1)
    return seconds / messages
  })
  const perSecond = Math.round(entries / batchedSeconds)
  const messageUs = hundredths(messageSeconds * 1e6)
  console.log(`batched  ${perSecond} proposals/s, ${batchSize} a call`)
  console.log(`batch 1  ${messageUs} µs a message`)
  return {
    limits: [
      limit('batched, a proposal (5 µs: 200 000 a second)', hundredths(1e6 / perSecond), 5, 'µs'),
      limit('batch 1, a message', messageUs, 5, 'µs')
    ],
    results: [
      { name: 'batched', perSecond },
      { name: 'batch 1', messageUs }
    ]
  }
}
