// INFO's sections of what was counted: Stats, Commandstats, Errorstats.
import type { ServerView } from './caller.ts'
import { spelt } from './command.ts'
import type { Fields } from './info-text.ts'

export function statistics({ statistics: { counts }, broker }: ServerView): Fields {
  return [
    ['total_connections_received', counts.connectionsReceived],
    ['total_commands_processed', counts.commands],
    ['total_net_input_bytes', counts.bytesReceived],
    ['total_net_output_bytes', counts.bytesSent],
    ['rejected_connections', counts.connectionsRejected],
    ['client_output_buffer_limit_disconnections', counts.subscribersCut],
    ['evicted_keys', 0],
    ['pubsub_channels', broker.channelCount],
    ['pubsub_patterns', broker.patternCount],
    ['messages_published', counts.messagesPublished],
    ['total_error_replies', counts.errors]
  ]
}

export function commandStatistics({ statistics: { tallies } }: ServerView): Fields {
  return [...tallies].map(([name, { calls, micros, rejected, failed }]) => {
    const usec = Math.round(micros)
    const mean = calls === 0 ? 0 : micros / calls
    return [
      `cmdstat_${spelt({ name })}`,
      `calls=${calls},usec=${usec},usec_per_call=${mean.toFixed(2)},rejected_calls=${rejected},failed_calls=${failed}`
    ]
  })
}

export const errorStatistics = ({ statistics: { errors } }: ServerView): Fields =>
  [...errors].map(([code, count]) => [`errorstat_${code}`, `count=${count}`])
