// Simulates copies of the sources with a mutant in them, each in a process of its own, until a promise is broken.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { compile } from './mutants.ts'

const hunter = fileURLToPath(new URL('hunt.mjs', import.meta.url))
const native = fileURLToPath(new URL('../../../native', import.meta.url))

export interface Hunt {
  readonly seeds: number
  readonly promised?: string
  readonly sentence?: string
}

export interface Prey {
  readonly seedClass: string
  readonly seconds: number
  /** What runs: the model, or production code. */
  readonly form: 'model' | 'production'
}

export class Hunts {
  readonly #sources: ReadonlyMap<string, string>
  readonly #compiled: ReadonlyMap<string, string>
  readonly #scratch = mkdtempSync(join(tmpdir(), 'varve-mutants-'))

  constructor(sources: ReadonlyMap<string, string>) {
    this.#sources = sources
    this.#compiled = new Map([...sources].map(([path, text]) => [path, compile(path, text)]))
  }

  /** `changed`: the sources, as they are to be simulated. */
  async hunt(changed: ReadonlyMap<string, string>, { seedClass, seconds, form }: Prey): Promise<Hunt> {
    const folder = mkdtempSync(join(this.#scratch, 'copy-'))
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ type: 'module', imports: { '#native': './native/index.cjs' } })
    )
    symlinkSync(native, join(folder, 'native'))
    for (const [path, text] of changed) {
      const target = join(folder, path.replace(/\.ts$/, '.js'))
      mkdirSync(dirname(target), { recursive: true })
      writeFileSync(target, text === this.#sources.get(path) ? (this.#compiled.get(path) ?? '') : compile(path, text))
    }
    const args = [hunter, folder, form, seedClass, String(seconds)]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 4 * seconds * 1000 + 60_000 })
    return JSON.parse(stdout)
  }

  close(): void {
    rmSync(this.#scratch, { recursive: true, force: true })
  }
}
