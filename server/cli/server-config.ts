// The configuration in force for a call of `varve`: the file that is named, the environment, the flags of `varve serve`.
import { readFileSync } from 'node:fs'
import type { Effective, FlagValues } from '../config/load.ts'
import { exit, exitCodes, messageOf } from './exit.ts'

export interface ConfigUse {
  readonly flags?: FlagValues
  /** Whether the files of secrets are opened: who only looks needs no right to. */
  readonly opensSecrets: boolean
}

/** Ends the program with every fault. */
export async function effectiveConfig(file: string | undefined, use: ConfigUse): Promise<Effective> {
  const { flags = {}, opensSecrets } = use
  const { loadConfig } = await import('../config/load.ts')
  const readSecret = opensSecrets ? (path: string): string => readFileSync(path, 'utf8') : undefined
  const named = file === undefined ? undefined : { name: file, text: textOf(file) }
  const result = loadConfig({ file: named, env: process.env, flags, readSecret })
  if (!result.ok) throw exit(exitCodes.usage, result.faults.join('\n'))
  return result
}

export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw exit(exitCodes.usage, `The configuration cannot be read: ${messageOf(error)}.`)
  }
}
