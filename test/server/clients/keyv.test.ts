// @keyv/redis over a varve server, judged by keyv's own suite for stores: 42 tests.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import KeyvRedis, { createClient } from '@keyv/redis'
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite'
import { Keyv } from 'keyv'
import * as vitest from 'vitest'
import { Server } from '../../../server/server.ts'
import { DatabaseStore } from '../../../server/store/database.ts'

// The suite asks for stores when its tests are made: the server is there before them.
const directory = mkdtempSync(join(tmpdir(), 'varve-keyv-'))
const store = await DatabaseStore.open(directory)
const server = await Server.listen({ store, port: 0 })
const client = createClient({ url: `redis://127.0.0.1:${server.address.port}` })
// Each adapter listens on the one client.
client.setMaxListeners(0)
const adapter = () => new KeyvRedis(client, { throwOnErrors: true })

vitest.afterAll(async () => {
  client.destroy()
  await server.stop()
  await store.close()
  rmSync(directory, { recursive: true })
})

keyvTestSuite(vitest, Keyv, adapter)
keyvIteratorTests(vitest, Keyv, adapter)
