// Metrics of the process: the names that dashboards of any process look for, and the event loop's.
import { readdir } from 'node:fs/promises'
import type { IntervalHistogram } from 'node:perf_hooks'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Exposition } from './exposition.ts'

const loopResolutionMs = 10
const shares = [0.5, 0.9, 0.99, 0.999, 1] as const

export class ProcessMetrics {
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: loopResolutionMs })
  readonly #startSeconds = Date.now() / 1000 - process.uptime()

  constructor() {
    this.#delay.enable()
  }

  async expose(to: Exposition): Promise<void> {
    const { user, system } = process.cpuUsage()
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
    to.counter('process_cpu_seconds_total', 'Processor time, of user and system.', (user + system) / 1e6)
    to.gauge('process_resident_memory_bytes', 'Memory that the system holds for the process.', rss)
    to.gauge('process_start_time_seconds', 'When the process began, since 1970.', this.#startSeconds)
    const files = await openFiles()
    if (files !== undefined) to.gauge('process_open_fds', 'Open file descriptors.', files)
    to.gauge('nodejs_heap_size_bytes', 'Memory that V8 has.', heapTotal)
    to.gauge('nodejs_heap_used_bytes', 'Memory that V8 uses.', heapUsed)
    to.gauge('nodejs_external_memory_bytes', 'Memory outside of V8 that its objects hold.', external)
    this.#exposeDelay(to)
  }

  close(): void {
    this.#delay.disable()
  }

  /** How long a timer had to wait, since the last time it was asked. */
  #exposeDelay(to: Exposition): void {
    const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - loopResolutionMs / 1000)
    const delay = this.#delay
    const has = delay.count > 0
    const samples = shares.map((share) => ({
      labels: { share },
      value: has ? seconds(share === 1 ? delay.max : delay.percentile(share * 100)) : 0
    }))
    to.gauge('nodejs_event_loop_delay_seconds', 'How late timers were since the scrape before, by share.', samples)
    delay.reset()
  }
}

/** Undefined where the system does not tell. */
async function openFiles(): Promise<number | undefined> {
  try {
    return (await readdir('/proc/self/fd')).length
  } catch {
    return undefined
  }
}
