// A disk whose power can be cut: a file system of its own, on a loop mount. See the tool's own description.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isRoot } from '../../support/skip.ts'
import { root } from '../../support/varve.ts'

// Beside the project; a worktree lies one folder deeper.
const tool = ['../shared/tools/power-cut', '../../shared/tools/power-cut']
  .map((path) => join(root, path))
  .find((path) => existsSync(path))

function call(verb: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(tool as string, [verb, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`power-cut ${verb}: ${error?.message ?? stderr}`)
}

export class PowerDisk {
  readonly #mount: string

  constructor(megabytes = 128) {
    this.#mount = join(mkdtempSync(join(tmpdir(), 'varve-power-')), 'disk')
    try {
      call('create', this.#mount, String(megabytes))
    } catch (error) {
      rmSync(join(this.#mount, '..'), { recursive: true, force: true })
      throw error
    }
  }

  /** A place for a database; the root of the disk has lost+found. */
  get directory(): string {
    return join(this.#mount, 'data')
  }

  /** What was not synced is gone, and nothing can be written any more. */
  cut(): void {
    call('cut', this.#mount)
  }

  /** Power is back. Nobody may hold a file. */
  restore(): void {
    call('restore', this.#mount)
  }

  [Symbol.dispose](): void {
    call('destroy', this.#mount)
    rmdirSync(join(this.#mount, '..'))
  }
}

function canMount(): boolean {
  if (!isRoot || tool === undefined) return false
  try {
    new PowerDisk()[Symbol.dispose]()
    return true
  } catch {
    return false
  }
}

/** Whether power can be cut here, and what it takes. */
export const hasPowerSwitch: boolean = canMount()
export const powerSwitchNeeds = 'needs root, loop mounts and the tool power-cut beside the project'
