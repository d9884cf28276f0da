// Who a node is, and whom it knows.
import type { NodeId } from '../core/types.ts'

export interface MemberAddresses {
  /** Where other members reach it: host:port, tried in turn. */
  readonly peer: readonly string[]
  /** Where clients reach it. */
  readonly client: readonly string[]
}

export interface MemberInfo {
  readonly id: NodeId
  /** Chosen by whoever runs it, and the same for ever. The id is random, and goes with the disk. */
  readonly name: string
  readonly addresses: MemberAddresses
}

export interface Identity extends MemberInfo {
  /** Empty before there is a cluster. */
  readonly clusterId: string
}

/** Somebody that this node was told to begin a cluster with. */
export interface ExpectedPeer {
  /** Undefined: whatever name it says. */
  readonly name?: string | undefined
  readonly addresses: readonly string[]
}

/** Whom a node knows. */
export interface Directory {
  /** Of the membership, this node among them or not; empty before there is a cluster. */
  readonly members: readonly MemberInfo[]
  readonly expected: readonly ExpectedPeer[]
}

export const nameBytesMax = 255
export const clusterIdBytesMax = 64
export const addressBytesMax = 300
