// PartedCluster: three real members whose network can be cut, and what they say of themselves.
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { program } from '../../support/varve.ts'
import { Network } from './network.ts'

export interface Said {
  readonly role: string
  readonly term: number
  readonly applied: number
  readonly leader: string
}

const members = [1, 2, 3] as const
const askMs = 1_000
const lookEveryMs = 25

export class PartedCluster {
  readonly network = new Network(members.length)
  readonly #directory = mkdtempSync(join(tmpdir(), 'varve-parted-'))
  readonly #children = members.map((id) => this.#start(id))
  #writes = 0

  async close(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL')
    await Promise.all(this.#children.map((child) => child.exitCode ?? child.signalCode ?? once(child, 'exit')))
    this.network.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** What each member says of itself; undefined: nothing. */
  async look(): Promise<(Said | undefined)[]> {
    const answers = await Promise.all(members.map((member) => this.network.ask(member, 'STATUS', askMs)))
    return answers.map((text) => {
      const of = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1]
      const [role, term] = [of('Role'), of('Term')]
      if (role === undefined || term === undefined) return undefined
      return { role, term: Number(term), applied: Number(of('Applied Index')), leader: of('Leader') ?? '' }
    })
  }

  async termMax(): Promise<number> {
    return Math.max(...(await this.look()).map((said) => said?.term ?? 0))
  }

  /** A write that has to get through: whether it was acknowledged. */
  async write(member: number, waitMs: number): Promise<boolean> {
    return (await this.network.ask(member, `PUT written ${++this.#writes}`, waitMs)).startsWith('+OK')
  }

  /** Once one member alone says that it leads, and takes a write: who, and after how many milliseconds. */
  async oneLeader(withinMs: number): Promise<{ readonly leader: number; readonly ms: number }> {
    return this.#until(withinMs, 'one leader that takes writes', async (said) => {
      const leaders = members.filter((member) => said[member - 1]?.role === 'LEADER')
      const [leader] = leaders
      return leaders.length === 1 && leader !== undefined && (await this.write(leader, askMs)) ? leader : undefined
    }).then(({ found, ms }) => ({ leader: found, ms }))
  }

  /** Once all follow one leader, in one term, and have applied the same: that term. */
  async allAsOne(withinMs: number): Promise<number> {
    const { found } = await this.#until(withinMs, 'members that agree', async (said) => {
      const [first] = said
      const isOne = said.every(
        (one) => one !== undefined && one.term === first?.term && one.applied === first.applied && one.leader !== ''
      )
      return isOne && said.filter((one) => one?.role === 'LEADER').length === 1 ? first?.term : undefined
    })
    return found
  }

  async #until<Found>(
    withinMs: number,
    what: string,
    look: (said: (Said | undefined)[]) => Promise<Found | undefined>
  ): Promise<{ readonly found: Found; readonly ms: number }> {
    const startMs = performance.now()
    for (;;) {
      const said = await this.look()
      const found = await look(said)
      const ms = Math.round(performance.now() - startMs)
      if (found !== undefined) return { found, ms }
      if (ms > withinMs) throw new Error(`no ${what} within ${withinMs} ms: ${JSON.stringify(said)}`)
      await pause(lookEveryMs)
    }
  }

  #start(id: number) {
    const { network } = this
    const peers = members
      .filter((other) => other !== id)
      .map((other) => ({ host: network.addressOf(other), port: 9100 }))
    const config = join(this.#directory, `${id}.yaml`)
    const content = {
      node: { id, role: id === 1 ? 'leader' : 'follower' },
      server: { host: network.addressOf(id), port: 9000, insecure: true },
      replication: { port: 9100 },
      peers,
      storage: { data_dir: join(this.#directory, `node${id}`) },
      logging: { level: 'error' }
    }
    // JSON is YAML.
    writeFileSync(config, JSON.stringify(content))
    const child = network.spawn(id, [process.execPath, program, 'serve', '-f', config])
    child.stdout?.resume()
    return child
  }
}
