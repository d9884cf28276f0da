// The replicated state machine of a simulated node: cells that clients put, swap and count in, and a session per client, so
// that an operation that reaches the log twice takes effect once.
//
// Deterministic: the state, and its hash, are a function of the applied log alone.
import { emptyMembership } from '../raft/core/membership.ts'
import type { Entry, LogIndex, Membership, MembershipChange, Snapshot, Term } from '../raft/core/types.ts'
import { type Call, type Cell, execute, type Reply } from './models.ts'
import { fold, hashText } from './random.ts'

/** What a client wants done: the payload of a normal entry. */
export interface Command {
  readonly client: number
  /** Ascends with every operation of a client; a retry has that of the first attempt. */
  readonly serial: number
  readonly key: string
  readonly call: Call
}

/** The caller's part of a membership change. */
export interface ChangeOrder {
  /** Ascends with every change that was ordered. An older order that comes late is refused. */
  readonly order: number
}

/** A command's place in the world: who asked, and which of his operations it is. */
export interface Answered {
  readonly command: Command
  /** Undefined when a later operation of the client was applied before: then this one never takes effect. */
  readonly reply: Reply | undefined
}

interface Session {
  readonly serial: number
  readonly reply: Reply
}

/** What a snapshot of the machine holds. Never changed once it is made. */
interface Image {
  readonly cells: ReadonlyMap<string, Cell>
  readonly sessions: ReadonlyMap<number, Session>
  readonly orders: number
  readonly hash: number
}

export class Machine {
  #cells: Map<string, Cell>
  #sessions: Map<number, Session>
  #orders: number
  #hash: number
  #index: LogIndex
  #term: Term
  #membership: Membership

  private constructor(image: Image, index: LogIndex, term: Term, membership: Membership) {
    this.#cells = new Map(image.cells)
    this.#sessions = new Map(image.sessions)
    this.#orders = image.orders
    this.#hash = image.hash
    this.#index = index
    this.#term = term
    this.#membership = membership
  }

  static empty(): Machine {
    return new Machine({ cells: new Map(), sessions: new Map(), orders: 0, hash: 0 }, 0, 0, emptyMembership)
  }

  static restore(snapshot: Snapshot): Machine {
    return new Machine(snapshot.ref as Image, snapshot.index, snapshot.term, snapshot.membership)
  }

  /** The state before the first entry of a new group. */
  static founding(membership: Membership): Snapshot {
    return new Machine({ cells: new Map(), sessions: new Map(), orders: 0, hash: 1 }, 1, 1, membership).snapshot()
  }

  snapshot(): Snapshot {
    const ref: Image = {
      cells: new Map(this.#cells),
      sessions: new Map(this.#sessions),
      orders: this.#orders,
      hash: this.#hash
    }
    return { index: this.#index, term: this.#term, membership: this.#membership, ref }
  }

  /** The last entry that was applied. */
  get index(): LogIndex {
    return this.#index
  }

  get membership(): Membership {
    return this.#membership
  }

  get hash(): number {
    return this.#hash
  }

  read(key: string): Reply {
    return { value: this.#cells.get(key) ?? null }
  }

  /** Applies the next entry; what a command answers, if it is one. */
  apply(entry: Entry, changed: (change: MembershipChange) => Membership): Answered | undefined {
    if (entry.index !== this.#index + 1) throw new Error(`Entry ${entry.index} was applied after ${this.#index}.`)
    this.#index = entry.index
    this.#term = entry.term
    this.#hash = fold(fold(this.#hash, entry.index), entry.term)
    if (entry.kind === 'membership') {
      this.#change(entry.change, changed)
      return undefined
    }
    const command = entry.payload.ref as Command | undefined
    return command && this.#execute(command)
  }

  #change(change: MembershipChange, changed: (change: MembershipChange) => Membership): void {
    const order = (change.payload?.ref as ChangeOrder | undefined)?.order
    this.#hash = fold(this.#hash, order ?? 0)
    if (order !== undefined) {
      if (order <= this.#orders) return
      this.#orders = order
    }
    this.#membership = changed(change)
  }

  #execute(command: Command): Answered {
    const { client, serial, key, call } = command
    this.#hash = fold(fold(fold(this.#hash, client), serial), hashText(key))
    const session = this.#sessions.get(client)
    if (session !== undefined && session.serial >= serial) {
      return { command, reply: session.serial === serial ? session.reply : undefined }
    }
    const { state, reply } = execute(this.#cells.get(key) ?? null, call)
    if (state !== null) this.#cells.set(key, state)
    this.#hash = fold(this.#hash, (reply.value ?? -1) + 2 * (state ?? -1))
    this.#sessions.set(client, { serial, reply })
    return { command, reply }
  }
}

/** What an entry says, as one number: entries that say the same have the same. */
export function contentOf(entry: Entry): number {
  if (entry.kind === 'membership') {
    const order = (entry.change.payload?.ref as ChangeOrder | undefined)?.order
    return order === undefined ? -1 : -1 - order
  }
  const command = entry.payload.ref as Command | undefined
  return command === undefined ? 0 : command.client * 2 ** 24 + command.serial
}
