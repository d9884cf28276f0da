// The text that Prometheus reads (exposition format 0.0.4). Every family is written once, with all of its samples: a family
// that came twice would be refused.
//
//   # HELP varve_wal_syncs_total Syncs of the log.
//   # TYPE varve_wal_syncs_total counter
//   varve_wal_syncs_total 17

export type Labels = Readonly<Record<string, string | number>>

export interface Sample {
  readonly labels: Labels
  readonly value: number
}

export interface Distribution {
  readonly labels?: Labels
  readonly sum: number
  readonly count: number
}

export interface Summary extends Distribution {
  /** Share → value. */
  readonly quantiles: readonly (readonly [number, number])[]
}

export interface Histogram extends Distribution {
  /** Upper bound → how many are at or below it; +Inf is added. */
  readonly buckets: readonly (readonly [number, number])[]
}

type Value = number | readonly Sample[]

export class Exposition {
  readonly #lines: string[] = []

  /** Something that goes up only. Its name ends in _total. */
  counter(name: string, help: string, value: Value): void {
    this.#family(name, 'counter', help)
    this.#samples(name, value)
  }

  gauge(name: string, help: string, value: Value): void {
    this.#family(name, 'gauge', help)
    this.#samples(name, value)
  }

  summary(name: string, help: string, summaries: readonly Summary[]): void {
    this.#family(name, 'summary', help)
    for (const { labels = {}, quantiles, sum, count } of summaries) {
      for (const [share, value] of quantiles) this.#sample(name, { ...labels, quantile: share }, value)
      this.#sample(`${name}_sum`, labels, sum)
      this.#sample(`${name}_count`, labels, count)
    }
  }

  histogram(name: string, help: string, histograms: readonly Histogram[]): void {
    this.#family(name, 'histogram', help)
    for (const { labels = {}, buckets, sum, count } of histograms) {
      for (const [bound, value] of buckets) this.#sample(`${name}_bucket`, { ...labels, le: bound }, value)
      this.#sample(`${name}_bucket`, { ...labels, le: '+Inf' }, count)
      this.#sample(`${name}_sum`, labels, sum)
      this.#sample(`${name}_count`, labels, count)
    }
  }

  get text(): string {
    return `${this.#lines.join('\n')}\n`
  }

  #family(name: string, type: string, help: string): void {
    this.#lines.push(
      `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
      `# TYPE ${name} ${type}`
    )
  }

  #samples(name: string, value: Value): void {
    if (typeof value === 'number') this.#sample(name, {}, value)
    else for (const sample of value) this.#sample(name, sample.labels, sample.value)
  }

  #sample(name: string, labels: Labels, value: number): void {
    this.#lines.push(`${name}${labelText(labels)} ${numberText(value)}`)
  }
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}

const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')

const numberText = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
