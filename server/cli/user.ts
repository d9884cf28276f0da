// varve user add|list|del: the users of a server, by its ACL commands. Passwords come from a prompt or stdin.
import { Command, InvalidArgumentError, Option } from 'commander'
import type { ClientFlags } from './address.ts'
import { addClientFlags, withClient } from './address.ts'
import { exit, exitCodes } from './exit.ts'
import { examples, print, printJson } from './output.ts'
import { newPassword } from './password.ts'
import { itemsIn } from './replies.ts'

export const userCommand = (): Command =>
  new Command('user')
    .description('the users of a server: who may log in, and what they may do')
    .addHelpText(
      'after',
      examples(
        'varve user add ada --role write --prefix app: --user root < password.txt',
        'varve user list --user root',
        'varve user del ada --user root'
      )
    )
    .addCommand(addSubcommand())
    .addCommand(listSubcommand())
    .addCommand(delSubcommand())

const roles = ['read', 'write', 'admin'] as const

interface AddFlags extends ClientFlags {
  readonly role: (typeof roles)[number]
  readonly prefix?: readonly string[]
  readonly channel?: readonly string[]
}

const many = (value: string, before: readonly string[] = []): string[] => {
  if (/[\s*?[\]]/.test(value)) throw new InvalidArgumentError('It is a plain beginning, without spaces or * ? [ ].')
  return [...before, value]
}

const addSubcommand = (): Command =>
  addClientFlags(new Command('add'))
    .description(
      'make a user, or give one another password, role and grants; the password is asked for, or comes on stdin'
    )
    .argument('<name>')
    .addOption(new Option('--role <role>', 'what it may do').choices([...roles]).default('read'))
    .option('--prefix <text>', 'only keys that begin so; may be given several times (default: all keys)', many)
    .option('--channel <text>', 'only channels that begin so; may be given several times (default: all channels)', many)
    .addHelpText(
      'after',
      examples(
        'varve user add ada --user root',
        'varve user add app --role write --prefix app: --prefix shared: --user root < password.txt'
      )
    )
    .action(async (name: string, flags: AddFlags) => {
      if (/\s/.test(name)) throw exit(exitCodes.usage, 'A name has no spaces.')
      const password = await newPassword(name)
      const grants = [
        ...(flags.prefix ?? ['']).map((prefix) => `~${prefix}*`),
        ...(flags.channel ?? ['']).map((prefix) => `&${prefix}*`)
      ]
      const rules = ['reset', 'on', `>${password}`, ...grants, `+@${flags.role}`]
      await withClient(flags, (wire) => wire.call('ACL', 'SETUSER', name, ...rules))
      if (flags.json) printJson({ ok: true, user: name, role: flags.role })
      else print(`${name} may ${flags.role} from now on`)
    })

const listSubcommand = (): Command =>
  addClientFlags(new Command('list'))
    .description('print the users and what they may do, without passwords')
    .addHelpText('after', examples('varve user list --user root', 'varve user list --user root --json'))
    .action((flags: ClientFlags) =>
      withClient(flags, async (wire) => {
        const users = itemsIn(await wire.call('ACL', 'LIST')).map(String)
        const told = users.map((line) => line.split(' ').filter((word) => !/^[#>]/.test(word)))
        if (flags.json) printJson(told.map(([, name, ...rules]) => ({ name, rules })))
        else for (const [, ...words] of told) print(words.join(' '))
      })
    )

const delSubcommand = (): Command =>
  addClientFlags(new Command('del'))
    .description('remove a user; exit code 1 if there is none')
    .argument('<name>')
    .addHelpText('after', examples('varve user del ada --user root'))
    .action((name: string, flags: ClientFlags) =>
      withClient(flags, async (wire) => {
        const removed = (await wire.call('ACL', 'DELUSER', name)) === 1
        if (flags.json) printJson({ ok: removed, user: name })
        else if (removed) print(`${name} is removed`)
        if (removed) return
        if (!flags.json) throw exit(exitCodes.failed, `There is no user ${name}.`)
        process.exitCode = exitCodes.failed
      })
    )
