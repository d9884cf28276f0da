// What must hold when nobody writes any more: everybody has the same, entry by entry, and all that was acknowledged.
import native from '#native'
import { Disk } from '../../../lib/disk/fs.ts'
import type { Database } from '../../../lib/index.ts'
import { fold, hashText } from '../random.ts'
import { Violation } from '../violation.ts'
import type { ProductionCluster } from './cluster.ts'
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

/** Throws where somebody lacks something. Returns a number that stands for what there is. */
export async function checkContents(cluster: ProductionCluster): Promise<number> {
  const [first, ...others] = cluster.nodes
  if (first === undefined) return 0
  const expected = await linesOf(first)
  for (const node of others) {
    const lines = await linesOf(node)
    const differing = expected.findIndex((line, i) => lines[i] !== line)
    if (differing < 0 && lines.length === expected.length) continue
    const at = differing < 0 ? expected.length : differing
    const [here, there] = [lines[at], expected[at]]
    throw new Violation('equal contents', `Node ${node.id} has ${here}, where node ${first.id} has ${there}.`)
  }
  const keys = new Set(expected.map((line) => line.split(' = ')[0]))
  for (const receipt of cluster.receipts) {
    if (keys.has(receipt)) continue
    throw new Violation('nothing acknowledged is lost', `What left the ${receipt} was acknowledged, and is not there.`)
  }
  return expected.reduce((hash, line) => fold(hash, hashText(line)), 0)
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

// Everything that a node's database holds, with the sequences.
async function linesOf({ member, host }: ProductionNode): Promise<string[]> {
  if (member === undefined) throw new Error('It is down.')
  const { database } = member
  return [...(await host.drain(entriesOf(database))), ...(await host.drain(recordsOf(database)))]
}

async function entriesOf(database: Database<Buffer, Buffer>): Promise<string[]> {
  const keys = await database.keys().all()
  const entries = await Promise.all(keys.map((key) => database.getEntry(key)))
  return keys.map((key, i) => `${key} = ${entries[i]?.value} at ${entries[i]?.sequence}`)
}

async function recordsOf({ system }: Database<Buffer, Buffer>): Promise<string[]> {
  const records = await system.iterator({}).all()
  return records.map(([key, value]) => `record ${key} = ${JSON.stringify(value)}`)
}
