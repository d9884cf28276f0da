// Identities as they stand in handshakes and statements.
//
//   member := id varint · name text · peer addresses list of text · client addresses list of text
import type { ByteReader, ByteWriter } from './bytes.ts'
import { badBytes } from './fault.ts'
import { addressBytesMax, type MemberInfo, nameBytesMax } from './identity.ts'

export function writeMember({ id, name, addresses }: MemberInfo, writer: ByteWriter): void {
  writer.varint(id)
  writer.text(name)
  writeTexts(addresses.peer, writer)
  writeTexts(addresses.client, writer)
}

export function readMember(reader: ByteReader): MemberInfo {
  const id = reader.varint()
  const name = reader.text(nameBytesMax)
  if (id === 0 || name === '') throw badBytes('a member has no id or no name')
  return { id, name, addresses: { peer: readTexts(reader), client: readTexts(reader) } }
}

export function writeTexts(texts: readonly string[], writer: ByteWriter): void {
  writer.varint(texts.length)
  for (const text of texts) writer.text(text)
}

export const readTexts = (reader: ByteReader): string[] => reader.list(() => reader.text(addressBytesMax))
