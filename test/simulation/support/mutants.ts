// Faults that Raft implementations have had, as patches of the sources. The simulator must see each of them.
import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'

interface Edit {
  readonly file: string
  /** Stands there exactly `times` times, once if not said. */
  readonly find: string
  readonly replace: string
  readonly times?: number
}

export interface Mutant {
  readonly name: string
  /** The class of seeds that looks where it hurts; every seed of it counts up from 1. */
  readonly seedClass: string
  readonly edits: readonly Edit[]
}

const core = (name: string): string => `server/raft/core/${name}.ts`

export const mutants: readonly Mutant[] = [
  {
    name: 'commits entries of older terms by counting',
    seedClass: 'losses',
    edits: [
      {
        file: core('replication'),
        find: 'index <= log.committed || !log.matches(index, term)',
        replace: 'index <= log.committed'
      }
    ]
  },
  {
    name: 'replies before its storage message is acknowledged',
    seedClass: 'crashes',
    edits: [
      {
        file: core('raft'),
        find: 'this.durableMessages.push(message)',
        replace: `if (message.to === this.id) this.durableMessages.push(message)
    else this.messages.push(message)`
      }
    ]
  },
  {
    name: 'does not persist its vote',
    seedClass: 'crashes',
    edits: [
      {
        file: core('ready'),
        find: 'from: id, entries, hardState, snapshot',
        replace: 'from: id, entries, hardState: hardState && { ...hardState, vote: 0 }, snapshot'
      }
    ]
  },
  {
    name: 'asks for a read again with the same id',
    seedClass: 'reads',
    edits: [
      { file: core('reading'), find: 'const id = raft.readId++', replace: 'const id = raft.readId' },
      {
        file: core('reading'),
        find: 'raft.readStates.push({ id, index })',
        replace: `{
    if (id === raft.readId) raft.readId++
    raft.readStates.push({ id, index })
  }`,
        times: 2
      }
    ]
  },
  {
    name: 'begins a term without a no-op',
    seedClass: 'mixed',
    edits: [{ file: core('roles'), find: '\n  appendNoOp(raft)\n', replace: '\n' }]
  },
  {
    name: 'truncates its log on a duplicate append',
    seedClass: 'mixed',
    edits: [
      {
        file: core('log'),
        find: 'if (known < entries.length) this.append(known === 0 ? entries : entries.slice(known))',
        replace: 'if (entries.length > 0) this.append(entries)'
      }
    ]
  },
  {
    name: 'counts learners in the quorum',
    seedClass: 'members',
    edits: [
      {
        file: core('tracker'),
        find: 'return jointIndex(this.#membership, ',
        replace: `const { voters, votersOutgoing, learners } = this.#membership
    return jointIndex({ voters: [...voters, ...learners], votersOutgoing }, `
      }
    ]
  },
  {
    name: 'leaves a joint membership early: for commits, the voters that go no longer count',
    seedClass: 'members',
    edits: [
      {
        file: core('quorum'),
        find: 'return Math.min(majorityIndex(halves.voters, acknowledged), majorityIndex(halves.votersOutgoing, acknowledged))',
        replace: 'return majorityIndex(halves.voters, acknowledged)'
      }
    ]
  },
  {
    name: 'leaves a joint membership early: with the entry that enters it',
    seedClass: 'members',
    edits: [
      {
        file: core('membership'),
        find: "return enterJoint(membership, change.changes, change.transition !== 'explicit')",
        replace: `const entered = enterJoint(membership, change.changes, change.transition !== 'explicit')
  if (entered.fault !== undefined || change.transition === 'explicit') return entered
  return { ...leaveJoint(entered.membership), fresh: entered.fresh }`
      }
    ]
  },
  {
    name: 'hands leadership over and serves on: it keeps its lease',
    seedClass: 'lease',
    edits: [{ file: core('leader'), find: '  raft.reads.breakLease()\n', replace: '' }]
  },
  {
    name: 'hands leadership over to a node that leads without being elected',
    seedClass: 'transfers',
    edits: [
      {
        file: core('election'),
        find: 'mayCampaign(raft)) askVotes(raft, true)',
        replace: `mayCampaign(raft)) {
    becomeCandidate(raft)
    becomeLeader(raft)
    broadcastAppend(raft)
  }`
      }
    ]
  },
  {
    name: 'votes with its old id after its disk was wiped',
    seedClass: 'wipes',
    edits: [
      {
        file: 'server/simulation/cluster.ts',
        find: 'disk.identity ?? this.#freshId()',
        replace: 'disk.identity ?? _formerId'
      }
    ]
  },
  {
    name: 'rejects an append below its snapshot for ever',
    seedClass: 'losses',
    edits: [
      {
        file: core('follower'),
        find: '    acknowledge(raft, message.from, log.committed)\n    return\n',
        replace: '    reject(raft, message)\n    return\n'
      }
    ]
  }
]

const folders = ['server/raft/core', 'server/simulation']

/** The sources that a simulation needs, by path. */
export function readSources(): Map<string, string> {
  const root = new URL('../../../', import.meta.url)
  const paths = folders.flatMap((folder) =>
    readdirSync(new URL(folder, root))
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${folder}/${name}`)
  )
  return new Map(paths.map((path) => [path, readFileSync(new URL(path, root), 'utf8')]))
}

/** The sources with the mutant in them. Throws when an edit no longer fits. */
export function mutate(sources: ReadonlyMap<string, string>, { name, edits }: Mutant): Map<string, string> {
  const mutated = new Map(sources)
  for (const { file, find, replace, times = 1 } of edits) {
    const text = mutated.get(file)
    const found = (text?.split(find).length ?? 1) - 1
    if (text === undefined || found !== times) {
      throw new Error(`The mutant "${name}" must find ${times} times in ${file}, but finds ${found} times: ${find}`)
    }
    mutated.set(file, text.split(find).join(replace))
  }
  return mutated
}

/** JavaScript from a source, with imports that Node resolves. */
export function compile(path: string, text: string): string {
  const { outputText, diagnostics } = ts.transpileModule(text, {
    fileName: path,
    reportDiagnostics: true,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true
    }
  })
  const [fault] = diagnostics ?? []
  if (fault) throw new Error(`${path}: ${ts.flattenDiagnosticMessageText(fault.messageText, ' ')}`)
  return outputText
}
