// The commit that a kept result belongs to. Results themselves are tracked files and do not count as changes.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** @param {string[]} args */
const git = (args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' })

/** The full hash, with "-dirty" behind it when other files were changed; "unknown" outside a clone. */
export function commit() {
  const head = git(['rev-parse', 'HEAD'])
  if (head.status !== 0) return 'unknown'
  const changes = git(['status', '--porcelain', '--', '.', ':!test/results', ':!bench/results'])
  return head.stdout.trim() + (changes.stdout?.trim() ? '-dirty' : '')
}
