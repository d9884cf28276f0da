// Faults that storages and servers under consensus have had, as patches of the sources. The simulation of production code must
// see each of them.
import { readdirSync, readFileSync } from 'node:fs'
import type { Mutant } from './mutants.ts'

export const productionMutants: readonly Mutant[] = [
  {
    name: 'keeps how far it has applied apart from the data',
    seedClass: 'snapshots',
    edits: [
      {
        file: 'lib/tree/scheduler.ts',
        find: 'await installer.install({ add, remove: [], flushed: newest.upTo }, tables, batch)',
        replace: `await installer.install({ add: [], remove: [], flushed: newest.upTo }, [], [])
    await installer.install({ add, remove: [] }, tables, batch)`
      }
    ]
  },
  {
    name: 'replies before the sync',
    seedClass: 'power',
    edits: [
      {
        file: 'server/raft/log.ts',
        find: '    await this.#synced\n',
        replace: '    this.#synced.catch(() => undefined)\n'
      }
    ]
  },
  {
    name: 'trusts what it reads of the end of its log after a restart, synced or not',
    seedClass: 'ends',
    edits: [
      {
        file: 'lib/recovery.ts',
        find: 'const replayed = await replay(engine, directory, walNumbers, state.version, memtable, copyTo, applies)',
        // Only what was flushed is left where it is: so it takes all that it can read for flushed.
        replace: `const probe = native.createEngine(environment.executor, environment.fs, 0)
  const room = native.createMemtable(probe, settings.memtableBytes)
  const seen = await replay(probe, directory, walNumbers, state.version, room, null, applies)
  native.release(room)
  native.release(probe)
  const { flushed } = state.version
  const end = role === 'member' ? { ...flushed, index: seen.index, term: seen.term } : flushed
  const trusted = { ...state.version, flushed: end }
  const replayed = await replay(engine, directory, walNumbers, trusted, memtable, copyTo, applies)`
      },
      // It would find the number of the last sequence wrong, which is no matter.
      {
        file: 'lib/write/applier.ts',
        find: 'assert(visible === next.sequence,',
        replace: 'assert(visible >= next.sequence,'
      }
    ]
  },
  {
    name: 'decides before it knows what is committed',
    seedClass: 'leaders',
    edits: [
      {
        file: 'server/raft/leadership.ts',
        find: "if (role !== 'leader') this.#isReady = false",
        replace: "this.#isReady = role === 'leader'"
      }
    ]
  },
  {
    name: 'keeps what it had proposed when it no longer leads, and decides on that when it leads again',
    seedClass: 'leaders',
    edits: [{ file: 'server/raft/member.ts', find: '      this.#inFlight.clear()\n', replace: '' }]
  },
  {
    name: 'reads what it has without asking who leads',
    seedClass: 'partitions',
    edits: [
      {
        file: 'server/raft/reads.ts',
        find: 'if (this.#closed !== undefined) return Promise.reject(this.#closed)\n    return',
        replace: `if (this.#closed !== undefined) return Promise.reject(this.#closed)
    if (this.#applied >= 0) return Promise.resolve(this.#applied)
    return`
      }
    ]
  },
  {
    name: 'goes on after a sync that failed',
    seedClass: 'disks',
    edits: [
      {
        file: 'lib/log/log.ts',
        find: '        group.reject(toVarveError(error))\n',
        replace: '        group.resolve()\n'
      }
    ]
  }
]

const root = new URL('../../../', import.meta.url)
const folders = ['lib', 'server/raft', 'server/simulation', 'server/store', 'server/cluster']

/** The sources that a simulation of production code needs, by path. */
export function readProductionSources(): Map<string, string> {
  const below = folders.flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true }).map((name) => `${folder}/${String(name)}`)
  )
  const beside = readdirSync(new URL('server', root)).map((name) => `server/${name}`)
  const paths = [...below, ...beside].filter((path) => path.endsWith('.ts') && !path.endsWith('cli.ts'))
  return new Map(paths.map((path) => [path, readFileSync(new URL(path, root), 'utf8')]))
}
