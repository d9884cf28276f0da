// The configuration in force for a call of `varve`: the file that is named, the environment, the flags of `varve serve`.
import { readFileSync } from 'node:fs'
import type { Effective, FlagValues } from '../config/load.ts'
import { exit, exitCodes, messageOf } from './exit.ts'

/** Ends the program with every fault. */
export async function effectiveConfig(file: string | undefined, flags: FlagValues = {}): Promise<Effective> {
  const { loadConfig } = await import('../config/load.ts')
  const readSecret = (path: string): string => readFileSync(path, 'utf8')
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
