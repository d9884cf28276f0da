// Configuration files: what is read, and the sentences for what cannot be.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { readEnvironmentLayer, variableOf } from '../../server/config/environment.ts'
import { readFileLayer } from '../../server/config/file.ts'
import { keyNames, table } from '../../server/config/keys.ts'
import { loadConfig, parseConfig } from '../../server/config/load.ts'
import { shownSettings, yamlLines } from '../../server/config/print.ts'
import { defaultConfig } from '../../server/config.ts'
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
      ...defaultConfig,
      node: { id: 1, role: 'leader' },
      server: { host: '0.0.0.0', port: 9000, advertise: undefined, threads: 4, insecure: false },
      replication: { port: 9100 },
      peers: [
        { host: '10.0.1.11', port: 9101 },
        { host: '10.0.1.12', port: 9102 }
      ],
      storage: { ...defaultConfig.storage, dataDir: '/app/data', cacheBytes: 4_096_000 },
      logging: defaultConfig.logging
    })
    expect(notes).toEqual(['server.yaml:17: storage.cache_size: 1000 entries are taken as 4 KiB each, 4096000 bytes.'])
  })

  test.each([
    ['node1.example:9001', { host: 'node1.example', port: 9001 }],
    ['[::1]:9001', { host: '::1', port: 9001 }],
    ['fd00::7:9001', { host: 'fd00::7', port: 9001 }]
  ])('where clients reach it: %s', (text, advertise) => {
    expect(configOf(`server:\n  advertise: "${text}"\n`).config.server.advertise).toEqual(advertise)
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

  test.each(['server1.yaml'])('the example %s', (name) => {
    const text = readFileSync(new URL(`../../server/${name}`, import.meta.url), 'utf8')
    const { config, notes } = configOf(text)
    expect(config.server).toEqual(defaultConfig.server)
    expect(config.storage).toEqual({ ...defaultConfig.storage, cacheBytes: 64 * 2 ** 20 })
    expect(notes).toEqual([])
  })

  test('the examples of three nodes name each other', () => {
    const configs = [1, 2, 3].map((id) => {
      const text = readFileSync(new URL(`../../server/node${id}.yaml`, import.meta.url), 'utf8')
      return configOf(text).config
    })
    for (const [i, { node, server, replication, peers }] of configs.entries()) {
      expect([node.id, node.role, server.port]).toEqual([i + 1, i === 0 ? 'leader' : 'follower', 9000 + i])
      const others = configs.filter((config) => config.node.id !== node.id)
      expect(peers).toEqual(others.map((other) => ({ host: '127.0.0.1', port: other.replication.port })))
      expect(replication.port).toBe(9100 + i)
    }
    expect(new Set(configs.map(({ storage }) => storage.dataDir)).size).toBe(3)
  })

  test('every key of the table can be set in a file, and in the environment', () => {
    const samples: Readonly<Record<string, readonly [yaml: string, variable: string]>> = {
      'a text': ['"x"', 'x'],
      'true or false': ['true', 'true'],
      'a list': ['[{ host: a, port: 1 }]', 'a:1'],
      'host:port': ['"a:1"', 'a:1'],
      'a size with a unit such as 64MiB': ['1KiB', '1KiB'],
      'a size with a unit such as 64MiB, or a number of entries': ['1KiB', '1KiB']
    }
    for (const name of keyNames) {
      const { what } = table[name].reader
      const word = /^"(\w+)"/.exec(what)?.[1]
      const [yaml, variable] = samples[what] ?? (word === undefined ? ['7', '7'] : [word, word])
      const [section, key] = name.split('.')
      const file = readFileLayer(key === undefined ? `${section}: ${yaml}\n` : `${section}:\n  ${key}: ${yaml}\n`, 'f')
      const env = readEnvironmentLayer({ [variableOf(name)]: variable })
      expect([name, file.faults, env.faults]).toEqual([name, [], []])
      expect(file.layer.get(name)?.value).toEqual(env.layer.get(name)?.value)
    }
  })
})

