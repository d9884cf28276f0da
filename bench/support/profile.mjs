// Which functions ran in a span of time, by V8's sampling profiler in the same process. Time in the addon counts for
// the native function that was called; "(program)" is V8 or the loop itself, "(garbage collector)" says so.

import { Session } from 'node:inspector'

const samplingUs = 100

export class Profile {
  #session = new Session()

  constructor() {
    this.#session.connect()
    this.#post('Profiler.enable')
    this.#post('Profiler.setSamplingInterval', { interval: samplingUs })
    this.#post('Profiler.start')
  }

  // In this process an answer comes before post returns.
  #post(method, params = {}) {
    let answer
    this.#session.post(method, params, (error, result) => {
      if (error) throw error
      answer = result
    })
    return answer
  }

  /** Ends it. The result tells, for a span of performance.now(), its functions: [{name, ms, under}], longest first. */
  stop() {
    const { profile } = this.#post('Profiler.stop')
    this.#session.disconnect()
    const offsetUs = Number(process.hrtime.bigint() / 1000n) - performance.now() * 1000
    return (startMs, endMs) => functionsIn(profile, startMs * 1000 + offsetUs, endMs * 1000 + offsetUs)
  }
}

const nameOf = ({ functionName, url, lineNumber }) => {
  const file = url.split('/').at(-1)
  return `${functionName || '(anonymous)'}${file ? ` ${file}:${lineNumber + 1}` : ''}`
}

/** Self time per function between two times (µs of the profile's clock), with the commonest callers. */
export function functionsIn(profile, startUs, endUs) {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map()
  for (const node of profile.nodes) for (const child of node.children ?? []) parents.set(child, node.id)
  const callers = (id) => {
    const names = []
    for (let at = parents.get(id); at !== undefined && names.length < 3; at = parents.get(at))
      names.push(nodes.get(at).callFrame.functionName || '(anonymous)')
    return names.filter((name) => name !== '(root)').join(' < ')
  }
  const times = new Map()
  let at = profile.startTime
  profile.samples.forEach((id, i) => {
    at += profile.timeDeltas[i]
    const nextAt = at + (profile.timeDeltas[i + 1] ?? 0)
    const shared = Math.min(nextAt, endUs) - Math.max(at, startUs)
    if (shared <= 0) return
    const name = nameOf(nodes.get(id).callFrame)
    const time = times.get(name) ?? { name, ms: 0, under: callers(id) }
    time.ms += shared / 1000
    times.set(name, time)
  })
  return [...times.values()]
    .sort((a, b) => b.ms - a.ms)
    .map((time) => ({ ...time, ms: Math.round(time.ms * 100) / 100 }))
}
