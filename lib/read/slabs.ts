// Slabs: memory that values are handed out on: 8 KiB each, written once, never reused, so a value stays what it was for
// as long as somebody holds it, and holds at most one slab alive.

import native from '#native'

export const slabBytes = 8192
/** Longer values own their memory. */
export const slabValueBytesMax = 4096

export function newSlab(bytes = slabBytes): Buffer {
  const slab = Buffer.allocUnsafeSlow(bytes)
  native.markUntransferable(slab.buffer as ArrayBuffer)
  return slab
}

/** The slab that reads share, and how much of it is taken. */
export class Slabs {
  slab = newSlab()
  offset = 0

  /** Starts a new slab where less than `room` bytes are left of this one. */
  make(room: number): void {
    if (slabBytes - this.offset >= room) return
    this.slab = newSlab()
    this.offset = 0
  }
}
