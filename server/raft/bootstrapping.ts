// The bootstrap's connections, times and disk: it asks each expected peer again and again what it knows, and answers those who
// ask; bootstrap.ts decides.
//
//   const bootstrapping = new Bootstrapping({ self, peers, record, persist, exchange, … })
//   const transport = await Transport.listen({ …, onStatement: bootstrapping.answer })
//   const plan = await bootstrapping.run((...asked) => transport.exchange(...asked))
//
// Whoever has formed the cluster goes on answering: somebody may have stopped just before it heard of it.
import type { Clock } from '../clock.ts'
import { Bootstrap, type BootstrapRecord, type Candidate, type Plan, type Statement } from './bootstrap.ts'
import { decodeStatement, encodeStatement } from './bootstrap-codec.ts'
import { type Address, parseAddress } from './transport/address.ts'
import type { Answer, OnStatement } from './transport/exchange.ts'
import { badBytes, TransportFault } from './transport/fault.ts'
import type { ExpectedPeer, MemberInfo } from './transport/identity.ts'

export interface BootstrappingOptions {
  readonly self: Candidate
  readonly peers: readonly ExpectedPeer[]
  /** What was kept last. */
  readonly record?: BootstrapRecord | undefined
  /** Resolves once it is durable. */
  readonly persist: (record: BootstrapRecord) => Promise<void>
  readonly mintClusterId: () => string
  readonly clock: Clock
  /** Between two questions to a peer. */
  readonly pollMs?: number | undefined
  /** What is waited for, when that changes. */
  readonly onWaiting?: ((sentence: string) => void) | undefined
}

export type Exchange = (address: Address, name: string | undefined, statement: Uint8Array) => Promise<Answer>

const defaultPollMs = 100

export class Bootstrapping {
  readonly #machine: Bootstrap
  readonly #peers: readonly ExpectedPeer[]
  readonly #persist: BootstrappingOptions['persist']
  readonly #clock: Clock
  readonly #pollMs: number
  readonly #onWaiting: (sentence: string) => void
  readonly #asleep = new Set<() => void>()
  #said = ''
  #isPersisting = false
  #isOver = false
  #failure: unknown
  #finish: { resolve(): void; reject(error: unknown): void } | undefined

  constructor({ self, peers, record, persist, mintClusterId, clock, pollMs, onWaiting }: BootstrappingOptions) {
    this.#machine = new Bootstrap({ self, expected: peers.map(({ name }) => name), record, mintClusterId })
    this.#peers = peers
    this.#persist = persist
    this.#clock = clock
    this.#pollMs = pollMs ?? defaultPollMs
    this.#onWaiting = onWaiting ?? (() => {})
  }

  /** For `onStatement` of the transport. */
  readonly answer: OnStatement = (bytes, peer) => {
    this.#machine.overhear(checkedStatement(bytes, peer))
    this.#settle()
    return encodeStatement(this.#machine.statement())
  }

  /** Resolves once there is a cluster, and this node has kept that it is in it. Rejects with a sentence where there cannot be one. */
  async run(exchange: Exchange): Promise<Plan> {
    if (this.#failure !== undefined) throw this.#failure
    const over = new Promise<void>((resolve, reject) => {
      this.#finish = { resolve, reject }
    })
    this.#settle()
    for (const [number, peer] of this.#peers.entries()) void this.#poll(number, peer, exchange)
    try {
      await over
    } finally {
      this.#isOver = true
      this.#wakeAll()
    }
    const outcome = this.#machine.outcome()
    if (outcome.kind === 'formed') return outcome.plan
    // The others are not to wait for somebody who has given up.
    await Promise.all(this.#peers.map((peer) => this.#ask(peer, exchange).catch(() => {})))
    throw new Error(outcome.sentence)
  }

  /** Gives up. */
  stop(): void {
    this.#fail(new TransportFault('CLOSED', 'The bootstrap was stopped.'))
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#finish?.reject(error)
  }

  async #poll(number: number, peer: ExpectedPeer, exchange: Exchange): Promise<void> {
    while (!this.#isOver) {
      try {
        const statement = await this.#ask(peer, exchange)
        if (this.#isOver) return
        this.#machine.hear(number, statement)
        this.#settle()
      } catch (error) {
        // It is asked again. Why it could not be reached is no reason to give up: it may not have been started yet.
        if (!(error instanceof TransportFault)) this.#fail(error)
      }
      if (!this.#isOver) await this.#sleep()
    }
  }

  /** At each of its addresses, until one answers. */
  async #ask({ name, addresses }: ExpectedPeer, exchange: Exchange): Promise<Statement> {
    let fault: unknown = new TransportFault('UNREACHABLE', `Node ${name ?? ''} has no address.`)
    for (const text of addresses) {
      const address = parseAddress(text)
      if (address === undefined) continue
      try {
        const { statement, peer } = await exchange(address, name, encodeStatement(this.#machine.statement()))
        return checkedStatement(statement, peer)
      } catch (error) {
        fault = error
      }
    }
    throw fault
  }

  /** Keeps what has to be kept, one after the other, and looks whether it is over. */
  #settle(): void {
    if (this.#isPersisting || this.#isOver) return
    const record = this.#machine.toPersist()
    if (record !== undefined) {
      this.#isPersisting = true
      this.#persist(record).then(
        () => {
          this.#isPersisting = false
          this.#machine.persisted(record)
          // There is something new to say.
          this.#wakeAll()
          this.#settle()
        },
        (error: unknown) => this.#fail(error)
      )
      return
    }
    const outcome = this.#machine.outcome()
    if (outcome.kind !== 'waiting') {
      this.#finish?.resolve()
    } else if (outcome.sentence !== this.#said) {
      this.#said = outcome.sentence
      this.#onWaiting(outcome.sentence)
    }
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        cancel()
        this.#asleep.delete(wake)
        resolve()
      }
      const cancel = this.#clock.after(this.#pollMs, wake)
      this.#asleep.add(wake)
    })
  }

  #wakeAll(): void {
    for (const wake of this.#asleep) wake()
  }
}

function checkedStatement(bytes: Buffer, { id, name }: MemberInfo): Statement {
  const statement = decodeStatement(bytes)
  const { candidate } = statement
  if (candidate.id !== id || candidate.name !== name) throw badBytes('a statement is not of who says it')
  return statement
}
