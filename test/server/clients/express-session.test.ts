// connect-redis with express-session over a varve server: sessions that are kept, touched, changed and ended.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { RedisStore } from 'connect-redis'
import session from 'express-session'
import { createClient } from 'redis'
import { expect, test } from 'vitest'
import { atEnd, databaseStore, served } from '../support/served.ts'

declare module 'express-session' {
  interface SessionData {
    views: number
  }
}

type Middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void

async function start() {
  const server = await served({ store: await databaseStore() })
  const client = createClient({ socket: { port: server.address.port } })
  await client.connect()
  atEnd(() => client.destroy())
  const store = new RedisStore({ client, ttl: 100 })
  // It is made for express, and needs nothing of it but what node:http has.
  const sessions = session({ store, secret: 's', resave: false, saveUninitialized: false }) as unknown as Middleware
  const http = createServer((request, response) => {
    sessions(request, response, () => {
      const { session: own } = request as IncomingMessage & { session: session.Session & session.SessionData }
      if (request.url === '/end') own.destroy(() => response.end('ended'))
      else {
        own.views = (own.views ?? 0) + 1
        response.end(String(own.views))
      }
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  atEnd(async () => {
    http.closeAllConnections()
    http.close()
    await once(http, 'close')
  })
  const { port } = http.address() as AddressInfo
  const get = async (path: string, cookie = '') => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { cookie } })
    return { text: await response.text(), cookie: response.headers.get('set-cookie')?.split(';')[0] ?? cookie }
  }
  return { get, client, store }
}

test('sessions of express', async () => {
  const { get, client, store } = await start()
  const first = await get('/')
  expect(first.text).toBe('1')
  expect((await get('/', first.cookie)).text).toBe('2')
  expect((await get('/')).text).toBe('1')
  const keys = await client.keys('sess:*')
  expect(keys).toHaveLength(2)
  expect(await client.ttl(keys[0] ?? '')).toBeGreaterThan(90)
  expect(await store.length()).toBe(2)
  expect((await get('/end', first.cookie)).text).toBe('ended')
  expect((await get('/', first.cookie)).text).toBe('1')
  await store.clear()
  expect(await client.keys('*')).toEqual([])
})
