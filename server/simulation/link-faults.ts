// What may happen to the network of a cluster: links that are cut one way or both, that come and go, and bad weather.
import type { NodeId } from '../raft/core/types.ts'
import { bridge, type Link, type Network, oneWay, split } from './network.ts'
import type { Fault } from './plan.ts'
import type { Scheduler } from './scheduler.ts'
import type { Made } from './timetable.ts'

export interface Linked {
  readonly scheduler: Scheduler
  readonly network: Network
  readonly ids: readonly NodeId[]
}

const linkFaultKinds = ['split', 'isolate', 'oneWay', 'bridge', 'flap', 'storm'] as const
export type LinkFaultKind = (typeof linkFaultKinds)[number]

export const isOfLinks = (kind: string): kind is LinkFaultKind => linkFaultKinds.some((one) => one === kind)

const flapMs = 60

/** What each kind does; the id is the node's that is meant. */
export const linkFaults = (
  cluster: Linked
): Readonly<Record<LinkFaultKind, (fault: Fault<string>, id: NodeId) => Made>> => ({
  split: (fault) => cut(cluster, split(cluster.ids, half(cluster, fault))),
  isolate: (_fault, id) => cut(cluster, split(cluster.ids, new Set([id]))),
  oneWay: ({ second }, id) => cut(cluster, oneWay(cluster.ids, new Set([id]), second % 2 === 0)),
  bridge: (fault, id) => cut(cluster, bridge(cluster.ids, half(cluster, fault), id)),
  flap: (fault, id) => flap(cluster, split(cluster.ids, fault.second % 2 === 0 ? half(cluster, fault) : new Set([id]))),
  storm: ({ second }) => storm(cluster, second)
})

function half({ ids }: Linked, { second }: Fault<string>): ReadonlySet<NodeId> {
  const start = second % ids.length
  const count = Math.max(1, Math.floor(ids.length / 2))
  return new Set(Array.from({ length: count }, (_, at) => ids[(start + at) % ids.length] ?? 0))
}

function cut({ network }: Linked, links: readonly Link[]): Made {
  if (links.length === 0) return 'nothing'
  network.cut(links)
  return () => network.mend(links)
}

function flap({ network, scheduler }: Linked, links: readonly Link[]): Made {
  if (links.length === 0) return 'nothing'
  let isCut = false
  let isOver = false
  const turn = (): void => {
    if (isOver) return
    isCut = !isCut
    if (isCut) network.cut(links)
    else network.mend(links)
    scheduler.after(flapMs, turn)
  }
  turn()
  return () => {
    isOver = true
    if (isCut) network.mend(links)
  }
}

function storm({ network }: Linked, second: number): Made {
  network.weather = {
    delayMsMin: 1,
    delayMsMax: 10 + (second % 60),
    lossPercent: (second >>> 8) % 31,
    duplicatePercent: (second >>> 16) % 51,
    strayPercent: (second >>> 24) % 20
  }
  return () => network.calm()
}
