// Runs a conformance file: every directive in order, each output compared with what the file expects.
//
// Log lines and whether a Ready must be synced are left out of both: they are not what a node does. Everything else is
// compared as text. A directive or argument that is not known fails the file.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MembershipChanges } from './confchange.ts'
import { Interaction } from './interaction.ts'
import { runQuorum } from './quorum.ts'
import { type Directive, parseScript } from './script.ts'

const kinds = ['quorum', 'confchange', 'interaction'] as const
export type Kind = (typeof kinds)[number]

export interface ConformanceFile {
  readonly kind: Kind
  /** "kind/file.txt". */
  readonly name: string
  readonly path: string
}

export interface Mismatch {
  readonly line: number
  readonly directive: string
  readonly expected: string
  readonly actual: string
}

export interface Outcome {
  readonly directives: number
  readonly mismatches: readonly Mismatch[]
}

/** Where the files are: VARVE_RAFT_TESTDATA, else beside the project. */
export const testdata: string =
  process.env['VARVE_RAFT_TESTDATA'] ?? fileURLToPath(new URL('../../../../shared/raft-testdata', import.meta.url))

function namesOf(kind: Kind): string[] {
  try {
    return readdirSync(join(testdata, kind)).filter((name) => name.endsWith('.txt'))
  } catch {
    return []
  }
}

/** Every file there is; none where the folder is missing. */
export function conformanceFiles(): ConformanceFile[] {
  return kinds.flatMap((kind) =>
    namesOf(kind)
      .sort()
      .map((name) => ({ kind, name: `${kind}/${name}`, path: join(testdata, kind, name) }))
  )
}

function runnerOf(kind: Kind): (directive: Directive) => string {
  if (kind === 'quorum') return runQuorum
  const runner = kind === 'confchange' ? new MembershipChanges() : new Interaction()
  return (directive) => runner.run(directive)
}

export function runFile({ kind, path }: ConformanceFile): Outcome {
  return runText(kind, readFileSync(path, 'utf8'))
}

export function runText(kind: Kind, text: string): Outcome {
  const directives = parseScript(text)
  const run = runnerOf(kind)
  const mismatches: Mismatch[] = []
  for (const directive of directives) {
    const expected = compared(directive.expected)
    const actual = compared(run(directive))
    const { line, name, args } = directive
    if (actual !== expected)
      mismatches.push({ line, directive: [name, ...args.map(({ key }) => key)].join(' '), expected, actual })
  }
  return { directives: directives.length, mismatches }
}

/** What of an output is compared. */
function compared(output: string): string {
  const lines = output
    .split('\n')
    .filter((line) => !/^\s*(DEBUG|INFO|WARN|ERROR|FATAL) /.test(line))
    .map((line) => line.replace(/^(\s*Ready)( MustSync=(true|false))?:$/, '$1:').trimEnd())
    .filter((line) => line !== '')
  return lines.length === 0 ? 'ok' : lines.join('\n')
}

export function mismatchText({ line, directive, expected, actual }: Mismatch): string {
  return `line ${line}: ${directive}\nexpected:\n${expected}\nactual:\n${actual}`
}
