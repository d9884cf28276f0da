// What members say to each other about forwarded writes: what is asked for, and what came of it. What came from another member is of
// a shape only once it was looked at: what has another one is dropped, and whoever asked takes the outcome for unknown.
import { decodeNote } from './cluster/notes.ts'
import type { AskedRequest } from './commands/plan.ts'
import type { Reply } from './protocol/reply.ts'

/** What a note asks for. */
export interface Asked {
  readonly id: number
  /** Of the asker's process: the answer to an earlier one is nobody's. */
  readonly run: string
  readonly user: string
  readonly language: 'line' | 'resp'
  readonly version: 2 | 3
  readonly requests: readonly AskedRequest[]
  /** Of a transaction: the requests are one. `null`: there was no entry. */
  readonly watched?: readonly { readonly key: Buffer; readonly sequence: number | null }[]
}

export type Question = Omit<Asked, 'id' | 'run'>

export interface Answered extends Pick<Asked, 'id' | 'run'> {
  /** `refused`: nothing was done. */
  readonly replies: readonly Reply[] | 'refused'
}

/** How many replies it has. */
export const countOf = ({ requests, watched }: Question): number => (watched === undefined ? requests.length : 1)

export function askedOf(note: Buffer): Asked | undefined {
  const body = bodyOf(note)
  const { id, run, user, language, version, requests, watched } = body
  const isAsked =
    typeof id === 'number' &&
    typeof run === 'string' &&
    typeof user === 'string' &&
    (language === 'line' || language === 'resp') &&
    (version === 2 || version === 3) &&
    isListOf(requests, isRequest) &&
    (watched === undefined || isListOf(watched, isWatched))
  return isAsked ? (body as unknown as Asked) : undefined
}

export function answeredOf(note: Buffer): Answered | undefined {
  const body = bodyOf(note)
  const { id, run, replies } = body
  const isAnswered =
    typeof id === 'number' && typeof run === 'string' && (replies === 'refused' || isListOf(replies, isReply))
  return isAnswered ? (body as unknown as Answered) : undefined
}

/** Whatever it says about these. */
type Fields = {
  readonly [Name in keyof Asked | keyof Answered | 'name' | 'args' | 'key' | 'sequence' | 'kind']?: unknown
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null

function bodyOf(note: Buffer): Fields {
  const body = decodeNote(note)?.body
  return isObject(body) ? body : {}
}

const isListOf = (value: unknown, is: (item: unknown) => boolean): boolean => Array.isArray(value) && value.every(is)
const isBytes = (value: unknown): boolean => Buffer.isBuffer(value)
const isRequest = (value: unknown): boolean =>
  isObject(value) && typeof value.name === 'string' && isListOf(value.args, isBytes)
const isWatched = (value: unknown): boolean =>
  isObject(value) && isBytes(value.key) && (value.sequence === null || typeof value.sequence === 'number')
const isReply = (value: unknown): boolean => isObject(value) && typeof value.kind === 'string'
