// Every command of RESP by its name. A new one is a file beside this and a word in this list.
import { acl } from './acl.ts'
import { apply } from './apply.ts'
import { client } from './client.ts'
import type { Command } from './command.ts'
import { config } from './config.ts'
import { auth, quit, reset, select } from './connection.ts'
import { latency, slowlog } from './diagnosis.ts'
import { entries } from './entries.ts'
import { get, mget } from './get.ts'
import { hello } from './hello.ts'
import { decr, decrby, incr, incrby } from './increment.ts'
import { info } from './info.ts'
import { commandCommand } from './introspection.ts'
import { cluster, debug, lolwut, moduleCommand, readonly, readwrite, role, time, wait } from './node.ts'
import { memory, objectCommand } from './objects.ts'
import { page } from './page.ts'
import { echo, ping } from './ping.ts'
import { mset, set } from './set.ts'
import { status } from './status.ts'
import { psubscribe, publish, pubsub, punsubscribe, subscribe, unsubscribe } from './subscribe.ts'

const strings = [get, mget, set, mset, incr, decr, incrby, decrby]
const connections = [ping, echo, hello, auth, quit, reset, select, client]
const messages = [subscribe, psubscribe, unsubscribe, punsubscribe, publish, pubsub]
const objects = [memory, objectCommand]
const nodes = [role, time, wait, moduleCommand, readonly, readwrite, cluster, debug, lolwut]
const ours = [entries, apply, page, status]
const servers = [acl, commandCommand, info, config, slowlog, latency]

const all: readonly Command[] = [...strings, ...connections, ...messages, ...objects, ...nodes, ...servers, ...ours]

export const commands: ReadonlyMap<string, Command> = new Map(all.map((command) => [command.name, command]))
