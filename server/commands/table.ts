// Every command of RESP by its name. A new one is a file beside this and a word in this list.
import { apply } from './apply.ts'
import type { Command } from './command.ts'
import { entries } from './entries.ts'
import { get, mget } from './get.ts'
import { decr, decrby, incr, incrby } from './increment.ts'
import { page } from './page.ts'
import { echo, ping } from './ping.ts'
import { mset, set } from './set.ts'
import { status } from './status.ts'

const all: readonly Command[] = [
  get,
  mget,
  set,
  mset,
  incr,
  decr,
  incrby,
  decrby,
  ping,
  echo,
  entries,
  apply,
  page,
  status
]

export const commands: ReadonlyMap<string, Command> = new Map(all.map((command) => [command.name, command]))
