// ROLE TIME MODULE DEBUG LOLWUT: what clients and tools ask of a node, and what varve has no
// part in.
import { lastLeaderOf, leaderOf, leads } from '../cluster/view.ts'
import { arrayReply, emptyArray, errorReply, integerReply, type Reply, textValue } from '../protocol/reply.ts'
import type { ServedCluster } from './caller.ts'
import type { Command } from './command.ts'
import { container } from './container.ts'
import { replyPlan } from './plan.ts'
import { isOnline, offsetOf, replicasOf } from './replicas.ts'
import { sessionPlan } from './session-plan.ts'

export const role: Command = {
  name: 'ROLE',
  arity: 1,
  flags: ['fast', 'admin', 'dangerous'],
  group: 'server',
  summary: 'Whether this node takes writes, and how far its log is.',
  plan: () =>
    sessionPlan(({ server }) => {
      if (server.cluster !== undefined) return roleIn(server.cluster)
      const { role: name, commitIndex } = server.status()
      return arrayReply([textValue(name === 'LEADER' ? 'master' : 'slave'), integerReply(commitIndex), emptyArray])
    })
}

function roleIn(cluster: ServedCluster): Reply {
  const { view } = cluster
  if (leads(view)) {
    const there = replicasOf(cluster).filter((replica) => isOnline(cluster, replica))
    const replicas = there.map((replica) =>
      arrayReply([replica.host, String(replica.port), String(offsetOf(cluster, replica))].map(textValue))
    )
    return arrayReply([textValue('master'), integerReply(view.commitIndex), arrayReply(replicas)])
  }
  const master = lastLeaderOf(view)
  const state = leaderOf(view) === undefined ? 'connect' : 'connected'
  return arrayReply([
    textValue('slave'),
    textValue(master?.host ?? ''),
    integerReply(master?.port ?? 0),
    textValue(state),
    integerReply(view.appliedIndex)
  ])
}

export const time: Command = {
  name: 'TIME',
  arity: 1,
  flags: ['fast'],
  group: 'server',
  summary: "The server's time: seconds since 1970, and the microseconds of the second that runs.",
  plan: () =>
    sessionPlan(({ server }) => {
      const ms = server.nowMs()
      const seconds = Math.floor(ms / 1_000)
      const micros = Math.floor((ms - seconds * 1_000) * 1_000)
      return arrayReply([textValue(String(seconds)), textValue(String(micros))])
    })
}

const moduleList: Command = {
  name: 'MODULE LIST',
  arity: 2,
  flags: ['admin'],
  group: 'server',
  summary: 'No modules.',
  plan: () => replyPlan(emptyArray)
}

export const moduleCommand = container({ name: 'MODULE', group: 'server', summary: 'There are no modules.' }, [
  moduleList
])

const refused = (name: string, arity: number, reply: Reply): Command => ({
  name,
  arity,
  flags: [],
  group: 'server',
  summary: 'Refused.',
  plan: () => replyPlan(reply)
})

export const debug: Command = {
  ...refused('DEBUG', -2, errorReply('DEBUG command not allowed. varve has none.')),
  flags: ['admin', 'dangerous']
}

export const lolwut: Command = {
  name: 'LOLWUT',
  arity: -1,
  flags: ['fast'],
  group: 'server',
  summary: 'A year of sediment.',
  plan: () =>
    sessionPlan(({ server }) => ({
      kind: 'text',
      text: `~~~~~~~~\n========\n~~~~~~~~\nvarve ver. ${server.version}\n`
    }))
}
