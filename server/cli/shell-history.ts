// The history of `varve shell`: a file that only its owner may read. Lines that hold passwords are not kept.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

const linesMax = 1_000
const ownerOnly = 0o600

/** $VARVE_HISTORY_FILE, empty for none; else under $XDG_STATE_HOME, by default ~/.local/state. */
export function historyPath(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const { VARVE_HISTORY_FILE: named, XDG_STATE_HOME: state } = env
  if (named !== undefined) return named === '' ? undefined : named
  return join(state || join(homedir(), '.local', 'state'), 'varve', 'history')
}

/** The newest first, as readline has it. */
export function readHistory(path: string | undefined): string[] {
  if (path === undefined) return []
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean).reverse()
  } catch {
    return []
  }
}

/** `lines` with the newest first. A history that cannot be kept is no reason to stop. */
export function keepHistory(path: string | undefined, lines: readonly string[]): void {
  if (path === undefined) return
  const kept = lines.filter((line) => !isSecret(line)).slice(0, linesMax)
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(
      path,
      [...kept]
        .reverse()
        .map((line) => `${line}\n`)
        .join(''),
      { mode: ownerOnly }
    )
    // The mode counts only for a file that is new.
    chmodSync(path, ownerOnly)
  } catch {}
}

/** AUTH, HELLO … AUTH, ACL SETUSER, CONFIG SET of a password. */
export const isSecret = (line: string): boolean => /^\s*(auth|hello|acl|config)\b/i.test(line)
