// Every example of every `--help`, and every command of the README's, is run as it stands, but for addresses and directories:
// there a server of this test listens, and the examples' directories are in one that is removed.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open } from '../../lib/index.ts'
import { Users } from '../../server/auth/users.ts'
import { completionScript } from '../../server/cli/completion.ts'
import { createProgram } from '../../server/cli/program.ts'
import { wordsOf } from '../../server/cli/shell-words.ts'
import { type ServedGroup, serveGroup } from '../server/support/served-group.ts'
import { type Ended, program, root, ServerProcess, temporaryDirectory, tracked } from '../support/varve.ts'
import { run as varve } from './support/in-process.ts'
import { type LocalServer, startServer } from './support/local-server.ts'

const password = 'correct horse'
const directory = temporaryDirectory()
const work = directory.path
const home = join(work, 'home')
let server: LocalServer
/** Where examples of `varve cluster` are asked. */
let group: ServedGroup
let env: Readonly<Record<string, string>>
let before = ''

beforeAll(async () => {
  server = await startServer({ password })
  group = await serveGroup(1, async () => {
    const users = new Users()
    await users.seed('root', Buffer.from(password))
    return { users }
  })
  env = {
    HOME: home,
    XDG_CONFIG_HOME: join(home, 'config'),
    PATH: `${join(work, 'bin')}:${process.env['PATH']}`,
    VARVE_PASSWORD: password
  }
  await prepare()
  before = process.cwd()
  process.chdir(work)
})

afterAll(async () => {
  process.chdir(before)
  await server[Symbol.asyncDispose]()
  await group.close()
  directory[Symbol.dispose]()
})

const backups = 3

/** What the examples speak of. */
async function prepare(): Promise<void> {
  for (const path of ['bin', 'home/config/varve', 'home/.config/fish/completions']) {
    mkdirSync(join(work, path), { recursive: true })
  }
  const shim = join(work, 'bin', 'varve')
  writeFileSync(shim, `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`)
  chmodSync(shim, 0o755)
  const settings = { host: '127.0.0.1', port: server.port, user: 'root' }
  writeFileSync(join(home, 'config', 'varve', 'config.json'), JSON.stringify(settings))
  cpSync(join(root, 'server'), join(work, 'server'), {
    recursive: true,
    filter: (path) => !/\/(raft|cli)\b/.test(path)
  })
  const cities = '{"key":"city:1","value":"Ada"}\n'
  const files = {
    'cities.jsonl': cities,
    'cities.jsonl.gz': gzipSync(cities),
    'users.csv': 'key,value\nuser:1,Ada\n',
    'password.txt': 'battery staple\n',
    'root.txt': password,
    'commands.txt': 'SET a 1\nGET a\n',
    'faults.json': '[]'
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(work, name), content)
  const db = await open(join(work, 'data'))
  await db.put('hello', 'world')
  await db.flush()
  await db.put('more', 'in the log')
  for (let i = 0; i < backups; i++) await db.backup(join(work, 'backups'))
  await db.close()
}

/** Less of it than a person would ask for. */
const lessened = (line: string): string =>
  line.replace(/--seeds 1000/, '--seeds 2').replace(/^varve bench.*/, (bench) => `${bench} -n 40 -r 20`)

