/** Copies `length` bytes; byte by byte where they are few, which is faster than a call. */
export function copyShort(from: Uint8Array, at: number, length: number, to: Uint8Array, start: number): void {
  if (length > 64) to.set(from.subarray(at, at + length), start)
  else for (let i = 0; i < length; i++) to[start + i] = from[at + i] as number
}
