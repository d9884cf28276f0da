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

export class Violation extends Error {
  readonly promised: Promised

  constructor(promised: Promised, sentence: string) {
    super(sentence)
    this.name = 'Violation'
    this.promised = promised
  }
}
