// ACL: users, in Redis' words as far as varve has the things: roles, grants of keys and channels, passwords.
import { roles } from '../auth/access.ts'
import { roleText, rulesOf } from '../auth/rules.ts'
import type { User } from '../auth/user.ts'
import {
  arrayReply,
  emptyArray,
  errorReply,
  integerReply,
  missing,
  ok,
  type Reply,
  textValue
} from '../protocol/reply.ts'
import { type Arguments, argument, type Command } from './command.ts'
import { container } from './container.ts'
import { replyPlan } from './plan.ts'

const nameIn = (args: Arguments): string => argument(args, 0).toString()
const latin1 = (text: string): Reply => ({ kind: 'value', value: Buffer.from(text, 'latin1') })

/** What only an admin may see or do; `secret`, for rules hold passwords. */
const forAdmins = { group: 'server', flags: ['admin', 'no_multi', 'secret'] } as const

const setuser: Command = {
  ...forAdmins,
  name: 'ACL SETUSER',
  arity: -3,
  summary: 'Makes a user, or changes it by rules.',
  usage: '<user> [on|off] [>password] [~prefix*] [&channel*] [+@read|+@write|+@admin] ...',
  plan: (args) => ({
    kind: 'slow',
    run: async ({ server: { users } }) => {
      const fault = await users.change(nameIn(args), args.slice(1))
      return fault === undefined ? ok : errorReply(`Error in ACL SETUSER: ${fault}`)
    }
  })
}

const deluser: Command = {
  ...forAdmins,
  name: 'ACL DELUSER',
  arity: -3,
  summary: 'Removes users; their connections may nothing more.',
  usage: '<user> [<user> ...]',
  plan: (args) => ({
    kind: 'slow',
    run: async ({ server: { users } }) => {
      let count = 0
      for (const name of args) {
        const removed = await users.remove(name.toString())
        if (typeof removed === 'string') return errorReply(removed)
        if (removed) count++
      }
      return integerReply(count)
    }
  })
}

const getuser: Command = {
  ...forAdmins,
  name: 'ACL GETUSER',
  arity: 3,
  summary: 'Tells what a user may. Passwords are not shown, only how many there are.',
  usage: '<user>',
  plan: (args) => ({
    kind: 'session',
    run: ({ server: { users } }) => {
      const user = users.get(nameIn(args))
      return user === undefined ? missing : describe(user)
    }
  })
}

function describe(user: User): Reply {
  const rules = rulesOf(user)
  const starting = (start: string): string => rules.filter((rule) => rule.startsWith(start)).join(' ')
  return {
    kind: 'map',
    pairs: [
      [textValue('flags'), arrayReply([textValue(user.isOn ? 'on' : 'off')])],
      [textValue('passwords'), arrayReply(user.hashes.map(() => textValue('(scrypt)')))],
      [textValue('commands'), textValue(roleText(user.role))],
      [textValue('keys'), latin1(starting('~'))],
      [textValue('channels'), latin1(starting('&'))],
      [textValue('selectors'), emptyArray]
    ]
  }
}

const list: Command = {
  ...forAdmins,
  name: 'ACL LIST',
  arity: 2,
  summary: 'Lists the users with their rules, passwords left out.',
  plan: () => ({
    kind: 'session',
    run: ({ server: { users } }) => {
      if (users.isOpen) return arrayReply([textValue('user default on nopass ~* &* +@all')])
      return arrayReply(users.list().map((user) => latin1(`user ${user.name} ${rulesOf(user).join(' ')}`)))
    }
  })
}

const names: Command = {
  ...forAdmins,
  name: 'ACL USERS',
  arity: 2,
  summary: 'Lists the names of the users.',
  plan: () => ({
    kind: 'session',
    run: ({ server: { users } }) => {
      if (users.isOpen) return arrayReply([textValue('default')])
      return arrayReply(users.list().map(({ name }) => textValue(name)))
    }
  })
}

const whoami: Command = {
  name: 'ACL WHOAMI',
  group: 'server',
  arity: 2,
  flags: [],
  summary: 'Names the user of this connection.',
  plan: () => ({ kind: 'session', run: ({ user }) => textValue(user) })
}

const categories: Reply = arrayReply(roles.filter((role) => role !== 'none').map((role) => textValue(role)))

const cat: Command = {
  name: 'ACL CAT',
  group: 'server',
  arity: 2,
  flags: [],
  summary: 'Lists the roles that can be granted.',
  plan: () => replyPlan(categories)
}

export const acl: Command = container({ name: 'ACL', group: 'server', summary: 'Manages users.' }, [
  cat,
  deluser,
  getuser,
  list,
  setuser,
  names,
  whoami
])
