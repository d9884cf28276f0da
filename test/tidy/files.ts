// The files that tidy looks at: what git tracks or would track.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface SourceFile {
  readonly path: string
  readonly text: string
}

export function readSource(path: string): SourceFile {
  return { path, text: readFileSync(join(root, path), 'utf8') }
}

export const exists = (path: string): boolean => existsSync(join(root, path))

const paths: readonly string[] = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8'
})
  .split('\n')
  .filter((path) => path !== '' && exists(path))
  .sort()

const cache = new Map<string, SourceFile>()

/** The project's files whose path matches, read once. */
export function filesMatching(pattern: RegExp): SourceFile[] {
  return paths
    .filter((path) => pattern.test(path))
    .map((path) => {
      const known = cache.get(path) ?? readSource(path)
      cache.set(path, known)
      return known
    })
}

/** Line number (from 1) of an offset in a text. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}
