// Passwords as scrypt. Always on the thread pool: one takes tens of milliseconds and 16 MiB. How it was made is kept beside
// it, so what is made tomorrow can be made harder.
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/** How hashes of a user are made. */
export interface Hashing {
  readonly cost: number
  readonly blockSize: number
  readonly parallelization: number
  /** base64 */
  readonly salt: string
}

const hashBytes = 32

export const newHashing = (): Hashing => ({
  cost: 2 ** 14,
  blockSize: 8,
  parallelization: 1,
  salt: randomBytes(16).toString('base64')
})

/** base64 */
export function hashOf(password: Buffer, { cost, blockSize, parallelization, salt }: Hashing): Promise<string> {
  const options = { N: cost, r: blockSize, p: parallelization, maxmem: 256 * cost * blockSize }
  return new Promise((resolve, reject) => {
    scrypt(password, Buffer.from(salt, 'base64'), hashBytes, options, (error, hash) => {
      if (error === null) resolve(hash.toString('base64'))
      else reject(error)
    })
  })
}

/** Whether a hash is one of these; takes as long whichever it is. */
export function isAmong(hash: string, hashes: readonly string[]): boolean {
  const wanted = Buffer.from(hash, 'base64')
  let isFound = false
  for (const each of hashes) {
    const bytes = Buffer.from(each, 'base64')
    if (bytes.length === wanted.length && timingSafeEqual(bytes, wanted)) isFound = true
  }
  return isFound
}
