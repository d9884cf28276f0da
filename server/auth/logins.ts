// Logins that were found right, so that clients which come back cost no scrypt. What is kept is an HMAC under a key of this
// process: it says nothing about the password to who reads the memory's dump without the key, and dies with the process.
import { createHmac, randomBytes } from 'node:crypto'

const loginsMax = 1_000

export class Logins {
  readonly #key = randomBytes(32)
  /** HMAC → the user's passwords as they were then. */
  readonly #known = new Map<string, object>()

  markOf(user: string, password: Buffer): string {
    const name = Buffer.from(user)
    const lengths = Buffer.alloc(8)
    lengths.writeUInt32LE(name.length)
    lengths.writeUInt32LE(password.length, 4)
    return createHmac('sha256', this.#key).update(lengths).update(name).update(password).digest('base64')
  }

  /** Whether it was right with just these passwords of the user. */
  has(mark: string, passwords: object): boolean {
    return this.#known.get(mark) === passwords
  }

  add(mark: string, passwords: object): void {
    this.#known.delete(mark)
    this.#known.set(mark, passwords)
    if (this.#known.size <= loginsMax) return
    const [oldest] = this.#known.keys()
    if (oldest !== undefined) this.#known.delete(oldest)
  }
}
