// Whether a connection may send a request: by its user's role, and its grants of the keys, ranges and channels that the request names.
// Connections of an unrestricted user, and all of them while there are no users, cost one comparison.
import { type Access, hasRole, mayChannel, mayKey, mayPattern, mayRange, noAccess, type Role } from './auth/access.ts'
import type { Arguments, Command, Flag } from './commands/command.ts'
import { argumentsAt, keysOf, spelt } from './commands/command.ts'
import type { LineCommand } from './commands/line.ts'
import { errorReply, type Reply } from './protocol/reply.ts'

type Asked = Command | LineCommand

export const noAuth: Reply = errorReply('Authentication required.', 'NOAUTH')

/** What a user without a name may not know: even whether there is such a command. */
export function needsLogin(access: Access, command: Asked | undefined): boolean {
  return access === noAccess && command?.flags.includes('noauth') !== true
}

/** The refusal of a request, or undefined. REQUIRES: the number of its arguments is right. */
export function refusalOf(access: Access, command: Asked, args: Arguments): Reply | undefined {
  if (access.isUnrestricted || command.flags.includes('noauth')) return undefined
  if (!hasRole(access, roleFor(command.flags))) {
    return noPermission(`this user has no permissions to run the '${spelt(command)}' command`)
  }
  if (!keysOf(command, args).every((key) => mayKey(access, key)) || !mayRanges(access, command, args)) {
    return noPermission('this user has no permissions to access one of the keys used as arguments')
  }
  if (!mayChannels(access, command, args)) {
    return noPermission('this user has no permissions to access one of the channels used as arguments')
  }
  return undefined
}

const noPermission = (message: string): Reply => errorReply(message, 'NOPERM')

function roleFor(flags: readonly Flag[]): Role {
  if (flags.includes('admin')) return 'admin'
  if (flags.includes('write')) return 'write'
  return flags.includes('read') ? 'read' : 'none'
}

function mayRanges(access: Access, { rangesIn }: Asked, args: Arguments): boolean {
  if (access.isEveryKey || rangesIn === undefined) return true
  return rangesIn(args).every((range) => mayRange(access, range))
}

function mayChannels(access: Access, command: Asked, args: Arguments): boolean {
  if (access.isEveryChannel || !('arity' in command)) return true
  const channels = argumentsAt(command.channels, args)
  if (command.name === 'PSUBSCRIBE') return channels.every((pattern) => mayPattern(access, pattern))
  // Nobody needs a grant to leave.
  if (command.name.endsWith('UNSUBSCRIBE')) return true
  return channels.every((channel) => mayChannel(access, channel))
}
