// What must hold when nobody writes any more: everybody has the same, entry by entry, and all that was acknowledged.
import native from '#native'
import { Disk } from '../../../lib/disk/fs.ts'
import type { Database } from '../../../lib/index.ts'
import { type Cell, execute } from '../models.ts'
import { fold, hashText } from '../random.ts'
import { Violation } from '../violation.ts'
import type { ProductionCluster } from './cluster.ts'
import { isReceipt, receiptIn } from './commands.ts'
import { directory, type ProductionNode } from './node.ts'

/** Whether one leads, the others follow it, and all have applied all that there is. */
export function isSettled({ leader, nodes }: ProductionCluster): boolean {
  const status = leader?.store?.raftStatus
  if (leader === undefined || status === undefined) return false
  return nodes.every(
    ({ store, applied, term }) =>
      store?.leadership.leader === leader.id && term === status.term && applied === status.lastIndex
  )
}

interface Found {
  readonly key: string
  readonly value: string
  readonly sequence: number
}

/** Throws where somebody lacks something, or has what did not happen. Returns a number that stands for what there is. */
export async function checkContents(cluster: ProductionCluster): Promise<number> {
  const [first, ...others] = cluster.nodes
  if (first === undefined) return 0
  const entries = await entriesOf(first)
  const expected = entries.map(lineOf)
  for (const node of others) {
    const lines = (await entriesOf(node)).map(lineOf)
    const differing = expected.findIndex((line, i) => lines[i] !== line)
    if (differing < 0 && lines.length === expected.length) continue
    const at = differing < 0 ? expected.length : differing
    const [here, there] = [lines[at], expected[at]]
    throw new Violation('equal contents', `Node ${node.id} has ${here}, where node ${first.id} has ${there}.`)
  }
  const keys = new Set(entries.map(({ key }) => key))
  for (const receipt of cluster.receipts) {
    if (keys.has(receipt)) continue
    throw new Violation('nothing acknowledged is lost', `What left the ${receipt} was acknowledged, and is not there.`)
  }
  checkReceipts(entries)
  return expected.reduce((hash, line) => fold(hash, hashText(line)), 0)
}

// In the order of the log each receipt says what was answered on the state that those before it made.
function checkReceipts(entries: readonly Found[]): void {
  const cells = new Map<string, Cell>()
  const receipts = entries.filter(({ key }) => isReceipt(key)).sort((a, b) => a.sequence - b.sequence)
  for (const { key: name, value } of receipts) {
    const { key, call, reply } = receiptIn(value)
    const before = cells.get(key) ?? null
    const after = execute(before, call)
    if (after.reply.value !== reply.value) {
      throw new Violation(
        'decisions see what is before them',
        `The ${name} says that ${JSON.stringify(call)} of ${key} made ${reply.value}; on ${before} it makes ${after.reply.value}.`
      )
    }
    cells.set(key, after.state)
  }
  const found = new Map(entries.map(({ key, value }) => [key, value]))
  for (const [key, cell] of cells) {
    if (found.get(key) === String(cell)) continue
    throw new Violation('decisions see what is before them', `There is ${found.get(key)} at ${key}, not ${cell}.`)
  }
}

/** A number that stands for every byte on a host's disk, but for the name of the process that holds it. */
export async function digestOf({ host }: ProductionNode): Promise<number> {
  const { executor, fs } = host.environment()
  const names = await host.drain(new Disk(fs, executor).list(directory))
  native.release(executor)
  let digest = 0
  for (const name of names.filter((one) => one !== 'LOCK' && one !== 'incoming').sort()) {
    digest = fold(fold(digest, hashText(name)), native.crc32c(native.memoryDump(fs, `${directory}/${name}`)))
  }
  return digest
}

const lineOf = ({ key, value, sequence }: Found): string => `${key} = ${value} at ${sequence}`

// Everything that a node's database holds.
async function entriesOf({ member, host }: ProductionNode): Promise<Found[]> {
  if (member === undefined) throw new Error('It is down.')
  const { database } = member
  return host.drain(readAll(database))
}

async function readAll(database: Database<Buffer, Buffer>): Promise<Found[]> {
  const keys = await database.keys().all()
  const entries = await Promise.all(keys.map((key) => database.getEntry(key)))
  const records = await database.system.iterator({}).all()
  return [
    ...keys.map((key, i) => ({
      key: key.toString(),
      value: String(entries[i]?.value),
      sequence: entries[i]?.sequence ?? 0
    })),
    ...records.map(([key, value]) => ({ key: `record ${key}`, value: JSON.stringify(value), sequence: 0 }))
  ]
}
