// Every command by its name. A new one is a file beside this and a word in this list.
import type { Command } from './command.ts'
import { del } from './delete.ts'
import { get } from './get.ts'
import { ping } from './ping.ts'
import { put } from './put.ts'
import { quit } from './quit.ts'
import { status } from './status.ts'

export const commands: ReadonlyMap<string, Command> = new Map(
  [put, get, del, ping, status, quit].map((command: Command) => [command.name, command])
)
