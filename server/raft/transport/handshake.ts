// The handshake: who dials says who it is and what for, and is welcomed or refused. Versions and features are agreed on here
// and stand nowhere else.
//
//   both sides begin with the eight bytes "varvpeer"
//   hello    := protocolMin varint · protocolMax varint · features varint · clusterId text · member · lane uint8 · recipient varint
//   welcome  := protocol varint · features varint · clusterId text · member
//   refusal  := code text · sentence text
//
// `clusterId` is empty before there is a cluster; `recipient` is the id of whom it wants, 0 for whoever answers. Nobody is
// welcomed under a name that the membership knows with another id: a disk that was lost took what it had promised with it,
// so its node never comes back as who it was.
import type { NodeId } from '../core/types.ts'
import type { ByteReader } from './bytes.ts'
import { badBytes, TransportFault } from './fault.ts'
import { encodeFrame, type Frame, frameKinds } from './frames.ts'
import { clusterIdBytesMax, type Directory, type Identity, type MemberInfo } from './identity.ts'
import { readMember, writeMember } from './identity-codec.ts'
import { type Lane, lanes } from './lanes.ts'

export const magic = Buffer.from('varvpeer')

export interface Versions {
  readonly protocolMin: number
  readonly protocolMax: number
  /** A bit each; what both sides have is used. */
  readonly features: number
}

export const ownVersions: Versions = { protocolMin: 1, protocolMax: 1, features: 0 }

export interface Hello extends Versions {
  readonly identity: Identity
  readonly lane: Lane
  readonly recipient: NodeId
}

export interface Agreement {
  readonly protocol: number
  readonly features: number
}

export interface Welcome extends Agreement {
  readonly identity: Identity
}

export const refusalCodes = [
  /** No version in common. */
  'protocol',
  /** Another cluster. */
  'cluster',
  /** A known name with another id, or the other way round. */
  'identity',
  /** No member. */
  'stranger',
  /** The one who answers is not the one who is wanted. */
  'recipient',
  /** The certificate is not that of the member. */
  'certificate',
  /** There is no cluster here yet. */
  'bootstrapping',
  /** Nothing here takes this lane. */
  'lane'
] as const
export type RefusalCode = (typeof refusalCodes)[number]

export interface Refusal {
  readonly code: RefusalCode
  readonly sentence: string
}

const sentenceBytesMax = 2048

/** Whether who says this is welcome. */
export function judge(hello: Hello, own: Identity, versions: Versions, directory: Directory): Agreement | Refusal {
  const { identity, lane, recipient } = hello
  const protocol = Math.min(hello.protocolMax, versions.protocolMax)
  if (protocol < Math.max(hello.protocolMin, versions.protocolMin)) {
    const range = ({ protocolMin, protocolMax }: Versions) => `${protocolMin} to ${protocolMax}`
    const sentence = `${quoted(own)} speaks versions ${range(versions)} of the protocol, ${quoted(identity)} ${range(hello)}.`
    return { code: 'protocol', sentence }
  }
  if (recipient !== 0 && recipient !== own.id) {
    return { code: 'recipient', sentence: `This is ${quoted(own)}, member ${own.id}, and not member ${recipient}.` }
  }
  const refusal = lane === 'bootstrap' ? undefined : refusalOfMember(identity, own, directory.members)
  return refusal ?? { protocol, features: commonBits(hello.features, versions.features) }
}

