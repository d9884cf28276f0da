// Hostile clients, in a process of their own: node attack.mjs <kind> <port> <count> <seed>. Says "ready" on stdout once all of
// them are at it; goes on until its input ends. `fuzz` sends that many chunks, says "ready" and ends.
import { connect } from 'node:net'
import { randomOf } from '../../support/random.mjs'

const [kind, port, count, seed] = [process.argv[2], ...process.argv.slice(3).map(Number)]
const random = randomOf(seed)
const below = (end) => Math.floor(random() * end)

process.stdin.resume()
process.stdin.on('end', () => process.exit(0))

/** Resolves once it is connected, or was refused. */
function opened(onOpen = () => {}) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      onOpen(socket)
      resolve(socket)
    })
    socket.on('error', () => resolve(socket))
  })
}

/** Some at a time: the system's queue of connections is short. */
async function openAll(onOpen) {
  for (let at = 0; at < count; at += 50) {
    await Promise.all(Array.from({ length: Math.min(50, count - at) }, () => opened(onOpen)))
  }
}

const request = (...words) => `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`

const heads = [
  '*2\r\n$3\r\nGET\r\n$536870912\r\nx',
  '*1048576\r\n$536870912\r\n',
  `PUT a ${'x'.repeat(1_000)}`,
  '*1048576\r\n$1\r\n'
]

/** Announce much and send no more. */
const stall = () => openAll((socket) => socket.write(heads[below(heads.length)]))

/** Ask for long values, again and again, and read nothing. */
const deaf = () =>
  openAll((socket) => {
    socket.pause()
    socket.write(request('GET', 'long').repeat(500))
  })

/** Ask for short values first, so that the server thinks that all are short. */
const sly = () =>
  openAll((socket) => {
    socket.write(request('GET', 'short').repeat(128))
    socket.once('data', () => {
      socket.pause()
      socket.write(request('GET', 'long').repeat(500))
    })
  })

/** A byte now and then. */
async function loris() {
  const sockets = []
  await openAll((socket) => sockets.push(socket))
  setInterval(() => {
    for (const socket of sockets) if (!socket.destroyed) socket.write('$')
  }, 200)
}

/** More connections than there may be, each again when it was turned away. */
async function flood() {
  const again = async () => {
    const socket = await opened()
    socket.resume()
    socket.once('close', () => setTimeout(again, 20))
  }
  for (let i = 0; i < count; i++) void again()
  await new Promise((resolve) => setTimeout(resolve, 300))
}

const pieces = [
  '*',
  '$',
  '\r\n',
  '3',
  '-1',
  '*3\r\n',
  '$3\r\nSET\r\n',
  '$1\r\nk\r\n',
  'GET a\n',
  'PUT a b\n',
  'AUTH x y\r\n',
  '*0\r\n'
]
const wholes = [
  request('SET', 'fuzz', '1'),
  request('HELLO', '3'),
  request('MULTI'),
  request('EXEC'),
  request('SUBSCRIBE', 'a')
]
const more = [
  request('ACL', 'WHOAMI'),
  request('INFO'),
  request('SCAN', '0'),
  request('CLIENT', 'LIST'),
  request('NOPE')
]
const all = [...pieces, ...wholes, ...more]

function anyChunk() {
  const bytes = Buffer.from(Array.from({ length: 1 + below(6) }, () => all[below(all.length)]).join(''))
  for (let i = below(3); i > 0; i--) bytes[below(bytes.length)] = below(256)
  return bytes
}

/** Bytes of any kind over connections of any life. */
async function fuzz() {
  let sent = 0
  const one = async () => {
    while (sent < count) {
      const socket = await opened()
      socket.resume()
      for (let i = 1 + below(30); i > 0 && !socket.destroyed && sent < count; i--) {
        sent++
        await new Promise((resolve) => socket.write(anyChunk(), resolve))
      }
      socket.destroy()
    }
  }
  await Promise.all(Array.from({ length: 20 }, one))
}

await { stall, deaf, sly, loris, flood, fuzz }[kind]()
console.log('ready')
if (kind === 'fuzz') process.exit(0)
