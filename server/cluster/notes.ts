// Notes: what the servers of a cluster say to each other beside the log, as bytes: plain data, with bytes and big integers in it.
//
//   note := kind uint8 · length uint32 LE · JSON of so many bytes · parts
//
// In the JSON, {"$bytes":[from,length]} stands for bytes among the parts, {"$int":"…"} for a big integer and {"$number":"…"} for a
// number that JSON has no word for. Notes come from members alone, whose servers made them; even so, bytes that are no note are
// dropped, not believed.
export const noteKinds = ['published', 'forward', 'forwarded'] as const
export type NoteKind = (typeof noteKinds)[number]

export interface Note {
  readonly kind: NoteKind
  readonly body: unknown
}

const headBytes = 5

export function encodeNote(kind: NoteKind, body: unknown): Buffer {
  const parts: Uint8Array[] = []
  let at = 0
  const place = (bytes: Uint8Array) => {
    parts.push(bytes)
    at += bytes.length
    return { $bytes: [at - bytes.length, bytes.length] }
  }
  // The holder's own value: what stands in `value` of a Buffer is its toJSON already.
  const text = JSON.stringify(body, function (this: Record<string, unknown>, name) {
    const value = this[name]
    if (value instanceof Uint8Array) return place(value)
    if (typeof value === 'bigint') return { $int: value.toString() }
    if (typeof value === 'number' && !Number.isFinite(value)) return { $number: String(value) }
    return value
  })
  const json = Buffer.from(text)
  const head = Buffer.alloc(headBytes)
  head.writeUInt8(noteKinds.indexOf(kind), 0)
  head.writeUInt32LE(json.length, 1)
  return Buffer.concat([head, json, ...parts])
}

/** By the first byte alone: what is for somebody else need not be decoded. */
export const kindOfNote = (note: Buffer): NoteKind | undefined => noteKinds[note[0] ?? -1]

/** Bytes in it are views. Undefined: no note, or of a kind that this version does not know. The body may be of any shape. */
export function decodeNote(note: Buffer): Note | undefined {
  const kind = kindOfNote(note)
  if (kind === undefined || note.length < headBytes) return undefined
  const partsAt = headBytes + note.readUInt32LE(1)
  if (partsAt > note.length) return undefined
  try {
    return { kind, body: parse(note.toString('utf8', headBytes, partsAt), note.subarray(partsAt)) }
  } catch {
    return undefined
  }
}

/** The answer to a forwarded write that nobody is there to take: nothing of it was done. Undefined: it is no such note. */
export function refusalOf(note: Buffer): Buffer | undefined {
  if (kindOfNote(note) !== 'forward') return undefined
  const { id, run } = (decodeNote(note)?.body ?? {}) as { id?: unknown; run?: unknown }
  return encodeNote('forwarded', { id, run, replies: 'refused' })
}

/** Throws where the text or a place in it is none. */
function parse(text: string, parts: Buffer): unknown {
  return JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value
    const { $bytes, $int, $number } = value as { $bytes?: unknown; $int?: string; $number?: string }
    if ($bytes !== undefined) return partOf(parts, $bytes)
    if ($int !== undefined) return BigInt($int)
    return $number === undefined ? value : Number($number)
  })
}

function partOf(parts: Buffer, place: unknown): Buffer {
  const [from, length] = place as [unknown, unknown]
  if (!isCount(from) || !isCount(length) || from + length > parts.length) throw new Error('there are no such bytes')
  return parts.subarray(from, from + length)
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
