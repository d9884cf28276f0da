// Statements as bytes, as nodes exchange them before there is a cluster.
//
//   statement := member · holdsData flag · wantsToLead flag · count varint · record · fault text ("" for none)
//   record    := flag 0 | flag 1 · isFormed flag · clusterId text · round varint · firstCampaigner varint ·
//                dataHolder varint · list of member
import type { BootstrapRecord, Statement } from './bootstrap.ts'
import { ByteReader, ByteWriter } from './transport/bytes.ts'
import { clusterIdBytesMax } from './transport/identity.ts'
import { readMember, writeMember } from './transport/identity-codec.ts'

const faultBytesMax = 64 * 2 ** 10

export function encodeStatement({ candidate, count, record, fault }: Statement): Buffer {
  const writer = new ByteWriter()
  writeMember(candidate, writer)
  writer.flag(candidate.holdsData)
  writer.flag(candidate.wantsToLead)
  writer.varint(count)
  writer.flag(record !== undefined)
  if (record !== undefined) writeRecord(record, writer)
  writer.text(fault ?? '')
  return Buffer.concat(writer.finish())
}

/** Throws a TransportFault where the bytes are no statement. What a later version adds at the end is left unread. */
export function decodeStatement(bytes: Buffer): Statement {
  const reader = new ByteReader(bytes)
  const member = readMember(reader)
  const candidate = { ...member, holdsData: reader.flag(), wantsToLead: reader.flag() }
  const count = reader.varint()
  const record = reader.flag() ? readRecord(reader) : undefined
  const fault = reader.text(faultBytesMax)
  return { candidate, count, record, fault: fault === '' ? undefined : fault }
}

function writeRecord({ plan, isFormed }: BootstrapRecord, writer: ByteWriter): void {
  writer.flag(isFormed)
  writer.text(plan.clusterId)
  writer.varint(plan.round)
  writer.varint(plan.firstCampaigner)
  writer.varint(plan.dataHolder)
  writer.varint(plan.members.length)
  for (const member of plan.members) writeMember(member, writer)
}

function readRecord(reader: ByteReader): BootstrapRecord {
  const isFormed = reader.flag()
  const clusterId = reader.text(clusterIdBytesMax)
  const round = reader.varint()
  const firstCampaigner = reader.varint()
  const dataHolder = reader.varint()
  const members = reader.list(() => readMember(reader))
  return { isFormed, plan: { clusterId, round, members, firstCampaigner, dataHolder } }
}
