// How a cluster begins: nodes that expect each other agree on one cluster id and one membership. A pure state machine: what it
// hears changes its state, what it wants kept comes out of `toPersist`, and what it says is what is kept.
//
//   1. Every node says who it is, what it holds and what it has agreed to, and hears the same of every peer it expects.
//   2. All are there, none names a cluster, at most one holds data: the node with the lowest name makes a plan.
//   3. The others agree to it. 4. All have agreed: the plan is formed, and whoever hears of that forms it too.
//
// Invariants:
// - Each step is kept before it is said, so a node that starts again goes on from where it was.
// - A plan is formed only once every member has agreed to it. Who has agreed agrees to another one only in a higher round, and
//   who has formed one to none: so of two plans of the same nodes at most one is formed by those who are needed to elect a
//   leader.
// - A node that is in a plan under its name and another id has lost its directory: it is refused, not taken for who it was.
// - Who makes a plan has heard of every earlier one that anybody it can hear has agreed to, and makes a higher round.
import { type NodeId, none } from './core/types.ts'
import type { MemberInfo } from './transport/identity.ts'

export interface Candidate extends MemberInfo {
  /** Its directory held a database before there was a cluster: the others receive it. */
  readonly holdsData: boolean
  /** `role: leader`: it campaigns first, if nobody holds data. */
  readonly wantsToLead: boolean
}

export interface Plan {
  readonly clusterId: string
  readonly round: number
  /** By name. */
  readonly members: readonly MemberInfo[]
  /** Who campaigns first. */
  readonly firstCampaigner: NodeId
  /** Whose state the others receive; 0: nobody's. */
  readonly dataHolder: NodeId
}

/** What a node keeps. */
export interface BootstrapRecord {
  readonly plan: Plan
  /** There is a cluster; until then the plan is only agreed to. */
  readonly isFormed: boolean
}

/** What a node says. */
export interface Statement {
  readonly candidate: Candidate
  /** How many members it expects, itself included. */
  readonly count: number
  readonly record: BootstrapRecord | undefined
  /** Why none of them can go on. */
  readonly fault: string | undefined
}

export interface BootstrapOptions {
  readonly self: Candidate
  /** A peer each: the name it must have, or undefined for any. */
  readonly expected: readonly (string | undefined)[]
  /** What was kept last. */
  readonly record?: BootstrapRecord | undefined
  readonly mintClusterId: () => string
}

export type BootstrapOutcome =
  | { readonly kind: 'formed'; readonly plan: Plan }
  | { readonly kind: 'refused'; readonly sentence: string }
  | { readonly kind: 'waiting'; readonly sentence: string }

interface Slot {
  readonly expectedName: string | undefined
  heard: Statement | undefined
}

export class Bootstrap {
  readonly #self: Candidate
  readonly #slots: readonly Slot[]
  readonly #mintClusterId: () => string
  #record: BootstrapRecord | undefined
  #wanted: BootstrapRecord | undefined
  #fault: string | undefined
  /** The fault is nobody else's. */
  #isOwnFault = false

  constructor({ self, expected, record, mintClusterId }: BootstrapOptions) {
    this.#self = self
    this.#slots = expected.map((expectedName) => ({ expectedName, heard: undefined }))
    this.#record = record
    this.#mintClusterId = mintClusterId
    this.#advance()
  }

  statement(): Statement {
    return {
      candidate: this.#self,
      count: this.#slots.length + 1,
      record: this.#record,
      fault: this.#isOwnFault ? undefined : this.#fault
    }
  }

