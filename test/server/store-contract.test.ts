// One suite over all stores: a database, the client of a server, and three members in memory.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '../../server/client/client.ts'
import { ClientStore } from '../../server/client/store.ts'
import { Server } from '../../server/server.ts'
import { DatabaseStore } from '../../server/store/database.ts'
import type { Store } from '../../server/store.ts'
import { seedOf } from '../support/campaign.ts'
import { MemberStore } from './support/member-store.ts'
import { storeContract } from './support/store-contract.ts'
import { ThreeMembers } from './support/three-members.ts'

async function database() {
  const directory = mkdtempSync(join(tmpdir(), 'varve-store-'))
  const store = await DatabaseStore.open(join(directory, 'data'))
  const close = async () => {
    await store.close()
    rmSync(directory, { recursive: true, force: true })
  }
  return { store, close }
}

const members = async () => {
  const store = new ThreeMembers(seedOf('three members'))
  return { store, close: () => store.close() }
}

/** The one of them that leads, as its own server sees it. */
const leader = async () => {
  const members = new ThreeMembers(seedOf('three members'))
  const place = { host: '127.0.0.1', port: 0, tls: false }
  const store = new MemberStore(
    { members, places: [place, place, place], noteListeners: new Map(), cutNotes: new Set() },
    members.leaderAt as number
  )
  return { store, close: () => store.close() }
}

/** A client of a server in this process that stands on another store. */
const clientOf = (open: () => Promise<{ store: Store; close: () => Promise<void> }>) => async () => {
  const behind = await open()
  const server = await Server.listen({ store: behind.store, port: 0 })
  const client = await Client.connect({ ...server.address, keyEncoding: 'buffer', valueEncoding: 'buffer' })
  const store = await ClientStore.over(client)
  const close = async () => {
    await store.close()
    await server.stop()
    await behind.close()
  }
  return { store, close }
}

storeContract('a database', { open: database, pins: true })
storeContract('three members', { open: members, pins: true })
storeContract('a member that leads', { open: leader, pins: true })
storeContract('a client of a database', { open: clientOf(database), pins: false })
storeContract('a client of three members', { open: clientOf(members), pins: false })
