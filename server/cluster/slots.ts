// Redis Cluster's slots: a key's is CRC16 (XMODEM) modulo 16 384 of its hash tag, which is what stands between the first { and
// the next }, if anything does; else of the whole key. All slots are in one shard here: nothing is stored by them.

export const slotCount = 16_384

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
  return crc & 0xffff
})

const open = 0x7b
const close = 0x7d

export function slotOf(key: Uint8Array): number {
  const tag = tagOf(key)
  let crc = 0
  for (const byte of tag) crc = ((crc << 8) & 0xffff) ^ (table[(crc >> 8) ^ byte] ?? 0)
  return crc % slotCount
}

function tagOf(key: Uint8Array): Uint8Array {
  const start = key.indexOf(open)
  const end = start === -1 ? -1 : key.indexOf(close, start + 1)
  return end > start + 1 ? key.subarray(start + 1, end) : key
}