  outcome(): BootstrapOutcome {
    if (this.#record?.isFormed === true) return { kind: 'formed', plan: this.#record.plan }
    if (this.#fault !== undefined) return { kind: 'refused', sentence: this.#fault }
    return { kind: 'waiting', sentence: this.#waitingFor() }
  }

  /** What expected peer number `peer` says. */
  hear(peer: number, statement: Statement): void {
    const slot = this.#slots[peer]
    if (slot === undefined) return
    slot.heard = statement
    this.#advance()
  }

  /** What somebody says who was not asked: it counts if it is one of the expected peers. */
  overhear(statement: Statement): void {
    const { name } = statement.candidate
    const slot = this.#slots.find(({ heard, expectedName }) => (heard?.candidate.name ?? expectedName) === name)
    if (slot !== undefined) {
      slot.heard = statement
      this.#advance()
    } else if (this.#slots.some(({ heard, expectedName }) => heard === undefined && expectedName === undefined)) {
      // It may be one of those, and be gone before it is asked.
      if (statement.fault !== undefined) this.#fault ??= statement.fault
    }
  }

  /** What has to be kept now, durably; undefined: nothing. */
  toPersist(): BootstrapRecord | undefined {
    return this.#wanted
  }

  /** It is kept. */
  persisted(record: BootstrapRecord): void {
    this.#record = record
    this.#wanted = undefined
    this.#advance()
  }

  #advance(): void {
    if (this.#wanted !== undefined || this.#fault !== undefined || this.#record?.isFormed === true) return
    const statements = this.#slots.flatMap(({ heard }) => heard ?? [])
    for (const statement of statements) {
      if (statement.record?.isFormed === true) {
        this.#hearFormed(statement.candidate, statement.record.plan)
        if (this.#wanted !== undefined || this.#fault !== undefined) return
      }
    }
    this.#fault = faultAmong(this.#self, this.#slots.length + 1, statements)
    if (this.#fault !== undefined || statements.length < this.#slots.length) return
    const all = [this.#self, ...statements.map(({ candidate }) => candidate)].sort(byName)
    if (all[0]?.name === this.#self.name) this.#lead(all, statements)
    else this.#follow(all, statements)
  }

  /** There is a cluster: it is this node's too, if this node has agreed to it. */
  #hearFormed(informer: Candidate, plan: Plan): void {
    const { name, id } = this.#self
    const own = plan.members.find((member) => member.name === name)
    const place = `Node "${informer.name}" belongs to cluster ${plan.clusterId} already`
    if (own === undefined) {
      this.#refuse(`${place}, and node "${name}" is none of its first members. Nothing was begun.`)
    } else if (own.id !== id) {
      this.#refuse(
        `${place}, in which "${name}" is member ${own.id}; this directory is of ${id}: it is not the one that it had. ` +
          'Remove the old member, and add the new one.'
      )
    } else if (this.#record === undefined) {
      this.#refuse(`${place}, and node "${name}" is one of its members but has not kept that it agreed.`)
    } else if (isSamePlan(this.#record.plan, plan) || hasMember(this.#record.plan, informer)) {
      // Of another plan, only what needs the agreement of the informer cannot be formed: it has formed this one.
      this.#wanted = { plan, isFormed: true }
    } else {
      this.#refuse(`${place}, and node "${name}" has agreed to begin cluster ${this.#record.plan.clusterId}.`)
    }
  }

  /** This node has the lowest name: it makes the plan, and says when it is formed. */
  #lead(all: readonly Candidate[], statements: readonly Statement[]): void {
    const roles = rolesOf(all)
    const own = this.#record?.plan
    const others = statements.flatMap(({ record }) => record?.plan ?? [])
    const isOvertaken = others.some((plan) => own !== undefined && !isSamePlan(plan, own) && plan.round >= own.round)
    if (own === undefined || isOvertaken || !fits(own, all, roles)) {
      const round = 1 + Math.max(0, own?.round ?? 0, ...others.map((plan) => plan.round))
      const plan = { clusterId: this.#mintClusterId(), round, members: all.map(memberOf), ...roles }
      this.#wanted = { plan, isFormed: false }
      // Alone, or when all have said so already, the next step follows from what is kept then.
      return
    }
    if (statements.every(({ record }) => record !== undefined && isSamePlan(record.plan, own))) {
      this.#wanted = { plan: own, isFormed: true }
    }
  }

  /** Agrees to the plan of the node with the lowest name, if it is what this node sees itself. */
  #follow(all: readonly Candidate[], statements: readonly Statement[]): void {
    const lowest = statements.find(({ candidate }) => candidate.name === all[0]?.name)
    const plan = lowest?.record?.plan
    if (plan === undefined || lowest?.record?.isFormed === true) return
    if (plan.round <= (this.#record?.plan.round ?? 0)) return
    const strangers = plan.members.filter(({ name }) => all.every((candidate) => candidate.name !== name))
    if (strangers.length > 0 || plan.members.length !== all.length) {
      this.#fault =
        `Node "${lowest?.candidate.name}" begins a cluster of ${listed(plan.members)}; node "${this.#self.name}" expects ` +
        `${listed(all)}. All have to be given the same peers.`
      return
    }
    // Another id, or data that came meanwhile: the next plan will know of it.
    if (fits(plan, all, rolesOf(all))) this.#wanted = { plan, isFormed: false }
  }

  /** This node cannot come along: the others can. */
  #refuse(sentence: string): void {
    this.#fault = sentence
    this.#isOwnFault = true
  }

  #waitingFor(): string {
    const missing = this.#slots.flatMap(({ heard, expectedName }, number) =>
      heard === undefined ? (expectedName ?? `peer ${number + 1}`) : []
    )
    if (missing.length > 0) return `Waiting for ${missing.join(', ')} to be there.`
    return this.#record === undefined ? 'Waiting for a plan.' : 'Waiting for all to agree.'
  }
}

/** Why these nodes cannot begin a cluster together. */
function faultAmong(self: Candidate, count: number, statements: readonly Statement[]): string | undefined {
  const all = [self, ...statements.map(({ candidate }) => candidate)].sort(byName)
  const twice = all.find((candidate, i) => all.some((other, j) => j > i && isAlike(candidate, other)))
  if (twice !== undefined) return `Two of the expected nodes are called "${twice.name}", or are member ${twice.id}.`
  const other = statements.find((statement) => statement.count !== count)
  if (other !== undefined && other.record?.isFormed !== true) {
    return (
      `Node "${other.candidate.name}" expects ${other.count} members, and node "${self.name}" ${count}. ` +
      'All have to be given the same peers.'
    )
  }
  const holders = all.filter(({ holdsData }) => holdsData)
  if (holders.length > 1) {
    return (
      `${holders.map(({ name }) => `Node "${name}"`).join(' and ')} hold data. A cluster begins with the data of one node at ` +
      'most: empty the directories of the others, or start them elsewhere.'
    )
  }
  return statements.find(({ fault }) => fault !== undefined)?.fault
}

interface Roles {
  readonly firstCampaigner: NodeId
  readonly dataHolder: NodeId
}

/** `all`: by name. */
function rolesOf(all: readonly Candidate[]): Roles {
  const holder = all.find(({ holdsData }) => holdsData)
  const first = holder ?? all.find(({ wantsToLead }) => wantsToLead) ?? all[0]
  return { firstCampaigner: first?.id ?? none, dataHolder: holder?.id ?? none }
}

/** Whether a plan is of these nodes as they are now. */
function fits(plan: Plan, all: readonly Candidate[], { firstCampaigner, dataHolder }: Roles): boolean {
  return (
    plan.members.length === all.length &&
    all.every((candidate) => hasMember(plan, candidate)) &&
    plan.dataHolder === dataHolder &&
    plan.firstCampaigner === firstCampaigner
  )
}

const hasMember = ({ members }: Plan, { name, id }: MemberInfo): boolean =>
  members.some((member) => member.name === name && member.id === id)
const isSamePlan = (a: Plan, b: Plan): boolean => a.clusterId === b.clusterId && a.round === b.round
const isAlike = (a: MemberInfo, b: MemberInfo): boolean => a.name === b.name || a.id === b.id
const memberOf = ({ id, name, addresses }: MemberInfo): MemberInfo => ({ id, name, addresses })
const byName = (a: MemberInfo, b: MemberInfo): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
const listed = (members: readonly MemberInfo[]): string => members.map(({ name }) => `"${name}"`).join(', ')
