// Three members of varve beside three members of etcd, all on this machine's loopback and disk, everything synced: 64
// connections with one request each on its way, values of 256 bytes. etcd by h2load with raw gRPC, varve by redis-benchmark.
// Each figure is the median of three rounds, in which they take turns.
//
// varve writes and reads 100 000 random keys, etcd always the same one, which h2load cannot vary: that does etcd no harm.
// Reads are linearizable on both, and compared with those at the same place, the leader or a follower.
//
// Needs Debian's etcd-server, nghttp2-client and redis-tools.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { drive, isThere, makeRequest, revisionOf, startEtcd, stopAll } from './support/etcd.mjs'
import { floor as atLeast, hundredths, median } from './support/report.mjs'

const rounds = 3
const connections = 64
const valueBytes = 256
const keys = 100_000
const cli = new URL('../dist/server/cli.js', import.meta.url).pathname

const workloads = [
  { name: 'writes', test: 'set', method: 'put', place: 'leader', floor: 2.5, aim: 5 },
  { name: 'reads at the leader', test: 'get', method: 'range', place: 'leader', floor: 4, aim: 6 },
  { name: 'reads at a follower', test: 'get', method: 'range', place: 'follower', floor: 2.5 }
]

/** Held together until all are known, so that no two are the same. */
async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => server.address().port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

async function startVarve(directory) {
  const ports = await freePorts(6)
  const children = [1, 2, 3].map((id) => {
    const peers = [3, 4, 5].filter((i) => i !== id + 2).map((i) => `{ host: 127.0.0.1, port: ${ports[i]} }`)
    const config = join(directory, `varve-${id}.yaml`)
    writeFileSync(
      config,
      `node: { id: ${id}, role: ${id === 1 ? 'leader' : 'follower'} }
server: { port: ${ports[id - 1]} }
replication: { port: ${ports[id + 2]} }
peers: [${peers.join(', ')}]
storage: { data_dir: ${join(directory, `varve-${id}`)} }
`
    )
    // VARVE_BENCH_NODE: options of Node for the members, to profile them.
    const options = (process.env.VARVE_BENCH_NODE ?? '').split(' ').filter((option) => option !== '')
    const child = spawn(process.execPath, [...options, cli, 'serve', '-f', config], { stdio: 'ignore' })
    return { child, ended: once(child, 'exit') }
  })
  const stop = () => stopAll(children)
  try {
    const leader = await leaderOf(ports.slice(0, 3))
    const follower = ports.slice(0, 3).find((port) => port !== leader)
    return { leader, follower, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const redisCli = (port, ...args) => spawnSync('redis-cli', ['-p', String(port), ...args], { encoding: 'utf8' }).stdout

async function leaderOf(ports) {
  const untilMs = performance.now() + 15_000
  while (performance.now() < untilMs) {
    const leader = ports.find((port) => redisCli(port, 'role').startsWith('master'))
    if (leader !== undefined && redisCli(leader, 'set', 'first', '1').startsWith('OK')) return leader
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('varve elected no leader within 15 s.')
}

/** Requests a second. */
function driveVarve(port, test, requests, pipeline = 1) {
  const load = ['-c', connections, '-d', valueBytes, '-r', keys, '-P', pipeline, '-n', requests]
  const args = ['-p', port, ...load, '-t', test, '--csv'].map(String)
  const { stdout, stderr } = spawnSync('redis-benchmark', args, { encoding: 'utf8' })
  const row = stdout.trim().split('\n').at(-1) ?? ''
  const rate = Number(row.split(',')[1]?.replaceAll('"', ''))
  if (!(rate > 0) || /error/i.test(stderr)) throw new Error(`redis-benchmark: ${stdout}${stderr}`)
  return rate
}

async function measure(varve, etcd, requestsOf, entries) {
  const figures = Object.fromEntries(workloads.map(({ name }) => [name, { varve: [], etcd: [] }]))
  for (let round = 0; round < rounds; round++) {
    for (const { name, test, method, place } of workloads) {
      const before = await revisionOf(etcd.leader)
      figures[name].etcd.push(drive(etcd[place], requestsOf[method], entries / 2, connections))
      const grown = (await revisionOf(etcd.leader)) - before
      if (method === 'put' && grown !== entries / 2) throw new Error(`etcd made ${grown} puts of ${entries / 2}.`)
      figures[name].varve.push(driveVarve(varve[place], test, entries))
    }
  }
  return figures
}

function print(figures) {
  console.log('requests a second       varve        etcd   ratio  floor    aim')
  return workloads.map(({ name, floor, aim = '' }) => {
    const [varve, etcd] = [figures[name].varve, figures[name].etcd].map((all) => Math.round(median(all)))
    const ratio = hundredths(varve / etcd)
    const cells = [varve, etcd].map((figure) => String(figure).padStart(12)).join('')
    console.log(
      `${name.padEnd(19)}${cells}${String(ratio).padStart(8)}${String(floor).padStart(7)}${String(aim).padStart(7)}`
    )
    return atLeast(`${name}, ratio to etcd`, ratio, floor)
  })
}

export async function run({ directory, entries }) {
  if (!isThere() || spawnSync('redis-benchmark', ['--version']).status !== 0) {
    console.log('skipped: cluster (etcd-server, nghttp2-client or redis-tools is not installed)')
    return { figures: {} }
  }
  const etcd = await startEtcd(directory, await freePorts(6))
  try {
    const varve = await startVarve(directory)
    try {
      const put = await makeRequest(directory, etcd.leader, 'put', 'key:000000000000', valueBytes)
      const range = await makeRequest(directory, etcd.leader, 'range', 'key:000000000000', valueBytes)
      // The keys are there before they are asked for, and the code of both is warm.
      driveVarve(varve.leader, 'set', 4 * keys, 16)
      drive(etcd.leader, put, entries / 4, connections)
      const figures = await measure(varve, etcd, { put, range }, entries)
      return { limits: print(figures), figures }
    } finally {
      await varve.stop()
    }
  } finally {
    await etcd.stop()
  }
}