describe('the environment and flags', () => {
  const load = (sources: Parameters<typeof loadConfig>[0]) => {
    const result = loadConfig(sources)
    if (!result.ok) throw new Error(result.faults.join('\n'))
    return result
  }
  const file = { name: 'server.yaml', text: cluster }

  test('win over the file, flags over both, and each value knows where it is from', () => {
    const env = { VARVE_SERVER_PORT: '9001', VARVE_STORAGE_CACHE_SIZE: '8MiB', VARVE_LOGGING_LEVEL: '', HOME: '/' }
    const { config, settings } = load({
      file,
      env,
      flags: { 'server.port': 0, 'http.port': 1, 'server.host': undefined }
    })
    expect(config.server).toEqual({ host: '0.0.0.0', port: 0, threads: 4, insecure: false })
    expect(config.storage.cacheBytes).toBe(8 * 2 ** 20)
    expect(config.logging.level).toBe('info')
    const origins = ['server.port', 'server.host', 'storage.cache_size', 'logging.level', 'http.port', 'http.host']
    expect(origins.map((name) => settings.get(name as 'server.port')?.origin)).toEqual([
      '--port',
      'server.yaml:5',
      'VARVE_STORAGE_CACHE_SIZE',
      'server.yaml:19',
      '--http-port',
      'default'
    ])
    expect(() => Object.assign(config.server, { port: 1 })).toThrow(TypeError)
  })

  test('a text may look like a number, and peers are a list', () => {
    const { config, notes } = load({
      env: { VARVE_STORAGE_DATA_DIR: '12', VARVE_PEERS: 'a:1, [::1]:2', VARVE_STORAGE_CACHE_SIZE: '10' }
    })
    expect(config.storage.dataDir).toBe('12')
    expect(config.peers).toEqual([
      { host: 'a', port: 1 },
      { host: '[::1]', port: 2 }
    ])
    expect(notes).toEqual(['VARVE_STORAGE_CACHE_SIZE: 10 entries are taken as 4 KiB each, 40960 bytes.'])
  })

  test('faults are sentences', () => {
    const env = {
      VARVE_SERVER_PORT: 'x',
      VARVE_SERVER_PROT: '1',
      VARVE_PEERS: 'a',
      VARVE_TLS_CLIENT_AUTH: 'yes',
      VARVE_NATIVE_BINDING: 'else'
    }
    expect(loadConfig({ env })).toEqual({
      ok: false,
      faults: [
        'VARVE_SERVER_PORT must be a whole number from 0 to 65535, not "x".',
        'VARVE_PEERS must be host:port, separated by commas, not "a".',
        'VARVE_TLS_CLIENT_AUTH must be true or false, not "yes".',
        'There is no variable VARVE_SERVER_PROT; did you mean VARVE_SERVER_PORT?'
      ]
    })
  })

  describe('secrets', () => {
    test('are not in faults', () => {
      const inFile = faultsOf('auth:\n  password: 12345\n')
      expect(inFile).toEqual(['server.yaml:2: auth.password must be a text, not what it is: put it in quotes.'])
    })

    const files: Readonly<Record<string, string>> = { '/run/password': 'hunter2\n' }
    const readSecret = (path: string) => {
      const text = files[path]
      if (text === undefined) throw new Error('ENOENT: no such file')
      return text
    }

    test('come from files, and the nearer source wins', () => {
      const text = 'auth:\n  user: ada\n  password: in the file\n'
      const env = { VARVE_AUTH_PASSWORD_FILE: '/run/password' }
      const { config, settings } = load({ file: { name: 'f.yaml', text }, env, readSecret })
      const unreadable = { name: 'g.yaml', text: 'auth:\n  password_file: /nowhere\n' }
      expect(load({ file: unreadable, env, readSecret }).config.auth.password).toBe('hunter2')
      expect(load({ file: unreadable, env: { VARVE_AUTH_PASSWORD: 'x' }, readSecret }).config.auth.password).toBe('x')
      expect(config.auth).toEqual({ user: 'ada', password: 'hunter2' })
      expect(settings.get('auth.password')?.origin).toBe('VARVE_AUTH_PASSWORD_FILE')
    })

    test('a file that cannot be read, and a secret given twice', () => {
      const text = 'auth:\n  password: a\n  password_file: /run/password\n'
      const twice = loadConfig({ file: { name: 'f.yaml', text }, readSecret })
      const missing = loadConfig({ env: { VARVE_AUTH_PASSWORD_FILE: '/nowhere' }, readSecret })
      expect([twice, missing]).toEqual([
        { ok: false, faults: ['f.yaml:3: auth.password is given by f.yaml:2 too: leave one of them out.'] },
        {
          ok: false,
          faults: ['VARVE_AUTH_PASSWORD_FILE: auth.password_file cannot be read: ENOENT: no such file.']
        }
      ])
    })

    test('are never printed', () => {
      const loaded = load({ file: { name: 'f.yaml', text: 'auth: { user: ada, password: hunter2 }\n' } })
      expect(yamlLines(shownSettings(loaded, false))).toEqual([
        'auth:',
        '  user: "ada"      # f.yaml:1',
        '  password: "***"  # f.yaml:1'
      ])
    })
  })

  test('what is printed is a file that sets the same', () => {
    const loaded = load({ file, env: { VARVE_STORAGE_DISK_RESERVE: '1GiB', VARVE_LIMITS_LINE: '64KiB' } })
    const printed = yamlLines(shownSettings(loaded, true)).join('\n')
    expect(configOf(printed).config).toEqual(loaded.config)
  })
})

