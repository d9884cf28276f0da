// Configuration files: what is read, and the sentences for what cannot be.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { defaultConfig, withFlags } from '../../server/config.ts'
import { parseConfig } from '../../server/config-file.ts'
import { nearest } from '../../server/nearest.ts'

const faultsOf = (text: string): readonly string[] => {
  const result = parseConfig(text, 'server.yaml')
  return result.ok ? [] : result.faults
}

const configOf = (text: string) => {
  const result = parseConfig(text, 'server.yaml')
  if (!result.ok) throw new Error(result.faults.join('\n'))
  return result
}

const cluster = `node:
  id: 1
  role: "leader"  # or "follower"
server:
  host: "0.0.0.0"
  port: 9000
  threads: 4
replication:
  port: 9100
peers:
  - host: "10.0.1.11"
    port: 9101
  - host: "10.0.1.12"
    port: 9102
storage:
  data_dir: "/app/data"
  cache_size: 1000
logging:
  level: "info"
`

describe('what is read', () => {
  test('a file with every key', () => {
    const { config, notes } = configOf(cluster)
    expect(config).toEqual({
      node: { id: 1, role: 'leader' },
      server: { host: '0.0.0.0', port: 9000, threads: 4 },
      replication: { port: 9100 },
      peers: [
        { host: '10.0.1.11', port: 9101 },
        { host: '10.0.1.12', port: 9102 }
      ],
      storage: { dataDir: '/app/data', cacheBytes: 4_096_000 },
      logging: { level: 'info' }
    })
    expect(notes).toEqual(['server.yaml:17: storage.cache_size: 1000 entries are taken as 4 KiB each, 4096000 bytes.'])
  })

  test.each(['', '# nothing\n', 'node:\n', 'peers:\nserver: {}\n'])('nothing in %j but defaults', (text) => {
    expect(configOf(text).config).toEqual(defaultConfig)
  })

  test.each([
    ['64MiB', 64 * 2 ** 20],
    ['1.5 GiB', 1.5 * 2 ** 30],
    ['4096B', 4_096],
    ['0', 0]
  ])('a cache of %s', (size, bytes) => {
    expect(configOf(`storage:\n  cache_size: ${size}\n`).config.storage.cacheBytes).toBe(bytes)
  })

  test('the example file', () => {
    const { config, notes } = configOf(readFileSync(new URL('../../server/server1.yaml', import.meta.url), 'utf8'))
    expect(config).toEqual({ ...defaultConfig, storage: { dataDir: './data', cacheBytes: 64 * 2 ** 20 } })
    expect(notes).toEqual([])
  })

  test('flags win, and nothing can be changed afterwards', () => {
    const config = withFlags(configOf(cluster).config, { host: '127.0.0.1', port: 0 })
    expect(config.server).toEqual({ host: '127.0.0.1', port: 0, threads: 4 })
    expect(config.storage.dataDir).toBe('/app/data')
    expect(withFlags(config, { dataDir: 'other' }).storage.dataDir).toBe('other')
    expect(() => Object.assign(config.server, { port: 1 })).toThrow(TypeError)
  })
})

describe('what is wrong', () => {
  test.each<readonly [string, readonly string[]]>([
    ['server:\n  prot: 9000\n', ['server.yaml:2: there is no key server.prot; did you mean port?']],
    ['sever:\n  port: 9000\n', ['server.yaml:1: there is no key sever; did you mean server?']],
    ['storage:\n  dataDir: x\n', ['server.yaml:2: there is no key storage.dataDir; did you mean data_dir?']],
    ['logging:\n  zzzzzzzz: x\n', ['server.yaml:2: there is no key logging.zzzzzzzz; there are level.']],
    ['server:\n  port: 65536\n', ['server.yaml:2: server.port must be a whole number from 0 to 65535, not 65536.']],
    ['server:\n  port: "9000"\n', ['server.yaml:2: server.port must be a whole number from 0 to 65535, not "9000".']],
    ['server:\n  host:\n', ['server.yaml:2: server.host must be a text, not null.']],
    ['node:\n  role: boss\n', ['server.yaml:2: node.role must be "leader" or "follower", not "boss".']],
    ['node: 7\n', ['server.yaml:1: node must be a map, not 7.']],
    ['- a\n', ['server.yaml:1: the file must be a map, not a list.']],
    ['peers: 3\n', ['server.yaml:1: peers must be a list, not 3.']],
    ['peers:\n  - host: a\n', ['server.yaml:2: peers[0] needs a host and a port.']],
    [
      'peers:\n  - host: a\n    port: x\n',
      ['server.yaml:3: peers[0].port must be a whole number from 0 to 65535, not "x".']
    ],
    [
      'storage:\n  cache_size: 64MB\n',
      [
        'server.yaml:2: storage.cache_size must be a size with a unit such as 64MiB, or a number of entries, not "64MB".'
      ]
    ],
    [
      'server:\n  port: x\n  thread: 4\nlogging:\n  level: loud\n',
      [
        'server.yaml:2: server.port must be a whole number from 0 to 65535, not "x".',
        'server.yaml:3: there is no key server.thread; did you mean threads?',
        'server.yaml:5: logging.level must be "debug" or "info" or "warn" or "error", not "loud".'
      ]
    ],
    [
      'constructor: 1\n',
      ['server.yaml:1: there is no key constructor; there are node, server, replication, peers, storage, logging.']
    ]
  ])('%j', (text, faults) => {
    expect(faultsOf(text)).toEqual(faults)
  })

  test('text that is no YAML, with its line', () => {
    expect(faultsOf('server:\n  port: [1\n')[0]).toMatch(/^server\.yaml:\d: /)
    expect(faultsOf('a: 1\na: 2\n')[0]).toMatch(/^server\.yaml:2: /)
  })
})

test('the nearest word', () => {
  const words = ['host', 'port', 'threads']
  expect(nearest('prot', words)).toBe('port')
  expect(nearest('Thread', words)).toBe('threads')
  expect(nearest('hots', words)).toBe('host')
  expect(nearest('zebra', words)).toBeUndefined()
})
