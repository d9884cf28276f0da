// varve/client's public surface.

export type { Push, ReplyValue } from '../protocol/resp-replies.ts'
export { ReplyError } from '../protocol/resp-replies.ts'
export type { RequestPart } from '../protocol/resp-requests.ts'
export type { ServerStatus } from './answers.ts'
export type { CallOptions } from './call.ts'
export {
  Client,
  type Decided,
  type Entry,
  type IterationOptions,
  type PutOptions,
  type WriteOptions
} from './client.ts'
export type { DecideOptions } from './decide.ts'
export type { Input, KeyEncoding, ValueEncoding } from './encoding.ts'
export { ClientError, type ClientErrorCode, clientErrorCodes } from './errors.ts'
export type { Condition, ExpiryOptions, Operation } from './operations.ts'
export type { ClientOptions } from './options.ts'
export type { RangeOptions } from './ranges.ts'
export { ClientStore } from './store.ts'
