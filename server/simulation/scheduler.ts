// The virtual clock: tasks in the order of their time, and of their scheduling where times are equal. Nothing runs beside
// it, so a run is the sequence of its tasks.

interface Task {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

export class Scheduler {
  // A binary heap: the next task is at 0.
  readonly #heap: Task[] = []
  #order = 0
  #nowMs = 0
  #events = 0

  get nowMs(): number {
    return this.#nowMs
  }

  /** How many tasks have begun. */
  get events(): number {
    return this.#events
  }

  after(delayMs: number, run: () => void): void {
    const heap = this.#heap
    const task = { atMs: this.#nowMs + delayMs, order: this.#order++, run }
    let at = heap.length
    while (at > 0) {
      const parentAt = (at - 1) >>> 1
      const parent = heap[parentAt]
      if (parent === undefined || isBefore(parent, task)) break
      heap[at] = parent
      at = parentAt
    }
    heap[at] = task
  }

  /** Runs the next task; false when there is none. */
  step(): boolean {
    const heap = this.#heap
    const [first] = heap
    const last = heap.pop()
    if (first === undefined || last === undefined) return false
    if (heap.length > 0) this.#sink(last)
    this.#nowMs = first.atMs
    this.#events++
    first.run()
    return true
  }

  #sink(task: Task): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let childAt = 2 * at + 1
      let child = heap[childAt]
      if (child === undefined) break
      const right = heap[childAt + 1]
      if (right !== undefined && isBefore(right, child)) {
        child = right
        childAt++
      }
      if (isBefore(task, child)) break
      heap[at] = child
      at = childAt
    }
    heap[at] = task
  }
}

const isBefore = (a: Task, b: Task): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