describe('what is wrong', () => {
  test.each<readonly [string, readonly string[]]>([
    ['server:\n  prot: 9000\n', ['server.yaml:2: there is no key server.prot; did you mean port?']],
    ['sever:\n  port: 9000\n', ['server.yaml:1: there is no key sever; did you mean server?']],
    ['storage:\n  dataDir: x\n', ['server.yaml:2: there is no key storage.dataDir; did you mean data_dir?']],
    ['logging:\n  zzzzzzzz: x\n', ['server.yaml:2: there is no key logging.zzzzzzzz; there are level, format.']],
    ['server:\n  port: 65536\n', ['server.yaml:2: server.port must be a whole number from 0 to 65535, not 65536.']],
    ['server:\n  port: "9000"\n', ['server.yaml:2: server.port must be a whole number from 0 to 65535, not "9000".']],
    ['server:\n  host:\n', ['server.yaml:2: server.host must be a text, not null.']],
    ['server:\n  advertise: a\n', ['server.yaml:2: server.advertise must be host:port, not "a".']],
    ['server:\n  advertise: "a:0"\n', ['server.yaml:2: server.advertise must be host:port, not "a:0".']],
    ['server:\n  advertise: "::1:9000 "\n', ['server.yaml:2: server.advertise must be host:port, not "::1:9000 ".']],
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
      [
        'server.yaml:1: there is no key constructor; there are node, server, replication, peers, cluster, storage, logging, http, auth, tls, limits.'
      ]
    ]
  ])('%j', (text, faults) => {
    expect(faultsOf(text)).toEqual(faults)
  })

  test('text that is no YAML, with its line', () => {
    expect(faultsOf('server:\n  port: [1\n')[0]).toMatch(/^server\.yaml:\d: /)
    expect(faultsOf('a: 1\na: 2\n')[0]).toMatch(/^server\.yaml:2: /)
  })
})

test('the README has a row for each key', () => {
  const readme = readFileSync(new URL('../../server/README.md', import.meta.url), 'utf8')
  const rows = keyNames.map(
    (name) => `| \`${name}\` | ${shownDefault(table[name].fallback)} | ${table[name].summary} |`
  )
  expect([...readme.matchAll(/^\| `[a-z]+(?:\.[a-z_]+)?` \| .* \| .* \|$/gm)].map(([row]) => row)).toEqual(rows)
})

const shownDefault = (value: unknown): string =>
  value === undefined ? '' : Array.isArray(value) ? '`[]`' : `\`${value}\``

test('the nearest word', () => {
  const words = ['host', 'port', 'threads']
  expect(nearest('prot', words)).toBe('port')
  expect(nearest('Thread', words)).toBe('threads')
  expect(nearest('hots', words)).toBe('host')
  expect(nearest('zebra', words)).toBeUndefined()
})
