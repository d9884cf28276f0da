// Users of a test: one with a password that is its name.
import { Users } from '../../../server/auth/users.ts'

export async function usersWith(name: string, rules: string): Promise<Users> {
  const users = new Users()
  await users.seed('default', Buffer.from('secret'))
  const fault = await users.change(
    name,
    `on >${name} ${rules}`.split(' ').map((rule) => Buffer.from(rule))
  )
  if (fault !== undefined) throw new Error(fault)
  return users
}
