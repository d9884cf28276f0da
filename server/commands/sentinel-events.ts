// What a Sentinel publishes: here after a change of leader, by every member to those who subscribed at it.
import type { LeaderSwitch } from '../cluster/leader-watch.ts'
import type { ClusterMember } from '../cluster/view.ts'
import type { Broker, Subscriber } from '../pubsub.ts'
import type { ServedCluster } from './caller.ts'
import { globMatches } from './glob.ts'
import { replicasOf } from './replicas.ts'

const switchMaster = Buffer.from('+switch-master')
const plusSlave = Buffer.from('+slave')

/** Channels of Sentinels, and what some clients ask for in place of them. */
const channels = ['+switch-master', 'switch-master', '+slave', '+sdown', '-sdown', '+odown', '-odown', '+sentinel'].map(
  (name) => Buffer.from(name)
)

/** In Redis's order: the new master, then who follows it. */
export function publishSwitch(broker: Broker, cluster: ServedCluster, { from, to }: LeaderSwitch): void {
  const words = [cluster.masterName, from.host, from.port, to.host, to.port]
  broker.publish(switchMaster, Buffer.from(words.join(' ')))
  for (const replica of replicasOf(cluster)) broker.publish(plusSlave, Buffer.from(slaveWords(cluster, replica, to)))
}

const slaveWords = ({ masterName }: ServedCluster, { host, port }: ClusterMember, master: ClusterMember): string =>
  `slave ${host}:${port} ${host} ${port} @ ${masterName} ${master.host} ${master.port}`

/** Whether somebody listens for what Sentinels publish: closing that connection would hide the message from it. */
export function listensToSentinels({ channels: names, patterns }: Pick<Subscriber, 'channels' | 'patterns'>): boolean {
  return channels.some(
    (channel) =>
      names.has(channel.toString()) || [...patterns.values()].some((pattern) => globMatches(pattern, channel))
  )
}
