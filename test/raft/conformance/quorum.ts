// The files of quorums: what a majority, or two of them, have committed or voted.
//
// Beside the answer, what must give the same answer is tried, and printed when it does not: an empty second half, a second
// half that is the first, halves exchanged, an acknowledgement below the answer lowered, and counting by hand.

import {
  type Acknowledged,
  jointIndex,
  jointVote,
  majorityIndex,
  majorityVote
} from '../../../server/raft/core/quorum.ts'
import { type Directive, numberOf } from './script.ts'

interface Case {
  readonly voters: readonly number[]
  /** Undefined: a single majority. */
  readonly outgoing: readonly number[] | undefined
  readonly acknowledged: ReadonlyMap<number, number>
  readonly votes: ReadonlyMap<number, boolean>
}

export function runQuorum(directive: Directive): string {
  const one = caseOf(directive)
  if (directive.name === 'vote') return voteText(one)
  if (directive.name === 'committed') return committedText(one)
  throw new Error(`unknown directive ${directive.name}`)
}

// Given for the voters in the order in which they are named, each voter once.
function caseOf({ name, args }: Directive): Case {
  const given = new Map(args.map(({ key, values }) => [key, values]))
  for (const key of given.keys()) {
    if (!['cfg', 'cfgj', name === 'vote' ? 'votes' : 'idx'].includes(key)) throw new Error(`unknown argument ${key}`)
  }
  const ids = (key: string) => (given.get(key) ?? []).map((id) => numberOf(id, key))
  const voters = [...new Set(ids('cfg'))]
  const second = given.get('cfgj')
  const isZero = second?.length === 1 && second[0] === 'zero'
  const outgoing = second === undefined ? undefined : isZero ? [] : [...new Set(ids('cfgj'))]
  const answers = given.get(name === 'vote' ? 'votes' : 'idx') ?? []
  const all = [...new Set([...voters, ...(outgoing ?? [])])]
  if (all.length !== answers.length) throw new Error(`${answers.length} answers for ${all.length} voters`)
  const acknowledged = new Map<number, number>()
  const votes = new Map<number, boolean>()
  for (const [at, id] of all.entries()) {
    const answer = answers[at]
    if (answer === '_') continue
    if (name === 'committed') acknowledged.set(id, numberOf(answer, 'idx'))
    else if (answer === 'y' || answer === 'n') votes.set(id, answer === 'y')
    else throw new Error(`unknown vote ${answer ?? ''}`)
  }
  return { voters, outgoing, acknowledged, votes }
}

const resultTexts = { won: 'VoteWon', lost: 'VoteLost', pending: 'VotePending' } as const

function voteText({ voters, outgoing, votes }: Case): string {
  if (outgoing === undefined) return resultTexts[majorityVote(voters, votes)]
  const result = jointVote({ voters, votersOutgoing: outgoing }, votes)
  const exchanged = jointVote({ voters: outgoing, votersOutgoing: voters }, votes)
  const lines = exchanged === result ? [] : [`${resultTexts[exchanged]} <-- via symmetry`]
  return [...lines, resultTexts[result]].join('\n')
}

const indexText = (index: number): string => (index === Number.POSITIVE_INFINITY ? '∞' : String(index))

function committedText({ voters, outgoing, acknowledged }: Case): string {
  const lookUp: Acknowledged = (id) => acknowledged.get(id)
  const lines: string[] = []
  const expectSame = (index: number, other: number, how: string): void => {
    if (other !== index) lines.push(`${indexText(other)} <-- ${how}`)
  }
  if (outgoing !== undefined) {
    lines.push(...chart([...new Set([...voters, ...outgoing])], acknowledged))
    const index = jointIndex({ voters, votersOutgoing: outgoing }, lookUp)
    expectSame(index, jointIndex({ voters: outgoing, votersOutgoing: voters }, lookUp), 'via symmetry')
    return [...lines, indexText(index)].join('\n')
  }
  lines.push(...chart(voters, acknowledged))
  const index = majorityIndex(voters, lookUp)
  expectSame(index, countedIndex(voters, acknowledged), 'via alternative computation')
  expectSame(index, jointIndex({ voters, votersOutgoing: [] }, lookUp), 'via zero-joint quorum')
  expectSame(index, jointIndex({ voters, votersOutgoing: voters }, lookUp), 'via self-joint quorum')
  for (const [low, own] of acknowledged) {
    if (own >= index) continue
    for (const lowered of [own - 1, 0]) {
      const other = majorityIndex(voters, (id) => (id === low ? lowered : acknowledged.get(id)))
      expectSame(index, other, `overlaying ${low}->${lowered}`)
    }
  }
  // An empty quorum's chart stands in one line with its index.
  return voters.length === 0 ? `${lines.join('\n')}${indexText(index)}` : [...lines, indexText(index)].join('\n')
}

/** The highest acknowledged index that a majority is not below. */
function countedIndex(voters: readonly number[], acknowledged: ReadonlyMap<number, number>): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY
  const indexes = voters.map((id) => acknowledged.get(id) ?? 0)
  const isCommitted = (index: number) => indexes.filter((other) => other >= index).length * 2 > voters.length
  return Math.max(0, ...indexes.filter(isCommitted))
}

// One line a voter; the bars are as long as there are voters with less.
function chart(voters: readonly number[], acknowledged: ReadonlyMap<number, number>): string[] {
  const count = voters.length
  if (count === 0) return ['<empty majority quorum>']
  const indexOf = (id: number) => acknowledged.get(id) ?? 0
  const lines = voters
    .toSorted((a, b) => a - b)
    .map((id) => {
      const less = voters.filter((other) => indexOf(other) < indexOf(id)).length
      const bar = acknowledged.has(id) ? `${'x'.repeat(less)}>${' '.repeat(count - less)}` : `?${' '.repeat(count)}`
      return `${bar} ${String(indexOf(id)).padStart(5)}    (id=${id.toString(16)})`
    })
  return [`${' '.repeat(count)}    idx`, ...lines]
}
