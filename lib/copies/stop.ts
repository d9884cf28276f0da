// Stop: what ends a copy before its time: the signal of its caller, and the closing of the database it is of.

import { invalid, VarveError } from '../errors.ts'

/** What every call that copies takes. */
export interface CopyOptions {
  /** Called as bytes are done. */
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

export class Stop {
  readonly signal: AbortSignal
  readonly #what: string

  /** `what`: "The backup". */
  constructor(what: string, ...signals: readonly (AbortSignal | undefined)[]) {
    this.#what = what
    this.signal = AbortSignal.any(signals.filter((signal) => signal !== undefined))
  }

  /** Throws VARVE_ABORTED once it is to end. */
  check(): void {
    if (this.signal.aborted) throw this.#error()
  }

  /** The outcome of work that may go on by itself when this ends. */
  async race<Result>(work: Promise<Result>): Promise<Result> {
    work.catch(() => undefined)
    this.check()
    let abort: () => void = () => undefined
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(this.#error())
      this.signal.addEventListener('abort', abort, { once: true })
    })
    try {
      return await Promise.race([work, aborted])
    } finally {
      this.signal.removeEventListener('abort', abort)
    }
  }

  /** What to tell when something failed: that it was to end, if it was. */
  reason(error: unknown): unknown {
    return this.signal.aborted ? this.#error() : error
  }

  #error(): VarveError {
    const { reason } = this.signal
    if (reason instanceof VarveError) return reason
    return new VarveError('VARVE_ABORTED', `${this.#what} was aborted by its signal.`, { cause: reason })
  }
}

/** Bytes done of a total, told to whoever wants to know. */
export class Meter {
  readonly #total: number
  readonly #onProgress: CopyOptions['onProgress']
  #done = 0

  constructor(total: number, { onProgress }: CopyOptions) {
    this.#total = total
    this.#onProgress = onProgress
  }

  add(bytes: number): void {
    this.#done += bytes
    this.#onProgress?.(this.#done, this.#total)
  }
}

/** Throws unless it is a path. `what`: "restore". */
export function checkPath(what: string, path: unknown): asserts path is string {
  if (typeof path !== 'string' || path === '') throw invalid(`${what} takes the path of a directory.`)
  if (path.includes('\0')) throw invalid('A path must not hold a zero character.')
}

/** Throws where options are not what calls that copy take, beside `others`. */
export function checkOptions(what: string, options: unknown, others: readonly string[] = []): void {
  if (typeof options !== 'object' || options === null) throw invalid(`The options of ${what} must be an object.`)
  const known = ['onProgress', 'signal', ...others]
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw invalid(`There is no option '${name}' of ${what}. Options: ${known.join(', ')}.`)
  }
  const { onProgress, signal } = options as CopyOptions
  if (onProgress !== undefined && typeof onProgress !== 'function') throw invalid('onProgress must be a function.')
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalid('signal must be an AbortSignal.')
}
