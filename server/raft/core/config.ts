// The configuration, checked, with every default filled in.

import { invariant } from './invariant.ts'
import { none, type RaftConfig } from './types.ts'

export type Settings = Required<RaftConfig>

const noLimit = Number.POSITIVE_INFINITY

function whole(config: RaftConfig, name: keyof RaftConfig, min: number): void {
  const value = config[name]
  if (value === undefined) return
  invariant(
    typeof value === 'number' && value >= min && (Number.isSafeInteger(value) || value === noLimit),
    `${name} must be a whole number from ${min} on, not ${String(value)}`
  )
}

/** Throws, with a sentence, when the configuration cannot work. */
export function checkedConfig(config: RaftConfig): Settings {
  whole(config, 'id', none + 1)
  whole(config, 'heartbeatTicks', 1)
  whole(config, 'electionTicks', 2)
  whole(config, 'electionSeed', 0)
  whole(config, 'readIdStart', 0)
  whole(config, 'applied', 0)
  whole(config, 'messageBytesMax', 0)
  whole(config, 'applyingBytesMax', 1)
  whole(config, 'uncommittedBytesMax', 0)
  whole(config, 'inflightMessagesMax', 1)
  whole(config, 'inflightBytesMax', 1)
  const settings: Settings = {
    ...config,
    readIdStart: config.readIdStart ?? 1,
    applied: config.applied ?? 0,
    applyingBytesMax: config.applyingBytesMax ?? Math.max(1, config.messageBytesMax),
    uncommittedBytesMax: config.uncommittedBytesMax ?? noLimit,
    inflightBytesMax: config.inflightBytesMax ?? noLimit
  }
  invariant(config.electionTicks > config.heartbeatTicks, 'electionTicks must be more than heartbeatTicks')
  invariant(
    settings.inflightBytesMax >= config.messageBytesMax,
    'inflightBytesMax must not be less than messageBytesMax, else a full message could not be sent'
  )
  invariant(config.reads === 'safe' || config.checkQuorum, 'reads from the lease need checkQuorum')
  return settings
}
