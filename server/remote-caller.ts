// RemoteCaller: a connection of another member, as commands see it here: the user is that connection's, and what the user may is
// what this member knows of it. Nothing is pushed to it, and what a command does to its connection stays here and is forgotten.
import { type Access, noAccess } from './auth/access.ts'
import { GrantedStore } from './auth/granted-store.ts'
import type { Identity } from './auth/users.ts'
import type { Caller, ServerView, Transaction, Watched } from './commands/caller.ts'
import type { Reply } from './protocol/reply.ts'
import type { Store } from './store.ts'

export class RemoteCaller implements Caller {
  readonly id = 0
  /** What is refused for want of leadership is told as what it is, not as what clients of RESP understand. */
  readonly language = 'line'
  readonly address = ''
  readonly localAddress = ''
  readonly connectedMs = 0
  readonly activeMs = 0
  readonly lastCommand = ''
  readonly heldBytes = 0
  readonly unsentBytes = 0
  readonly isGone = false
  readonly server: ServerView
  readonly store: Store
  readonly watched = new Map<string, Watched>()
  readonly channels = new Map<string, Buffer>()
  readonly patterns = new Map<string, Buffer>()
  name = ''
  isKept = false
  libraryName = ''
  libraryVersion = ''
  version: 2 | 3
  isClusterClient = false
  readsLocally = false
  knowsRedirect = false
  transaction: Transaction | undefined
  readonly #identity: Identity

  constructor(server: ServerView, store: Store, identity: Identity, version: 2 | 3) {
    // What was forwarded is not forwarded again: nobody would know where it is.
    this.server = Object.create(server, { forwarding: { value: undefined } }) as ServerView
    this.#identity = identity
    this.store = identity.access.isUnrestricted ? store : new GrantedStore(store, () => this.access)
    this.version = version
  }

  get user(): string {
    return this.#identity.name
  }

  get access(): Access {
    return this.#identity.access
  }

  get isAuthenticated(): boolean {
    return this.access !== noAccess
  }

  authenticate(): Promise<Reply | undefined> {
    return Promise.resolve(undefined)
  }

  forgetUser(): void {}

  noted(): void {}

  push(): void {}

  close(): void {}

  destroy(): void {}
}
