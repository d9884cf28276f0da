// Passwords for the command line: from the environment, a file, a pipe or a hidden prompt, never from arguments, which
// every user of the machine can read.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { exit, exitCodes, messageOf } from './exit.ts'

/** VARVE_PASSWORD, the file VARVE_PASSWORD_FILE, or undefined. */
export function passwordOfEnvironment(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const { VARVE_PASSWORD: password, VARVE_PASSWORD_FILE: file } = env
  if (password) return password
  if (!file) return undefined
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw exit(exitCodes.usage, `VARVE_PASSWORD_FILE cannot be read: ${messageOf(error)}.`)
  }
}

/** The password to log in with. */
export async function askPassword(user: string): Promise<string> {
  const password = passwordOfEnvironment()
  if (password !== undefined) return password
  if (process.stdin.isTTY) return await prompt(`Password of ${user}: `)
  throw exit(exitCodes.usage, `Give the password of ${user} by VARVE_PASSWORD or VARVE_PASSWORD_FILE.`)
}

/** A password to be set: typed twice on a terminal, else the first line of stdin. */
export async function newPassword(user: string): Promise<string> {
  const password = process.stdin.isTTY ? await typedTwice(user) : await firstLine(process.stdin)
  if (password === '') throw exit(exitCodes.usage, 'A password is not empty.')
  return password
}

async function typedTwice(user: string): Promise<string> {
  const password = await prompt(`New password of ${user}: `)
  if ((await prompt('The same again: ')) !== password) throw exit(exitCodes.usage, 'They are not the same.')
  return password
}

async function firstLine(input: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input })) return line
  return ''
}

function prompt(question: string): Promise<string> {
  process.stderr.write(question)
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  return new Promise((resolve, reject) => {
    terminal.once('SIGINT', () => {
      terminal.close()
      process.stderr.write('\n')
      reject(exit(exitCodes.usage, 'Stopped.'))
    })
    terminal.question('', (answer) => {
      terminal.close()
      process.stderr.write('\n')
      resolve(answer)
    })
  })
}
