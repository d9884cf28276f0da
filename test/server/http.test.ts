// The HTTP port: health and metrics, and what else it is asked.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AdminServer } from '../../server/http.ts'
import { checksOf, exposeAll } from '../../server/metrics/all.ts'
import { Exposition } from '../../server/metrics/exposition.ts'
import { ProcessMetrics } from '../../server/metrics/process.ts'
import type { ServerFigures, StatisticsView } from '../../server/metrics/server.ts'
import { DatabaseStore } from '../../server/store/database.ts'
import { hasCommand, skipUnless } from '../support/skip.ts'
import { temporaryDirectory } from '../support/varve.ts'

const durations = new Uint32Array(28)
durations[7] = 2
durations[27] = 1
const statistics: StatisticsView = {
  counts: { connectionsReceived: 5, connectionsRejected: 1, bytesReceived: 10, bytesSent: 20, messagesPublished: 0 },
  tallies: new Map([['CLIENT ID', { calls: 3, rejected: 1, failed: 0, micros: 2_000_000, durations }]]),
  errors: new Map([['ERR', 4]])
}

const directory = temporaryDirectory()
const processMetrics = new ProcessMetrics()
let store: DatabaseStore
let health: string | undefined
let figures: ServerFigures = { activeConnections: 2, isStopping: false, statistics }
let failure: Error | undefined
const faults: unknown[] = []
let admin: AdminServer
let url = ''

beforeAll(async () => {
  store = await DatabaseStore.open(directory.path)
  await store.write([{ type: 'put', key: Buffer.from('a'), value: Buffer.from('b') }])
  await store.database.flush()
  admin = await AdminServer.listen({
    host: '127.0.0.1',
    port: 0,
    checks: () => checksOf({ server: figures, database: { stats: () => database.stats(), health: healthNow() } }),
    metrics: async () => {
      if (failure !== undefined) throw failure
      return exposeAll({ server: figures, database, process: processMetrics, nodeId: 7, version: '1.2.3' })
    },
    onFault: (error) => faults.push(error)
  })
  const { database } = store
  const healthNow = () => (health ?? database.health) as typeof database.health
  url = `http://127.0.0.1:${admin.address.port}`
})

afterAll(async () => {
  await admin.stop()
  await store.close()
  processMetrics.close()
  directory[Symbol.dispose]()
})

async function get(path: string, method = 'GET'): Promise<[status: number, body: string, type: string | null]> {
  const response = await fetch(url + path, { method })
  return [response.status, await response.text(), response.headers.get('content-type')]
}

describe('health', () => {
  test('of a server that is well', async () => {
    expect(await get('/livez')).toEqual([200, 'ok\n', 'text/plain; charset=utf-8'])
    expect(await get('/readyz')).toEqual([200, 'ok\n', 'text/plain; charset=utf-8'])
    const checks = { accepting: { ok: true }, log: { ok: true }, disk: { ok: true } }
    const [status, body, type] = await get('/readyz?verbose')
    expect([status, JSON.parse(body), type]).toEqual([200, { ok: true, checks }, 'application/json'])
    expect((await get('/livez?verbose'))[1]).toBe('{"ok":true,"checks":{"loop":{"ok":true}}}\n')
  })

  test.each([
    ['poisoned', 'log', 'log: a write of the log failed: start the server again\n'],
    ['stopped', 'disk', 'disk: the disk is full: puts are refused until there is space\n']
  ])('of one that is %s: it lives, and is not ready', async (state, check, said) => {
    health = state
    const [ready, verbose, live] = await Promise.all([get('/readyz'), get('/readyz?verbose'), get('/livez')])
    health = undefined
    expect([ready[0], ready[1], live[0], verbose[0]]).toEqual([503, said, 200, 503])
    expect(JSON.parse(verbose[1])).toMatchObject({ ok: false, checks: { [check]: { ok: false } } })
  })

  test('of one that is slowed: it is ready', async () => {
    health = 'slowed'
    const [status] = await get('/readyz')
    health = undefined
    expect(status).toBe(200)
  })

  test('of one that stops', async () => {
    figures = { ...figures, isStopping: true }
    const answer = await get('/readyz')
    figures = { ...figures, isStopping: false }
    expect(answer.slice(0, 2)).toEqual([503, 'accepting: the server is stopping\n'])
  })
})

