// Every command of RESP by its name. A new one is a file beside this and a word in this list.
import { acl } from './acl.ts'
import { apply } from './apply.ts'
import { cas } from './cas.ts'
import { client } from './client.ts'
import { asking, cluster, readonly, readwrite } from './cluster.ts'
import type { Command } from './command.ts'
import { config } from './config.ts'
import { auth, quit, reset, select } from './connection.ts'
import { del, flushall, flushdb, unlink } from './delete.ts'
import { latency, slowlog } from './diagnosis.ts'
import { entries } from './entries.ts'
import { exists, touch, type } from './exists.ts'
import { expire, expireat, persist, pexpire, pexpireat } from './expire.ts'
import { get, mget } from './get.ts'
import { getdel, getex, getset } from './get-change.ts'
import { hello } from './hello.ts'
import { decr, decrby, incr, incrby } from './increment.ts'
import { incrbyfloat } from './increment-float.ts'
import { info } from './info.ts'
import { commandCommand } from './introspection.ts'
import { dbsize, keys, randomkey } from './keys.ts'
import { mset, msetnx } from './mset.ts'
import { debug, lolwut, moduleCommand, role, time } from './node.ts'
import { memory, objectCommand } from './objects.ts'
import { page } from './page.ts'
import { echo, ping } from './ping.ts'
import { delrange, range } from './range.ts'
import { rename, renamenx } from './rename.ts'
import { scan } from './scan.ts'
import { sentinel } from './sentinel.ts'
import { psetex, set, setex, setnx } from './set.ts'
import { append, getrange, setrange, strlen, substr } from './slice.ts'
import { status } from './status.ts'
import { psubscribe, publish, pubsub, punsubscribe, subscribe, unsubscribe } from './subscribe.ts'
import { discard, exec, multi, unwatch, watch } from './transaction.ts'
import { expiretime, pexpiretime, pttl, ttl } from './ttl.ts'
import { varveCluster } from './varve-cluster.ts'
import { wait } from './wait.ts'

const strings = [get, mget, set, setnx, setex, psetex, mset, msetnx, getset, getdel, getex]
const numbers = [incr, decr, incrby, decrby, incrbyfloat]
const slices = [strlen, getrange, substr, append, setrange]
const generic = [del, unlink, exists, touch, type, rename, renamenx, scan, keys, randomkey, dbsize, flushdb, flushall]
const expiry = [expire, pexpire, expireat, pexpireat, persist, ttl, pttl, expiretime, pexpiretime]
const transactions = [multi, exec, discard, watch, unwatch]
const own = [range, delrange, cas, entries, apply, page, status, varveCluster]
const connections = [ping, echo, hello, auth, quit, reset, select, client]
const messages = [subscribe, psubscribe, unsubscribe, punsubscribe, publish, pubsub]
const objects = [memory, objectCommand]
const nodes = [role, time, wait, moduleCommand, debug, lolwut]
const clusters = [cluster, readonly, readwrite, asking, sentinel]
const servers = [acl, commandCommand, info, config, slowlog, latency]

const all: readonly Command[] = [
  ...strings,
  ...numbers,
  ...slices,
  ...generic,
  ...expiry,
  ...transactions,
  ...own,
  ...connections,
  ...messages,
  ...objects,
  ...nodes,
  ...clusters,
  ...servers
]

export const commands: ReadonlyMap<string, Command> = new Map(all.map((command) => [command.name, command]))
