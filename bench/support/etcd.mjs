// etcd as the bench of clusters sees it: three members in processes of their own, called over gRPC with bodies made by hand.
//
//   body    := 0 (not compressed) · length uint32 BE · message
//   message := fields of protocol buffers; all that are needed here have numbers below 16
//
//   PutRequest        key 1 · value 2               RangeRequest    key 1 (linearizable unless `serializable` is said)
//   PutResponse       header 1                      RangeResponse   header 1 · kvs 2, each with its value 5
//   ResponseHeader    member 2 · revision 3         StatusResponse  header 1 · leader 4

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:http2'
import { join } from 'node:path'

const lengthDelimited = 2
const varintWire = 0

function varint(number) {
  const bytes = []
  for (let rest = number; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest % 128) | 0x80)
  }
}

function field(number, bytes) {
  const content = Buffer.from(bytes)
  return Buffer.concat([varint(number * 8 + lengthDelimited), varint(content.length), content])
}

function body(message) {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** Fields by number: bytes, or a BigInt; of one that comes again the last. */
function fieldsOf(message) {
  const fields = new Map()
  let at = 0
  const number = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  while (at < message.length) {
    const tag = Number(number())
    if (tag % 8 === varintWire) fields.set(tag >> 3, number())
    else {
      const length = Number(number())
      fields.set(tag >> 3, message.subarray(at, at + length))
      at += length
    }
  }
  return fields
}

const methods = { put: 'KV/Put', range: 'KV/Range', status: 'Maintenance/Status' }
const pathOf = (method) => `/etcdserverpb.${methods[method]}`

/** The fields of the answer. Rejects where gRPC reports an error. */
function call(port, method, message) {
  return new Promise((resolve, reject) => {
    const session = connect(`http://127.0.0.1:${port}`)
    session.on('error', reject)
    const request = session.request({
      ':method': 'POST',
      ':path': pathOf(method),
      'content-type': 'application/grpc',
      te: 'trailers'
    })
    const chunks = []
    let status
    const note = (headers) => {
      status = headers['grpc-status'] ?? status
    }
    request.on('response', note)
    request.on('trailers', note)
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('error', reject)
    request.on('end', () => {
      session.close()
      if (status === '0') resolve(fieldsOf(Buffer.concat(chunks).subarray(5)))
      else reject(new Error(`etcd answers ${method} with status ${status}`))
    })
    request.end(body(message))
  })
}

const nothing = Buffer.alloc(0)

async function untilAnswers(port) {
  const untilMs = performance.now() + 15_000
  for (;;) {
    try {
      const status = await call(port, 'status', nothing)
      if (status.get(4) !== undefined) return status
    } catch (error) {
      if (performance.now() > untilMs) throw error
    }
    if (performance.now() > untilMs) throw new Error('etcd elected no leader within 15 s.')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export const isThere = () => ['etcd', 'h2load'].every((name) => spawnSync(name, ['--version']).status === 0)

/** Ends processes, and waits for them. */
export function stopAll(children) {
  for (const { child } of children) child.kill('SIGTERM')
  return Promise.all(children.map(({ ended }) => ended))
}

/** Three members: `ports` are those of clients and, after these, those of members. */
export async function startEtcd(directory, ports) {
  const members = [0, 1, 2].map((i) => ({ name: `m${i}`, client: ports[i], peer: `http://127.0.0.1:${ports[i + 3]}` }))
  const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join(',')
  const children = members.map(({ name, client, peer }) => {
    const url = `http://127.0.0.1:${client}`
    const places = ['--listen-client-urls', url, '--advertise-client-urls', url]
    const peers = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', cluster]
    const args = ['--name', name, '--data-dir', join(directory, `etcd-${name}`), ...places, ...peers]
    const child = spawn('etcd', [...args, '--log-level', 'error'], { stdio: 'ignore' })
    return { child, ended: once(child, 'exit') }
  })
  const stop = () => stopAll(children)
  try {
    const statuses = await Promise.all(members.map(({ client }) => untilAnswers(client)))
    const leads = statuses.findIndex((status) => fieldsOf(status.get(1)).get(2) === status.get(4))
    return { leader: members[leads].client, follower: members[(leads + 1) % 3].client, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What h2load is to send, checked by sending it once. */
export async function makeRequest(directory, port, method, key, valueBytes) {
  const value = Buffer.alloc(valueBytes, 'x')
  const message = method === 'put' ? Buffer.concat([field(1, key), field(2, value)]) : field(1, key)
  const answer = await call(port, method, message)
  if (
    method === 'range' &&
    !fieldsOf(answer.get(2) ?? nothing)
      .get(5)
      ?.equals(value)
  ) {
    throw new Error('etcd does not have the value that was put.')
  }
  const file = join(directory, `etcd-${method}.body`)
  writeFileSync(file, body(message))
  return { method, file }
}

/** The newest revision: it grows by one with each put. */
export async function revisionOf(port) {
  const answer = await call(port, 'range', field(1, 'revision'))
  return Number(fieldsOf(answer.get(1)).get(3))
}

/** Requests a second; throws where one was not answered. */
export function drive(port, { method, file }, requests, connections) {
  const headers = ['-H', 'content-type: application/grpc', '-H', 'te: trailers']
  const url = `http://127.0.0.1:${port}${pathOf(method)}`
  const args = ['-n', requests, '-c', connections, '-m', 1, '-d', file, ...headers, url].map(String)
  const { stdout } = spawnSync('h2load', args, { encoding: 'utf8' })
  const succeeded = Number(/(\d+) succeeded/.exec(stdout)?.[1])
  if (succeeded !== requests) throw new Error(`h2load: ${succeeded} of ${requests} requests succeeded.\n${stdout}`)
  return Number(/([\d.]+) req\/s/.exec(stdout)?.[1])
}
