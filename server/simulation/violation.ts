// A run that went wrong: which promise was broken, and how. Thrown where it is seen, caught by the run.

export type Promised =
  | 'one leader a term'
  | 'log matching'
  | 'leader completeness'
  | 'state-machine safety'
  | 'no commit undone'
  | 'commit on a quorum'
  | 'membership as logged'
  | 'promises are durable'
  | 'reads are fresh'
  | 'linearizability'
  | 'liveness'
  | 'the core goes on'
  | 'nothing acknowledged is lost'
  | 'equal contents'
  | 'decisions see what is before them'

export class Violation extends Error {
  readonly promised: Promised

  constructor(promised: Promised, sentence: string) {
    super(sentence)
    this.name = 'Violation'
    this.promised = promised
  }
}

/** How a run ended that broke a promise. */
export interface Broken {
  readonly promised: Promised
  readonly sentence: string
  readonly atMs: number
}

/** What was thrown, as the end of a run. */
export function brokenBy(error: unknown, atMs: number): Broken {
  if (!(error instanceof Error)) throw error
  const promised = error instanceof Violation ? error.promised : 'the core goes on'
  return { promised, sentence: error.message, atMs }
}
