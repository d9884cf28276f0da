// Kept: what a node keeps of its cluster beside its database, in one file that is replaced as a whole: who it is before there is
// a cluster, how far the bootstrap came, and who led last.
//
//   cluster.json  one line of JSON: {"formatVersion":1,"memberId":…,"bootstrap":{…},"lastLeader":…}
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { BootstrapRecord } from './bootstrap.ts'
import { type NodeId, none } from './core/types.ts'
import { syncDirectory } from './sync-directory.ts'

const fileName = 'cluster.json'
const formatVersion = 1

interface KeptState {
  /** Random: it goes with this directory, and is never used again. */
  readonly memberId: NodeId
  readonly bootstrap?: BootstrapRecord | undefined
  readonly lastLeader: NodeId
}

export class Kept {
  readonly #directory: string
  #state: KeptState
  #writing: Promise<void> = Promise.resolve()

  private constructor(directory: string, state: KeptState) {
    this.#directory = directory
    this.#state = state
  }

  /** What is there, or a new id, which is kept before this resolves. Rejects with a sentence where the file is damaged. */
  static async open(directory: string, mintId: () => NodeId): Promise<Kept> {
    const path = join(directory, fileName)
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (text !== undefined) return new Kept(directory, stateOf(text, path))
    const kept = new Kept(directory, { memberId: mintId(), lastLeader: none })
    await mkdir(directory, { recursive: true })
    await kept.#write()
    return kept
  }

  get memberId(): NodeId {
    return this.#state.memberId
  }

  get bootstrap(): BootstrapRecord | undefined {
    return this.#state.bootstrap
  }

  /** 0: nobody is known to have led. */
  get lastLeader(): NodeId {
    return this.#state.lastLeader
  }

  keepBootstrap(bootstrap: BootstrapRecord): Promise<void> {
    this.#state = { ...this.#state, bootstrap }
    return this.#write()
  }

  keepLastLeader(lastLeader: NodeId): Promise<void> {
    if (lastLeader === this.#state.lastLeader) return this.#writing
    this.#state = { ...this.#state, lastLeader }
    return this.#write()
  }

  /** One after the other; resolves when it is on disk. */
  #write(): Promise<void> {
    const written = this.#writing.then(() => this.#replace())
    this.#writing = written.catch(() => undefined)
    return written
  }

  async #replace(): Promise<void> {
    const path = join(this.#directory, fileName)
    const file = await open(`${path}.new`, 'w')
    try {
      await file.writeFile(`${JSON.stringify({ formatVersion, ...this.#state })}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(`${path}.new`, path)
    await syncDirectory(this.#directory)
  }
}

function stateOf(text: string, path: string): KeptState {
  let value: Partial<KeptState> & { readonly formatVersion?: unknown }
  try {
    value = JSON.parse(text) as typeof value
  } catch {
    throw new Error(`${path} is damaged: it is no JSON.`)
  }
  if (value.formatVersion !== formatVersion) {
    throw new Error(`${path} is of version ${String(value.formatVersion)}, and this varve reads ${formatVersion}.`)
  }
  const { memberId, bootstrap, lastLeader = none } = value
  if (!Number.isSafeInteger(memberId) || (memberId as number) < 1)
    throw new Error(`${path} is damaged: it has no memberId.`)
  return { memberId: memberId as number, bootstrap, lastLeader }
}
