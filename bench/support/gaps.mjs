// How long the event loop does not turn: the gaps between two ticks of a timer of 1 ms, and where each long one went.
//
// A tick reads the clock and, on Linux, what the kernel keeps of the main thread (/proc/self/schedstat): the time it
// ran and the time it was ready but had to wait for a processor. So a long gap is told apart as
//   gc       garbage collection, by the 'gc' entries of perf_hooks that fall into it
//   cpu      the thread ran (garbage collection included)
//   waiting  another thread or process had the processor: the machine's doing
//   blocked  the rest: the thread slept, in the poll of an idle loop or in a system call, or the host of a virtual
//            machine had taken the processor away, which the kernel counts as neither
//   stolen   what the host took from all processors meanwhile (/proc/stat): where it is about as much as what is blocked,
//            nothing in this process slept
// The kernel counts cpu and waiting up at its own ticks, 1 to 4 ms apart, and stolen in 10 ms, so these are that coarse; gc
// is exact. The observing itself costs about 20 microseconds a tick.

import { closeSync, openSync, readSync } from 'node:fs'
import { createHistogram, PerformanceObserver } from 'node:perf_hooks'

const gcKinds = { 1: 'scavenge', 2: 'minor mark-compact', 4: 'mark-compact', 8: 'incremental', 16: 'weak callbacks' }
const bucketsMs = [1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, Number.POSITIVE_INFINITY]

/** What two spans have in common. */
const common = (a, b) => Math.max(0, Math.min(a.endMs, b.endMs) - Math.max(a.startMs, b.startMs))

/** Milliseconds of each kind of garbage collection within a gap. Spans: {startMs, endMs, kind}; collections may nest. */
export function collectionsIn(gap, collections) {
  const kinds = {}
  let ms = 0
  let coveredTo = gap.startMs
  for (const collection of [...collections].sort((a, b) => a.startMs - b.startMs)) {
    const shared = common(gap, collection)
    if (shared === 0) continue
    kinds[collection.kind] = (kinds[collection.kind] ?? 0) + shared
    ms += common({ startMs: coveredTo, endMs: gap.endMs }, collection)
    coveredTo = Math.max(coveredTo, collection.endMs)
  }
  return { ms, kinds }
}

/** The longest of many, kept in order while they come. */
export class Longest {
  /** @type {{ startMs: number, endMs: number }[]} */
  kept = []
  #count

  constructor(count) {
    this.#count = count
  }

  add(gap) {
    const length = (one) => one.endMs - one.startMs
    if (this.kept.length === this.#count && length(gap) <= length(this.kept[this.#count - 1])) return
    const at = this.kept.findIndex((other) => length(other) < length(gap))
    this.kept.splice(at < 0 ? this.kept.length : at, 0, gap)
    if (this.kept.length > this.#count) this.kept.pop()
  }
}

const clockTickMs = 10 // USER_HZ is 100 wherever Node runs on Linux

/** ms of "steal" in the line of all processors, the first of /proc/stat: "cpu  user nice system idle iowait irq softirq steal". */
const stolenIn = (line) => Number(line.split('\n', 1)[0].split(/ +/)[8] ?? 0) * clockTickMs

/** Reads [ms run, ms waited for a processor] of the main thread and ms stolen; undefined where the kernel does not tell. */
function openSchedule() {
  try {
    const thread = openSync('/proc/self/schedstat', 'r')
    const processors = openSync('/proc/stat', 'r')
    const bytes = Buffer.alloc(256)
    const text = (file) => bytes.latin1Slice(0, readSync(file, bytes, 0, bytes.length, 0))
    const read = () => {
      const [ran, waited] = text(thread).split(' ')
      return [Number(ran) / 1e6, Number(waited) / 1e6, stolenIn(text(processors))]
    }
    return { read, close: () => [thread, processors].forEach(closeSync) }
  } catch {
    return undefined
  }
}

const rounded = (ms) => Math.round(ms * 100) / 100

export class GapWatch {
  #schedule = openSchedule()
  #histogram = createHistogram()
  #buckets = new Array(bucketsMs.length).fill(0)
  #longest
  #collections = []
  #observer = new PerformanceObserver((list) => this.#note(list.getEntries()))
  #timer
  #startMs
  #last

  constructor(keep = 5) {
    this.#longest = new Longest(keep)
    this.#observer.observe({ entryTypes: ['gc'] })
    this.#last = this.#now()
    this.#startMs = this.#last.ms
    this.#timer = setInterval(() => this.#tick(), 1)
  }

  #now() {
    return { ms: performance.now(), schedule: this.#schedule?.read() }
  }

  #note(entries) {
    for (const { startTime, duration, detail } of entries) {
      const kind = gcKinds[detail.kind] ?? String(detail.kind)
      this.#collections.push({ startMs: startTime, endMs: startTime + duration, kind })
    }
  }

  #tick() {
    const last = this.#last
    const now = this.#now()
    this.#last = now
    const ms = now.ms - last.ms
    this.#histogram.record(Math.max(1, Math.round(ms * 1000)))
    this.#buckets[bucketsMs.findIndex((most) => ms <= most)]++
    const gap = { startMs: last.ms, endMs: now.ms }
    if (now.schedule !== undefined) {
      gap.cpuMs = now.schedule[0] - last.schedule[0]
      gap.waitingMs = now.schedule[1] - last.schedule[1]
      gap.stolenMs = now.schedule[2] - last.schedule[2]
    }
    this.#longest.add(gap)
  }

  /** Ends it, and waits until the last gap and all collections are told. */
  async stop() {
    await new Promise((resolve) => setTimeout(resolve, 5))
    clearInterval(this.#timer)
    await new Promise((resolve) => setImmediate(resolve))
    this.#note(this.#observer.takeRecords())
    this.#observer.disconnect()
    this.#schedule?.close()
    const longest = this.#longest.kept.map((gap) => this.#account(gap))
    return {
      maxMs: longest[0]?.ms ?? 0,
      p50Ms: rounded(this.#histogram.percentile(50) / 1000),
      p99Ms: rounded(this.#histogram.percentile(99) / 1000),
      ticks: this.#histogram.count,
      histogram: bucketsMs.map((most, i) => ({ toMs: Number.isFinite(most) ? most : null, gaps: this.#buckets[i] })),
      gc: this.#collected(),
      longest
    }
  }

  #collected() {
    const totals = {}
    for (const { startMs, endMs, kind } of this.#collections) {
      totals[kind] ??= { count: 0, ms: 0, maxMs: 0 }
      const total = totals[kind]
      total.count++
      total.ms = rounded(total.ms + endMs - startMs)
      total.maxMs = Math.max(total.maxMs, rounded(endMs - startMs))
    }
    return totals
  }

  #account(gap) {
    const ms = gap.endMs - gap.startMs
    const collected = collectionsIn(gap, this.#collections)
    const account = {
      ms: rounded(ms),
      atMs: rounded(gap.startMs - this.#startMs),
      startMs: gap.startMs,
      endMs: gap.endMs,
      gcMs: rounded(collected.ms),
      gc: Object.fromEntries(Object.entries(collected.kinds).map(([kind, shared]) => [kind, rounded(shared)]))
    }
    if (gap.cpuMs === undefined) return account
    const cpuMs = Math.min(ms, gap.cpuMs)
    const waitingMs = Math.min(ms - cpuMs, gap.waitingMs)
    const blockedMs = ms - cpuMs - waitingMs
    const parts = { cpuMs: rounded(cpuMs), waitingMs: rounded(waitingMs), blockedMs: rounded(blockedMs) }
    return { ...account, ...parts, stolenMs: gap.stolenMs }
  }
}
