// CRC32C by native.crc32c: the function that checks every record and block, behind one crossing into the addon (about
// 50 ns, which is most of what 64 bytes cost).

import native from '#native'

export function suite() {
  const bytes = Buffer.alloc(1 << 20, 'varve')
  const sizes = { '64 bytes': 64, 'a block, 4 KiB': 4096, '1 MiB': 1 << 20 }
  let sum = 0
  const cases = Object.entries(sizes).map(([title, size]) => {
    const part = bytes.subarray(0, size)
    const call = () => {
      sum ^= native.crc32c(part)
    }
    return { name: `${title}, ${native.about().crc32c}`, units: size, unit: 'byte', call }
  })
  return { cases, close: () => sum }
}