const placed = (line: string): string =>
  lessened(line)
    .replace(/\s+# .*$/, '')
    .replace(/\bnpx varve\b/g, 'varve')
    .replaceAll('10.0.1.10', '127.0.0.1')
    .replace(/\bport 9\d\d\d\b/g, `port ${server.port}`)
    .replaceAll('/mnt/backups', './backups')
    .replaceAll('/var/lib/varve', './data')
    .replace(/^(varve restore \S+) \.\/data/, '$1 ./restored')

/** Made by an example before, and in the way of the next. */
const targets = ['data-before-upgrade', 'restored', 'data2', 'all.jsonl', 'all.jsonl.gz', 'data-repaired']

/** `varve` runs in this process and what stands beside it in a shell, so that an example costs no process of Node's. */
async function runExample(example: string): Promise<Ended> {
  if (example.startsWith('varve cluster')) return await runAtFirst(example)
  const line = placed(example)
  for (const target of targets) rmSync(join(work, target), { recursive: true, force: true })
  if (line.includes(';')) return await runInBash(line)
  const sourced = /^source <\((.*)\)$/.exec(line)?.[1]
  const stages = sourced === undefined ? line.split(/ \| /) : [sourced, 'source <(cat)']
  let ended: Ended = { code: 0, stdout: '', stderr: '' }
  for (const stage of stages) ended = await runStage(stage, ended.stdout)
  return ended
}

/** Asks the first of three members, which leads. */
async function runAtFirst(example: string): Promise<Ended> {
  if (group.members.leaderAt !== 0) group.members.transfer(0)
  await group.members.quiet()
  return await runHere(`${example.replace(/ --port \d+/, '')} --port ${group.ports[0]}`, '')
}

async function runStage(stage: string, piped: string): Promise<Ended> {
  const [, command = '', into, from] = /^(.*?)(?: >>? (\S+)| < (\S+)| \|\| .*)?$/.exec(stage) ?? []
  // A simulation of production code takes the timers of its process.
  if (!/^(\w+=\S+ )?varve /.test(command) || command.includes('--production')) return await runInBash(stage, piped)
  const ended = await runHere(command, from === undefined ? piped : readFileSync(join(work, from), 'utf8'))
  if (into !== undefined) writeFileSync(into.replace('~', home), ended.stdout)
  return ended
}

async function runHere(line: string, input: string): Promise<Ended> {
  const words = wordsOf(line)
  if (!words.ok) throw new Error(`${line}: ${words.fault}`)
  const [first = '', ...args] = words.words.map(String)
  const variable = /^([A-Z_]+)=(.*)$/.exec(first)
  const more = variable === null ? {} : { [variable[1] ?? '']: variable[2] ?? '' }
  const typed = line.startsWith('varve user add') ? 'battery staple\n' : 'PING\n'
  return await varve(variable === null ? args : args.slice(1), { env: { ...env, ...more }, input: input || typed })
}

async function runInBash(line: string, input = ''): Promise<Ended> {
  const options = { cwd: work, env: { ...process.env, ...env } }
  const child = tracked(spawn('bash', ['-c', `set -o pipefail\n${line}`], options))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

function pathsOf(command = createProgram(), path: readonly string[] = []): (readonly string[])[] {
  return [path, ...command.commands.flatMap((child) => pathsOf(child, [...path, child.name()]))]
}

const paths = pathsOf()

/** As the help of all commands has them, each once. */
async function examplesOf(): Promise<string[]> {
  const found: string[] = []
  for (const path of paths) {
    const { stdout } = await varve([...path, '--help'])
    const lines = [...stdout.matchAll(/^ {2}\$ (.*)$/gm)].map(([, line]) => line ?? '')
    expect([path, lines.length > 0]).toEqual([path, true])
    found.push(...lines)
  }
  return [...new Set(found)]
}

const isServe = (line: string): boolean => /\bvarve serve\b/.test(line)

describe('the examples of --help', () => {
  test('do what they say', async () => {
    const failed: string[] = []
    for (const example of (await examplesOf()).filter((line) => !isServe(line))) {
      const { code, stderr } = await runExample(example)
      if (code !== 0) failed.push(`${example} ended with ${code}: ${stderr}`)
    }
    expect(failed).toEqual([])
  })

  test('of serve start a server, and so does every example file', async () => {
    const examples = (await examplesOf()).filter(isServe).map((line) => line.replace(/\s+# .*$/, ''))
    expect(examples.length).toBeGreaterThanOrEqual(4)
    const files = readdirSync(join(root, 'server')).filter((name) => name.endsWith('.yaml'))
    const lines = new Set([...examples, ...files.map((name) => `varve serve -f server/${name}`)])
    // Ended when all have begun: members of a cluster begin together.
    const begun = await Promise.allSettled([...lines].map((line, i) => startsBy(line, join(work, `serve-${i}`))))
    for (const one of begun) if (one.status === 'fulfilled') await one.value[Symbol.asyncDispose]()
    expect(begun.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []))).toEqual([])
  })
})

/** Runs a line of `varve serve`, which listens then: on a free port, with a data directory and secrets that there are. */
async function startsBy(line: string, dataDir: string): Promise<ServerProcess> {
  const [, variable = '', flags = ''] = /^(\S+=\S+ )?varve serve ?(.*)$/.exec(line) ?? []
  const args = flags.replace('server/', `${root}server/`).split(' ').filter(Boolean)
  const [name = '', value = ''] = variable.trim().split('=')
  const secret = { VARVE_AUTH_PASSWORD_FILE: join(work, 'root.txt'), ...(name === '' ? {} : { [name]: value }) }
  const more = ['--port', '0', '--data-dir', dataDir, '--http-port', '0']
  const started = await ServerProcess.start([...args, ...more], secret)
  expect([line, started.output]).toEqual([line, expect.stringMatching(/listening on \S+:\d+\n/)])
  return started
}

describe('the README', () => {
  const pages = ['README.md', 'server/README.md'].map((name) => readFileSync(join(root, name), 'utf8'))
  const blocks = pages.flatMap((page) => [...page.matchAll(/```console\n([\s\S]*?)```/g)].map(([, text]) => text ?? ''))

  /** Commands with what they print. */
  const steps = blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((step) => {
        const [command = '', ...printed] = step.trimEnd().split('\n')
        return { command, printed: printed.join('\n') }
      })
  )

  test('has some', () => {
    expect(steps.filter(({ command }) => command.includes('varve')).length).toBeGreaterThanOrEqual(8)
  })

  test('its commands print what it shows', async () => {
    for (const { command, printed } of steps.filter(({ command }) => /\bvarve (?!serve)/.test(command))) {
      const { stdout, stderr } = await runExample(command)
      expect([command, shapeOf(stdout + stderr)]).toEqual([command, shapeOf(printed === '' ? '' : `${printed}\n`)])
    }
  })

  test('names only commands and options that there are', () => {
    const known = new Set(paths.map((path) => path.join(' ')))
    const named = pages.flatMap((page) => [...page.matchAll(/`(?:npx )?varve ([a-z]+)/g)].map(([, name]) => name ?? ''))
    expect([...new Set(named)].filter((name) => !known.has(name))).toEqual([])
  })
})

/** Numbers differ from run to run. */
const shapeOf = (text: string): string => text.replace(/\d+(\.\d+)?/g, '0').replace(/ +/g, ' ')

describe('completion', () => {
  const complete = (...words: string[]) => {
    const script = `${completionScript('bash', createProgram())}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _varve; echo "\${COMPREPLY[@]}"`
    const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' })
    expect(stderr).toBe('')
    return stdout.trim().split(' ')
  }

  test('of bash knows commands, subcommands and options', () => {
    expect(complete('varve', 'ver')).toEqual(['verify'])
    expect(complete('varve', 'inspect', '')).toEqual(['wal', 'manifest', 'table', 'levels', '--help'])
    expect(complete('varve', 'inspect', 'table', '--f')).toEqual(['--file'])
    expect(complete('varve', 'get', 'some', '--us')).toEqual(['--user'])
  })

  test('of the others names every command', () => {
    const scripts = (['zsh', 'fish'] as const).map((shell) => completionScript(shell, createProgram()))
    for (const [name = ''] of paths.filter((path) => path.length === 1)) {
      for (const script of scripts) expect(script).toContain(name)
    }
  })
})
