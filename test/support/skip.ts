// The one way to leave a test out. Every skip has a name, is printed, and is checked in CI against test/skips.txt.
//
//   describe.runIf(skipUnless('power-cut', isRoot, 'needs root for a loop mount'))('power cuts', () => { … })
import { spawnSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'

const announced = new Set<string>()

/** Returns `condition`; when it does not hold, the skip is printed and reported under its name. */
export function skipUnless(name: string, condition: boolean, reason: string): boolean {
  if (condition || announced.has(name)) return condition
  announced.add(name)
  console.warn(`skipped: ${name} (${reason})`)
  const report = process.env['VARVE_SKIP_REPORT']
  if (report) appendFileSync(report, `${JSON.stringify({ name, reason })}\n`)
  return false
}

/** Whether a command is there to be called: the usual condition of a skip. */
export function hasCommand(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v "${command}"`], { stdio: 'ignore' }).status === 0
}

/** Whether this process may do what root may (mounts, network rules). */
export const isRoot: boolean = process.getuid?.() === 0