function refusalOfMember(peer: Identity, own: Identity, members: readonly MemberInfo[]): Refusal | undefined {
  if (own.clusterId === '') {
    return { code: 'bootstrapping', sentence: `${quoted(own)} belongs to no cluster yet.` }
  }
  if (peer.clusterId !== own.clusterId) {
    const theirs = peer.clusterId === '' ? 'no cluster' : `cluster ${peer.clusterId}`
    return {
      code: 'cluster',
      sentence: `${quoted(own)} belongs to cluster ${own.clusterId}, ${quoted(peer)} to ${theirs}.`
    }
  }
  const byName = members.find(({ name }) => name === peer.name)
  if (byName !== undefined && byName.id === peer.id) return undefined
  if (byName !== undefined) {
    const sentence =
      `${quoted(peer)} is member ${byName.id} of this cluster, and who asks is ${peer.id}: its directory is not the one ` +
      'that it had. Remove the old member, and add the new one.'
    return { code: 'identity', sentence }
  }
  const byId = members.find(({ id }) => id === peer.id)
  return byId === undefined
    ? {
        code: 'stranger',
        sentence: `${quoted(peer)} is no member of cluster ${own.clusterId} that ${quoted(own)} knows.`
      }
    : { code: 'identity', sentence: `Member ${peer.id} is called "${byId.name}", and not "${peer.name}".` }
}

/** Throws where who answers is not who was dialled. */
export function checkWelcome({ identity }: Welcome, own: Identity, lane: Lane, wanted: Wanted): void {
  const { id, name } = wanted
  if (name !== undefined && identity.name !== name) {
    throw new TransportFault('IDENTITY', `Node "${name}" was dialled, and ${quoted(identity)} answered.`)
  }
  if (id !== undefined && identity.id !== id) {
    throw new TransportFault('IDENTITY', `Member ${id} was dialled, and member ${identity.id} answered.`)
  }
  if (lane !== 'bootstrap' && identity.clusterId !== own.clusterId) {
    throw new TransportFault('IDENTITY', `${quoted(identity)} belongs to cluster ${identity.clusterId}.`)
  }
}

/** Who is dialled, as far as it is known. */
export interface Wanted {
  readonly id?: NodeId | undefined
  readonly name?: string | undefined
}

export function helloFrame({ protocolMin, protocolMax, features, identity, lane, recipient }: Hello): Frame {
  return encodeFrame(frameKinds.hello, (writer) => {
    writer.varint(protocolMin)
    writer.varint(protocolMax)
    writer.varint(features)
    writer.text(identity.clusterId)
    writeMember(identity, writer)
    writer.uint8(lanes.indexOf(lane))
    writer.varint(recipient)
  })
}

/** What a later version adds at the end is left unread. */
export function readHello(reader: ByteReader): Hello {
  const versions = { protocolMin: reader.varint(), protocolMax: reader.varint(), features: reader.varint() }
  const identity = readIdentity(reader)
  const lane = lanes[reader.uint8()]
  if (lane === undefined) throw badBytes('there is no such lane')
  return { ...versions, identity, lane, recipient: reader.varint() }
}

export function welcomeFrame({ protocol, features, identity }: Welcome): Frame {
  return encodeFrame(frameKinds.welcome, (writer) => {
    writer.varint(protocol)
    writer.varint(features)
    writer.text(identity.clusterId)
    writeMember(identity, writer)
  })
}

export function readWelcome(reader: ByteReader): Welcome {
  return { protocol: reader.varint(), features: reader.varint(), identity: readIdentity(reader) }
}

export function refusalFrame({ code, sentence }: Refusal): Frame {
  return encodeFrame(frameKinds.refusal, (writer) => {
    writer.text(code)
    writer.text(sentence)
  })
}

export function readRefusal(reader: ByteReader): Refusal {
  const code = reader.text(sentenceBytesMax)
  const known = refusalCodes.find((one) => one === code)
  // A code that only a later version knows is still a refusal.
  return { code: known ?? 'protocol', sentence: reader.text(sentenceBytesMax) }
}

function readIdentity(reader: ByteReader): Identity {
  const clusterId = reader.text(clusterIdBytesMax)
  return { clusterId, ...readMember(reader) }
}

const quoted = ({ name }: MemberInfo): string => `Node "${name}"`

/** Of whole numbers up to 2^53. */
function commonBits(a: number, b: number): number {
  return Number(BigInt(a) & BigInt(b))
}
