// The server beside Redis and beside a socket that only says +OK, by redis-benchmark: 50 connections, values of 100 bytes,
// 500 000 random keys. Each figure is the median of three rounds, in which the servers take turns.
//
//   everysec   varve as it is by default, Redis with an append-only file synced every second
//   always     durability "sync" beside appendfsync always
//   counter    64 clients that INCR one key, beside SETs of as many
//
// Needs Debian's redis-server and redis-tools.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { floor as atLeast, hundredths, median } from './support/report.mjs'

const rounds = 3
const cli = new URL('../dist/server/cli.js', import.meta.url).pathname

/** name of a workload → its floor as a ratio to Redis, and how redis-benchmark is called. */
const workloads = [
  { name: 'GET, unpipelined', test: 'get', pipeline: 1, floor: 0.9 },
  { name: 'SET, unpipelined', test: 'set', pipeline: 1, floor: 0.9 },
  { name: 'GET, pipeline 16', test: 'get', pipeline: 16, floor: 0.8 },
  { name: 'SET, pipeline 16', test: 'set', pipeline: 16, floor: 1.2 },
  { name: 'GET, pipeline 64', test: 'get', pipeline: 64, floor: 0.7 },
  { name: 'SET, pipeline 64', test: 'set', pipeline: 64, floor: 1.0 }
]
const durable = [
  { name: 'SET on disk, unpipelined', test: 'set', pipeline: 1, floor: 0.9 },
  { name: 'SET on disk, pipeline 16', test: 'set', pipeline: 16, floor: 1.2 }
]

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** A server in a process of its own, ready. */
async function start(command, args, port) {
  const child = spawn(command, args, { stdio: 'ignore' })
  const ended = once(child, 'exit')
  for (let tries = 0; tries < 200; tries++) {
    const { status } = spawnSync('redis-cli', ['-p', String(port), 'ping'], { stdio: 'ignore' })
    if (status === 0) return { port, stop: () => stop(child, ended) }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  child.kill('SIGKILL')
  throw new Error(`${command} did not begin to answer within 10 s.`)
}

function stop(child, ended) {
  child.kill('SIGTERM')
  return ended
}

async function varve(directory, durability) {
  const port = await freePort()
  const config = join(directory, `varve-${durability}.yaml`)
  const data = join(directory, `varve-${durability}`)
  writeFileSync(config, `server: { port: ${port} }\nstorage: { data_dir: ${data}, durability: ${durability} }\n`)
  return start(process.execPath, [cli, 'serve', '-f', config], port)
}

async function redis(directory, fsync) {
  const port = await freePort()
  const data = join(directory, `redis-${fsync}`)
  mkdirSync(data)
  const files = ['--dir', data, '--save', '', '--appendonly', 'yes', '--appendfsync', fsync]
  return start('redis-server', ['--port', String(port), ...files], port)
}

/** What Node's sockets leave for a server: it counts requests and says +OK to each. */
async function echo() {
  const port = await freePort()
  const script = `require('node:net').createServer((socket) => {
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      let requests = 0
      for (let at = chunk.indexOf('*'); at !== -1; at = chunk.indexOf('*', at + 1)) requests++
      socket.write('+OK\\r\\n'.repeat(requests || 1))
    })
  }).listen(${port}, '127.0.0.1')`
  return start(process.execPath, ['-e', script], port)
}

/** Requests a second. */
function drive({ port }, { test, pipeline, clients = 50, keys = 500_000 }, requests) {
  const args = ['-p', port, '-c', clients, '-d', 100, '-P', pipeline, '-n', requests, '-t', test, '--csv']
  const random = keys === 1 ? [] : ['-r', keys]
  const { stdout } = spawnSync('redis-benchmark', [...args, ...random].map(String), { encoding: 'utf8' })
  const row = stdout.trim().split('\n').at(-1) ?? ''
  return Number(row.split(',')[1]?.replaceAll('"', ''))
}

/** Each workload on each server in turns; server → workload → median. */
function measure(servers, workloads, entries) {
  const figures = {}
  for (let round = 0; round < rounds; round++) {
    for (const workload of workloads) {
      const requests = workload.pipeline === 1 ? entries / 4 : entries
      for (const [name, server] of Object.entries(servers)) {
        figures[name] ??= {}
        figures[name][workload.name] ??= []
        figures[name][workload.name].push(drive(server, workload, requests))
      }
    }
  }
  for (const row of Object.values(figures))
    for (const name of Object.keys(row)) row[name] = Math.round(median(row[name]))
  return figures
}

function print(figures, workloads) {
  const names = Object.keys(figures)
  console.log(`${'requests a second'.padEnd(28)}${names.map((name) => name.padStart(12)).join('')}   ratio  floor`)
  return workloads.map(({ name, floor }) => {
    const ratio = hundredths(figures.varve[name] / figures.redis[name])
    const cells = names.map((server) => String(figures[server][name]).padStart(12)).join('')
    console.log(`${name.padEnd(28)}${cells}${String(ratio).padStart(8)}${String(floor).padStart(7)}`)
    return atLeast(`${name}, ratio to Redis`, ratio, floor)
  })
}

export async function run({ directory, entries, UsageError }) {
  if (spawnSync('redis-server', ['--version']).status !== 0) {
    throw new UsageError('This bench needs redis-server and redis-tools.')
  }
  const quick = {
    varve: await varve(directory, 'interval'),
    redis: await redis(directory, 'everysec'),
    echo: await echo()
  }
  // Both hold the keys before they are asked for.
  for (const server of [quick.varve, quick.redis]) drive(server, { test: 'set', pipeline: 64 }, 2 * entries)
  const figures = measure(quick, workloads, entries)
  const limits = print(figures, workloads)
  const one = { name: 'INCR of one key', test: 'incr', pipeline: 1, clients: 64, keys: 1 }
  const many = { name: 'SET', test: 'set', pipeline: 1, clients: 64 }
  const counted = measure({ varve: quick.varve }, [one, many], entries)
  const share = hundredths(counted.varve[one.name] / counted.varve[many.name])
  console.log(
    `\n64 clients that INCR one key: ${counted.varve[one.name]} a second, ${share} of ${counted.varve[many.name]} SETs`
  )
  limits.push(atLeast('INCR of one key, share of SET', share, 0.5))
  for (const server of Object.values(quick)) await server.stop()

  const safe = { varve: await varve(directory, 'sync'), redis: await redis(directory, 'always') }
  console.log('')
  const synced = measure(safe, durable, entries / 4)
  limits.push(...print(synced, durable))
  for (const server of Object.values(safe)) await server.stop()
  return { limits, figures: { everysec: figures, counted, always: synced } }
}
