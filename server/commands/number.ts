// Numbers in arguments and values: decimal, of 64 bits with a sign, spelt in the one way that Redis takes.

const first = -(2n ** 63n)
const last = 2n ** 63n - 1n

/** The number, or undefined where the bytes are none. */
export function wholeNumberOf(bytes: Uint8Array): bigint | undefined {
  if (bytes.length === 0 || bytes.length > 20) return undefined
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  if (!/^(0|-?[1-9]\d*)$/.test(text)) return undefined
  const number = BigInt(text)
  return isWhole(number) ? number : undefined
}

export const isWhole = (number: bigint): boolean => number >= first && number <= last
