// Messages on their way between two nodes are bytes, those of the transport: nothing of one node's memory gets to another.
import type { PeerMessage } from '../../raft/core/types.ts'
import { entryPayloads } from '../../raft/payloads.ts'
import { ByteReader, ByteWriter } from '../../raft/transport/bytes.ts'
import { MessageCodec } from '../../raft/transport/message-codec.ts'

const codec = new MessageCodec(entryPayloads)

/** The message as its receiver reads it, each time anew. */
export function sent(message: PeerMessage): () => PeerMessage {
  const writer = new ByteWriter()
  codec.encode(message, writer)
  const bytes = Buffer.concat(writer.finish())
  const { kind, from, to } = message
  return () => codec.decode(kind, new ByteReader(Buffer.from(bytes)), { from, to })
}
