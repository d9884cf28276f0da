// Three nodes on this machine, from server/node1.yaml to node3.yaml, until Ctrl-C.
//
//   npm run cluster                     starts them, and says when they serve
//   npm run cluster -- --dir=/tmp/x     with their data elsewhere than ./data
//   npm run cluster -- --dir=/tmp/x --ports=7000,7001,7002,7100,7101,7102
//                                       at other ports: three for clients, three for each other; their files go into --dir
//
// A node that ends by itself is said so and not started again: that one can try what happens then.
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { inRoot } from './support/project.mjs'

const { values: options } = parseArgs({ options: { dir: { type: 'string' }, ports: { type: 'string' } } })
const cli = inRoot('dist', 'server', 'cli.js')
/** Those of the files: for clients, then for each other. */
const usualPorts = [9000, 9001, 9002, 9100, 9101, 9102]
const ports = options.ports?.split(',').map(Number) ?? usualPorts
if (ports.length !== usualPorts.length || !ports.every(isPort) || (options.ports && options.dir === undefined)) {
  console.error('--ports takes six ports, for example 7000,7001,7002,7100,7101,7102, and needs a --dir.')
  process.exit(2)
}
const began = performance.now()
const nodes = [1, 2, 3].map((id) => ({ id, port: ports[id - 1], isReady: false, child: start(id) }))

function isPort(port) {
  return Number.isInteger(port) && port > 0 && port < 65_536
}

/** The file of a node, as it is or with the ports that were asked for. */
function configOf(id) {
  const usual = inRoot('server', `node${id}.yaml`)
  if (options.ports === undefined) return usual
  const own = join(options.dir, `node${id}.yaml`)
  mkdirSync(options.dir, { recursive: true })
  const text = readFileSync(usual, 'utf8').replaceAll(
    /(?<=port: )\d+/g,
    (port) => ports[usualPorts.indexOf(Number(port))]
  )
  writeFileSync(own, text)
  return own
}

function start(id) {
  const directory = options.dir === undefined ? [] : ['--data-dir', join(options.dir, `node${id}`)]
  const child = spawn(process.execPath, [cli, 'serve', '-f', configOf(id), ...directory], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: inRoot()
  })
  for (const stream of [child.stdout, child.stderr]) {
    let rest = ''
    stream.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()
      for (const line of lines) show(id, line)
    })
  }
  child.on('exit', (code, signal) => ended(id, code ?? signal))
  return child
}

function show(id, line) {
  console.log(`node ${id} | ${line}`)
  const node = nodes[id - 1]
  if (node.isReady || !line.includes('listening on')) return
  node.isReady = true
  if (!nodes.every(({ isReady }) => isReady)) return
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  console.log(`\nThree nodes serve, after ${seconds} s. In another terminal:\n`)
  const at = (id) => (options.ports === undefined && id === 1 ? '' : ` --port ${nodes[id - 1].port}`)
  console.log(`  npx varve cluster status${at(1)}`)
  console.log(`  npx varve set test1 value1${at(1)}              # by the leader`)
  console.log(`  npx varve get test1${at(2)}         # by any node`)
  console.log(`  printf 'PUT test2 value2\\nQUIT\\n' | nc 127.0.0.1 ${nodes[1].port}   # a follower says who leads`)
  console.log(`  kill -9 ${nodes[0].child.pid}                          # another one leads at once\n`)
}

function ended(id, how) {
  console.log(`node ${id} has ended (${how})`)
  if (nodes.every(({ child }) => child.exitCode !== null || child.signalCode !== null)) process.exit(0)
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    // Ctrl-C reaches them too, by their terminal; SIGTERM does not.
    if (signal === 'SIGTERM') for (const { child } of nodes) child.kill('SIGTERM')
  })
}
