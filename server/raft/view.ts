// MemberView: what a member tells of its cluster, to the server and its clients (cluster/view.ts).
import type { Clock } from '../clock.ts'
import { refusalOf } from '../cluster/notes.ts'
import type { ClusterMember, ClusterView, MemberNotes, MemberRole, PeerProgress } from '../cluster/view.ts'
import { StoreError } from '../store.ts'
import { type NodeId, none, type Status } from './core/types.ts'
import type { MemberInfo } from './transport/identity.ts'

export interface MemberViewContext {
  readonly clusterId: string
  readonly ownId: NodeId
  readonly members: () => readonly MemberInfo[]
  readonly status: () => Status
  readonly applied: () => number
  readonly isConnected: (id: NodeId) => boolean
  readonly lastLeader: () => NodeId
  readonly clock: Clock
  /** Whether clients need TLS. */
  readonly tls: boolean
  readonly transfer: (to: NodeId) => void
  /** As `MemberNotes.send`. */
  readonly note: (to: NodeId, note: Uint8Array, roomBytes: number) => boolean
}

const defaultPatienceMs = 5_000
/** As much may wait before a refusal. */
const refusalRoomBytes = 2 ** 20

export class MemberView implements ClusterView {
  readonly clusterId: string
  readonly ownId: string
  readonly #context: MemberViewContext
  readonly #listeners = new Set<() => void>()
  readonly #noteListeners = new Set<(from: string, note: Buffer) => void>()
  /** Of the leader that is known last. */
  #epoch = 0

  constructor(context: MemberViewContext) {
    this.#context = context
    this.clusterId = context.clusterId
    this.ownId = String(context.ownId)
  }

  get members(): readonly ClusterMember[] {
    const { leader, membership } = this.#context.status()
    return this.#context.members().map(({ id, name, addresses }) => {
      const [place = ''] = addresses.client
      const at = place.lastIndexOf(':')
      const role: MemberRole = id === leader ? 'leader' : membership.learners.includes(id) ? 'learner' : 'follower'
      const host = place.slice(0, at).replace(/^\[|\]$/g, '')
      return { id: String(id), name, host, port: Number(place.slice(at + 1)), tls: this.#context.tls, role }
    })
  }

  get lastLeaderId(): string | undefined {
    const last = this.#context.lastLeader()
    return last === none ? undefined : String(last)
  }

  get term(): number {
    return this.#context.status().term
  }

  get epoch(): number {
    const { leader, term } = this.#context.status()
    if (leader !== none) this.#epoch = term
    return this.#epoch
  }

  get lastIndex(): number {
    return this.#context.status().lastIndex
  }

  get commitIndex(): number {
    return this.#context.status().commit
  }

  get appliedIndex(): number {
    return this.#context.applied()
  }

  get peers(): readonly PeerProgress[] {
    const { progress } = this.#context.status()
    const others = this.#context.members().filter(({ id }) => id !== this.#context.ownId)
    return others.map(({ id }) => ({
      id: String(id),
      isConnected: this.#context.isConnected(id),
      matchIndex: progress.find((one) => one.id === id)?.match
    }))
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  readonly notes: MemberNotes = {
    send: (to, note, roomBytes) => this.#context.note(Number(to), note, roomBytes),
    onNote: (listener) => {
      this.#noteListeners.add(listener)
      return () => this.#noteListeners.delete(listener)
    }
  }

  /** A member's server says something. Where no server listens yet, or any more, whoever asked for a write is told so. */
  noted(from: NodeId, note: Buffer): void {
    const refusal = this.#noteListeners.size === 0 ? refusalOf(note) : undefined
    if (refusal !== undefined) this.#context.note(from, refusal, refusalRoomBytes)
    for (const listener of [...this.#noteListeners]) listener(String(from), note)
  }

  /** Leader, roles or members changed. */
  changed(): void {
    void this.epoch
    for (const listener of [...this.#listeners]) listener()
  }

  transferLeadership(to?: string, patienceMs = defaultPatienceMs): Promise<string> {
    const { leader, progress } = this.#context.status()
    const { ownId } = this.#context
    if (leader !== ownId) return Promise.reject(new StoreError('NOT_LEADER', 'Only the leader hands over.'))
    const furthest = progress.filter(({ id }) => id !== ownId).sort((a, b) => b.match - a.match)[0]?.id
    const heir = to === undefined ? furthest : Number(to)
    if (heir === undefined || !this.#context.members().some(({ id }) => id === heir)) {
      return Promise.reject(new StoreError('NO_LEADER', 'There is no such member to hand over to.'))
    }
    return this.#handOver(heir, patienceMs)
  }

  #handOver(heir: NodeId, patienceMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const end = (act: () => void) => {
        cancel()
        stop()
        act()
      }
      const look = () => {
        const { leader } = this.#context.status()
        if (leader !== none && leader !== this.#context.ownId) end(() => resolve(String(leader)))
      }
      const stop = this.onChange(look)
      const late = () =>
        reject(new StoreError('NO_LEADER', `The other member did not come to lead within ${patienceMs} ms.`))
      const cancel = this.#context.clock.after(patienceMs, () => end(late))
      this.#context.transfer(heir)
      look()
    })
  }
}