describe('metrics', () => {
  test('of engine, server and process', async () => {
    const [status, text, type] = await get('/metrics')
    expect([status, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
    const lines = text.split('\n')
    for (const line of [
      'varve_health{state="ok"} 1',
      'varve_health{state="poisoned"} 0',
      'varve_operations_written_total 1',
      'varve_level_tables{level="0"} 1',
      'varve_connections 2',
      'varve_connections_rejected_total 1',
      'varve_errors_total{code="ERR"} 4',
      'varve_commands_rejected_total{command="client id"} 1',
      'varve_command_duration_seconds_bucket{command="client id",le="0.000064"} 0',
      'varve_command_duration_seconds_bucket{command="client id",le="0.000256"} 2',
      'varve_command_duration_seconds_bucket{command="client id",le="+Inf"} 3',
      'varve_command_duration_seconds_sum{command="client id"} 2'
    ]) {
      expect(lines).toContain(line)
    }
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m)
    expect(text).toMatch(/^varve_build_info\{version="1\.2\.3",node="7",nodejs="v\d+/m)
  })

  test('no family is there twice, and all samples have one', async () => {
    const [, text] = await get('/metrics')
    const families = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name ?? '')
    expect(new Set(families).size).toBe(families.length)
    const samples = [...text.matchAll(/^([a-z_]+)[ {]/gm)].map(([, name]) => name ?? '')
    const known = new Set(families.flatMap((name) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]))
    expect(samples.filter((name) => !known.has(name))).toEqual([])
  })

  test.runIf(skipUnless('promtool', hasCommand('promtool'), 'needs the Debian package prometheus'))(
    'promtool has nothing to say',
    async () => {
      const [, text] = await get('/metrics')
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
      const bad = spawnSync('promtool', ['check', 'metrics'], {
        input: text.replaceAll('_total', ''),
        encoding: 'utf8'
      })
      expect(bad.status).not.toBe(0)
    }
  )

  test('labels and help are escaped', () => {
    const to = new Exposition()
    to.gauge('a', 'one\ntwo \\', [{ labels: { text: 'say "hi"\n\\' }, value: Number.POSITIVE_INFINITY }])
    expect(to.text).toBe('# HELP a one\\ntwo \\\\\n# TYPE a gauge\na{text="say \\"hi\\"\\n\\\\"} +Inf\n')
  })

  test('a fault of theirs is told, and not what it was', async () => {
    failure = new Error('secret')
    const [status, body] = await get('/metrics')
    failure = undefined
    expect([status, body, faults.length]).toEqual([500, 'a fault of the server; its log says more\n', 1])
  })
})

describe('what else it is asked', () => {
  test('other paths and methods', async () => {
    expect((await get('/'))[0]).toBe(404)
    expect((await get('/metrics', 'POST'))[0]).toBe(405)
    expect(await get('/livez', 'HEAD')).toEqual([200, '', 'text/plain; charset=utf-8'])
  })

  test('a header without end', async () => {
    const socket = connect({ host: '127.0.0.1', port: admin.address.port })
    let reply = ''
    socket.on('data', (chunk: Buffer) => {
      reply += chunk
    })
    socket.on('error', () => {})
    socket.write(`GET /livez HTTP/1.1\r\nX: ${'x'.repeat(100_000)}`)
    await once(socket, 'close')
    expect(reply).toMatch(/^HTTP\/1\.1 431 /)
  })

  test('stopping does not wait for connections', async () => {
    const other = await AdminServer.listen({
      host: '127.0.0.1',
      port: 0,
      checks: () => ({}),
      metrics: async () => '',
      onFault: () => {}
    })
    const socket = connect({ host: '127.0.0.1', port: other.address.port })
    await once(socket, 'connect')
    await other.stop()
    expect(await fetch(`http://127.0.0.1:${admin.address.port}/livez`).then(({ status }) => status)).toBe(200)
    socket.destroy()
  })
})
