// Three servers of a test over three members in memory.
import type { ServerOptions } from '../../../server/server.ts'
import { Server } from '../../../server/server.ts'
import { type Group, type MemberClock, MemberStore } from './member-store.ts'
import { atEnd } from './served.ts'
import { ThreeMembers } from './three-members.ts'

export interface ServedGroup {
  readonly members: ThreeMembers
  readonly stores: readonly MemberStore[]
  readonly ports: readonly number[]
  /** "from to", as `member-1 member-2`: nothing that servers say to each other gets through. */
  readonly cutNotes: Set<string>
  serverAt(at: number): Server
  /** Its process ends: connections break, messages are lost. */
  kill(at: number): Promise<void>
  /** It comes back where it was. */
  restart(at: number): Promise<void>
  /** Lets somebody lead, after some turns in which nobody does. */
  electAfter(turns: number): Promise<void>
  close(): Promise<void>
}

export type OptionsOf = () => Promise<Partial<ServerOptions>> | Partial<ServerOptions>

/** `optionsOf` is asked for each server: what they do not share is made anew. */
export async function serveGroup(
  seed: number,
  optionsOf: OptionsOf = () => ({}),
  clock?: MemberClock
): Promise<ServedGroup> {
  const members = new ThreeMembers(seed, clock?.nowMs)
  const group: Group = { members, places: [], noteListeners: new Map(), cutNotes: new Set() }
  // All names stand before any server does: members know each other from the beginning.
  for (let at = 0; at < 3; at++) group.places.push({ host: '127.0.0.1', port: 0, tls: false })
  const stores = group.places.map((_, at) => new MemberStore(group, at, clock))
  const faults: unknown[] = []
  const servers: Server[] = []
  const listen = async (at: number, port: number) => {
    const options = await optionsOf()
    const store = stores[at] as MemberStore
    const onFault = (error: unknown) => faults.push(error)
    const server = await Server.listen({ ...options, store, nodeId: at + 1, port, onFault })
    servers[at] = server
    group.places[at] = { host: '127.0.0.1', port: server.address.port, tls: options.tls !== undefined }
  }
  for (let at = 0; at < 3; at++) await listen(at, 0)
  const ports = group.places.map(({ port }) => port)
  await members.quiet()
  return {
    members,
    stores,
    ports,
    cutNotes: group.cutNotes,
    serverAt: (at) => servers[at] as Server,
    async kill(at) {
      await servers[at]?.stop(0)
      members.stop(at)
    },
    async restart(at) {
      await listen(at, ports[at] as number)
      members.start(at)
    },
    async electAfter(turns) {
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve))
      members.elect()
    },
    async close() {
      // First what is held: sessions end once they are answered.
      for (const store of stores) await store.close()
      await Promise.all(servers.map((server) => server.stop(0)))
      if (faults.length > 0) throw faults[0]
    }
  }
}

/** The same, closed at the end of the test. */
export async function servedGroup(seed: number, optionsOf?: OptionsOf, clock?: MemberClock): Promise<ServedGroup> {
  const group = await serveGroup(seed, optionsOf, clock)
  atEnd(() => group.close())
  return group
}
