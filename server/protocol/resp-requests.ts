// RESP, requests as a client writes them: an array of bulk strings. The other side of resp.ts.

export type RequestPart = string | number | Uint8Array

/** Text goes as utf8, numbers as their decimal text. */
export function encodeRequest(parts: readonly RequestPart[]): Buffer {
  let bytes = headBytesMax
  for (const part of parts) bytes += headBytesMax + 2 + lengthMaxOf(part)
  const request = Buffer.allocUnsafe(bytes)
  let at = request.latin1Write(`*${parts.length}\r\n`, 0)
  for (const part of parts) at = write(request, at, part)
  return request.subarray(0, at)
}

/** "$", a number of at most 16 digits, CRLF. */
const headBytesMax = 20

function lengthMaxOf(part: RequestPart): number {
  if (typeof part === 'number') return 24
  return typeof part === 'string' ? Buffer.byteLength(part) : part.length
}

function write(request: Buffer, from: number, part: RequestPart): number {
  let at = from
  const bytes = typeof part === 'number' ? String(part) : part
  const length = typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length
  at += request.latin1Write(`$${length}\r\n`, at)
  if (typeof bytes === 'string') request.utf8Write(bytes, at)
  else request.set(bytes, at)
  at += length
  return at + request.latin1Write('\r\n', at)
}
