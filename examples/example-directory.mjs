// A directory for an example: the one named on the command line, which is kept, or one that is removed at the end.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export function exampleDirectory() {
  const named = process.argv[2]
  if (named !== undefined) return named
  const path = mkdtempSync(join(tmpdir(), 'varve-example-'))
  process.on('exit', () => rmSync(path, { recursive: true, force: true }))
  return path
}
