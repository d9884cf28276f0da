// How far a long command is, on stderr: one line redrawn in place on a terminal, else a plain line at every tenth.

export interface Step {
  readonly done: number
  /** Undefined when the end is not known, as of a pipe. */
  readonly total: number | undefined
  /** What is counted beside, such as entries. */
  readonly count?: number
  /** What is done is bytes: their rate is told. */
  readonly isBytes?: boolean
}

const redrawMs = 100
const barColumns = 30

export class Progress {
  readonly #title: string
  readonly #stream: NodeJS.WriteStream
  readonly #start = performance.now()
  #drawnAt = 0
  #tenths = 0
  #last: Step | undefined

  constructor(title: string, stream: NodeJS.WriteStream = process.stderr) {
    this.#title = title
    this.#stream = stream
  }

  get elapsedMs(): number {
    return performance.now() - this.#start
  }

  update(step: Step): void {
    this.#last = step
    const elapsedMs = this.elapsedMs
    if (this.#stream.isTTY) {
      if (elapsedMs - this.#drawnAt < redrawMs) return
      this.#drawnAt = elapsedMs
      this.#draw(progressLine(this.#title, step, elapsedMs, true))
      return
    }
    if (step.total === undefined || step.total === 0) return
    const tenths = Math.floor((10 * step.done) / step.total)
    if (tenths <= this.#tenths) return
    this.#tenths = tenths
    this.#stream.write(`${progressLine(this.#title, step, elapsedMs, false)}\n`)
  }

  /** Leaves the last state on its own line. */
  end(): void {
    if (!this.#stream.isTTY || this.#last === undefined) return
    this.#draw(progressLine(this.#title, this.#last, this.elapsedMs, true))
    this.#stream.write('\n')
    this.#last = undefined
  }

  #draw(line: string): void {
    this.#stream.write(`\r${line}\x1b[K`)
  }
}

/** "import  [######----]  62 %  86000 entries  41000/s  ETA 3 s", "backup  62 %  41.3 MB/s  ETA 3 s" */
export function progressLine(title: string, step: Step, elapsedMs: number, hasBar: boolean): string {
  const { done, total, count, isBytes } = step
  const parts = [title]
  const share = total === undefined || total === 0 ? undefined : Math.min(done / total, 1)
  if (share !== undefined) {
    const filled = Math.round(share * barColumns)
    if (hasBar) parts.push(`[${'#'.repeat(filled)}${'-'.repeat(barColumns - filled)}]`)
    parts.push(`${Math.floor(share * 100)} %`)
  }
  if (count !== undefined) parts.push(`${count} entries`, `${perSecond(count, elapsedMs)}/s`)
  if (isBytes && done > 0) parts.push(`${(perSecond(done, elapsedMs) / 1e6).toFixed(1)} MB/s`)
  if (share !== undefined && share > 0 && share < 1) {
    parts.push(`ETA ${Math.ceil((elapsedMs * (1 - share)) / share / 1000)} s`)
  }
  return parts.join('  ')
}

export const perSecond = (count: number, elapsedMs: number): number =>
  Math.round(count / Math.max(elapsedMs / 1000, 0.001))
