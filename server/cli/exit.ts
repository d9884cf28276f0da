// How a command ends: exit codes, and errors as sentences that say what to do.
//
//   0  done
//   1  not found, or a check or a request failed
//   2  it was called the wrong way: arguments, options, a configuration file
//   3  no connection to a server, or the server could not start (address taken, data directory locked)
//   4  damaged data
//   130  stopped by Ctrl-C
import type { Address } from './address.ts'

export const exitCodes = { done: 0, failed: 1, usage: 2, connection: 3, damaged: 4 } as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** An error that ends the program with a sentence on stderr and nothing else. */
export interface Exit extends Error {
  readonly exitCode: ExitCode
}

export function exit(exitCode: ExitCode, sentence: string): Exit {
  return Object.assign(new Error(sentence), { exitCode })
}

export function isExit(error: unknown): error is Exit {
  return error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number'
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** What went wrong between here and a server. */
export function connectionExit(error: unknown, { host, port }: Address): Exit {
  if (isExit(error)) return error
  const place = `${host}:${port}`
  switch (codeOf(error)) {
    case 'ERR_REPLY':
      return exit(exitCodes.failed, `The server at ${place} answered: ${messageOf(error)}${hintOf(error)}`)
    case 'ERR_AUTH':
      return exit(exitCodes.connection, `The server at ${place} refuses the login: ${messageOf(error)}`)
    case 'ERR_PROTOCOL':
      return exit(exitCodes.connection, `What answers at ${place} is no varve: ${messageOf(error)} Is --tls right?`)
    case 'ECONNREFUSED':
      return exit(
        exitCodes.connection,
        `Nothing listens at ${place}. Is the server running? Start it with: npx varve serve`
      )
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return exit(exitCodes.connection, `There is no host called ${host}. Name one with --host.`)
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return exit(exitCodes.connection, `The certificate of ${place} is not trusted: name who signed it with --ca.`)
    default:
      if (!codeOf(error).startsWith('E')) throw error
      return exit(exitCodes.connection, `Lost the server at ${place}: ${messageOf(error)}.`)
  }
}

function hintOf(error: unknown): string {
  const word = error instanceof Error && 'word' in error ? error.word : ''
  return word === 'NOAUTH' ? ' Log in with --user.' : ''
}

/** What went wrong between here and a data directory. */
export function databaseExit(error: unknown): Exit {
  if (isExit(error)) return error
  const code = codeOf(error)
  if (code === 'VARVE_INVALID_ARGUMENT') return exit(exitCodes.usage, messageOf(error))
  if (code === 'VARVE_CORRUPTION') return exit(exitCodes.damaged, messageOf(error))
  if (code.startsWith('VARVE_') || code.startsWith('E')) return exit(exitCodes.connection, messageOf(error))
  throw error
}

export const capital = (sentence: string): string => sentence.charAt(0).toUpperCase() + sentence.slice(1)
