// varve cluster status|transfer: the members of a cluster, and who leads.
import { Command } from 'commander'
import type { ReplyValue } from '../protocol/resp-replies.ts'
import type { ClientFlags } from './address.ts'
import { addClientFlags, withClient } from './address.ts'
import { examples, print, printJson } from './output.ts'
import { itemsIn, mapIn, textIn } from './replies.ts'

export const clusterCommand = (): Command =>
  new Command('cluster')
    .description('the cluster that a server is a member of: its members, and who leads')
    .addHelpText('after', examples('varve cluster status', 'varve cluster transfer', 'varve cluster transfer node2'))
    .addCommand(statusSubcommand())
    .addCommand(transferSubcommand())

/** One member, as `--json` prints it. */
interface MemberState {
  readonly name: string
  readonly id: string
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly role: string
  readonly online: boolean
  /** Records that it lacks; null: only the leader knows. */
  readonly lag: number | null
}

const statusSubcommand = (): Command =>
  addClientFlags(new Command('status'))
    .description(
      'print the members, who leads, and how many records of the log each of them lacks (asked of the leader)'
    )
    .addHelpText('after', examples('varve cluster status', 'varve cluster status --port 9001 --json'))
    .action((flags: ClientFlags) =>
      withClient(flags, async (wire) => {
        const status = mapIn(await wire.call('VARVE.CLUSTER', 'STATUS'))
        const members = itemsIn(status.get('members')).map(memberIn)
        if (flags.json) printJson(jsonOf(status, members))
        else printStatus(status, members)
      })
    )

function memberIn(reply: ReplyValue): MemberState {
  const fields = mapIn(reply)
  const text = (name: string): string => textIn(fields.get(name)) ?? ''
  const lag = fields.get('lag')
  return {
    name: text('name'),
    id: text('id'),
    host: text('host'),
    port: Number(fields.get('port')),
    tls: fields.get('tls') === 1,
    role: text('role'),
    online: fields.get('online') === 1,
    lag: typeof lag === 'number' ? lag : null
  }
}

type Fields = ReadonlyMap<string, ReplyValue>

const jsonOf = (status: Fields, members: readonly MemberState[]) => ({
  cluster: textIn(status.get('cluster')),
  clusterId: textIn(status.get('cluster_id')),
  member: textIn(status.get('member')),
  role: textIn(status.get('role')),
  leader: textIn(status.get('leader')) ?? null,
  lastLeader: textIn(status.get('last_leader')) ?? null,
  term: status.get('term'),
  lastIndex: status.get('last_index'),
  commitIndex: status.get('commit_index'),
  appliedIndex: status.get('applied_index'),
  members
})

function printStatus(status: Fields, members: readonly MemberState[]): void {
  const leader = textIn(status.get('leader'))
  const last = textIn(status.get('last_leader'))
  const led = leader === undefined ? `nobody leads${last === undefined ? '' : `, ${last} did last`}` : `${leader} leads`
  print(`${textIn(status.get('cluster'))}: ${led} in term ${status.get('term')}`)
  print(
    `asked ${textIn(status.get('member'))}: committed ${status.get('commit_index')}, applied ${status.get('applied_index')}`
  )
  const rows = members.map(({ name, host, port, role, online, lag }) => [
    name,
    `${host}:${port}`,
    role,
    online ? 'online' : 'offline',
    lag === null ? '' : `lag ${lag}`
  ])
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  for (const row of rows)
    print(
      row
        .map((word, column) => word.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()
    )
}

const transferSubcommand = (): Command =>
  addClientFlags(new Command('transfer'))
    .description('hand leadership to another member, or to the one that is furthest; asked of the leader')
    .argument('[member]', 'its name')
    .addHelpText('after', examples('varve cluster transfer', 'varve cluster transfer node2 --user root'))
    .action((member: string | undefined, flags: ClientFlags) =>
      withClient(flags, async (wire) => {
        const words = member === undefined ? [] : [member]
        const leader = textIn(await wire.call('VARVE.CLUSTER', 'TRANSFER', ...words))
        if (flags.json) printJson({ ok: true, leader })
        else print(`${leader} leads`)
      })
    )
