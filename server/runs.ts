// Answers runs of plain requests (protocol/resp-runs.ts): one call of the store for all of them, and one piece of bytes.
import type { Caller } from './commands/caller.ts'
import { missing, ok, type Reply } from './protocol/reply.ts'
import { encodeResp } from './protocol/resp-encoder.ts'
import { fieldOf, type Run, runItemsMax } from './protocol/resp-runs.ts'
import type { ReadsNow } from './store.ts'
import { storeErrorReply } from './store-errors.ts'

/** What the answers of one call may take; values that are longer are asked for one by one. */
const targetBytes = 64 * 2 ** 10
const target = Buffer.allocUnsafeSlow(targetBytes)
/** As many as a run has places for. */
const ends = new Uint32Array(runItemsMax)
export const framings = {
  2: { target, missing: encodeResp([missing], 2), ends },
  3: { target, missing: encodeResp([missing], 3), ends }
}

/**
 * The replies to the GETs from `run.from` up to `next`. Undefined, and nothing was done: the first one has to be waited for, or
 * is too long, or cannot be read.
 */
export function answerGets(
  { chunk, places, from, count }: Run,
  reads: Partial<ReadsNow>,
  version: 2 | 3
): { readonly reply: Reply; readonly next: number } | undefined {
  const next = framedBy(() => reads.getFramed?.(chunk, places, from, count, framings[version]))
  if (next === undefined || next === from) return undefined
  const end = ends[next - from - 1] as number
  const bytes = Buffer.allocUnsafe(end)
  target.copy(bytes, 0, 0, end)
  return { reply: { kind: 'encoded', bytes, count: next - from }, next }
}

/** Each alone tells what is wrong with it. */
function framedBy(answer: () => number | undefined): number | undefined {
  try {
    return answer()
  } catch {
    return undefined
  }
}

const okBytes = encodeResp([ok], 2)
let okReplies = Buffer.alloc(0)

/** The replies to SETs once they are written; whatever the store says, there is one for each. */
export async function writeSets(run: Run, caller: Caller): Promise<Reply[]> {
  const { chunk, places, from, count } = run
  try {
    await caller.store.putPlaced?.(chunk, places, from, count)
    return [{ kind: 'encoded', bytes: oks(count - from), count: count - from }]
  } catch (error) {
    return Array.from({ length: count - from }, (_, i) => storeErrorReply(error, caller, fieldOf(run, from + i, 0)))
  }
}

function oks(count: number): Buffer {
  const bytes = count * okBytes.length
  if (okReplies.length < bytes) okReplies = Buffer.concat(new Array<Buffer>(count).fill(okBytes))
  return okReplies.subarray(0, bytes)
}
