// Lanes: connections of their own, so that what is long delays nothing that is urgent. Each node dials its peers for what it
// has to say, and what they say comes over connections that they dialled.
//
//   control    heartbeats, votes, acknowledgements, reads: short, and late is as good as lost
//   log        appends. Those without entries too: one that overtook the entries before it would be rejected. And notes, which
//              the servers above say to each other: they may be as long
//   snapshot   one snapshot, in chunks, and how it ended; a connection each
//   bootstrap  what nodes say of themselves before there is a cluster; a connection each
import type { PeerMessage } from '../core/types.ts'

export const lanes = ['control', 'log', 'snapshot', 'bootstrap'] as const
export type Lane = (typeof lanes)[number]

/** Lanes that are kept open to every peer. */
export const steadyLanes = ['control', 'log'] as const
export type SteadyLane = (typeof steadyLanes)[number]

/** What carries notes. */
export const noteLane: SteadyLane = 'log'

export function laneOf(kind: PeerMessage['kind']): SteadyLane | 'snapshot' {
  switch (kind) {
    case 'append':
    case 'propose':
      return 'log'
    case 'snapshot':
      return 'snapshot'
    default:
      return 'control'
  }
}
