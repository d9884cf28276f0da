// Nothing in the repository tells of the machine it was written on.
import type { SourceFile } from './files.ts'
import { lineAt } from './files.ts'

const traces: readonly (readonly [string, RegExp])[] = [
  ['a path of one machine', /(?<![\w.~/-])\/(work|root|Users|home\/(?!node\b|varve\b|\$)\w+|tmp\/[\w.-]+\/)[\w./-]*/g],
  ['a registry address in the lock', /"resolved": "(?!https:\/\/registry\.npmjs\.org\/)[^"]*"/g],
  [
    'a registry of one machine',
    /https?:\/\/(?!registry\.npmjs\.org\b)[\w.-]*(registry|artifactory|nexus|verdaccio|npm-proxy)[\w.-]*/g
  ]
]

export function machineFaults({ path, text }: SourceFile): string[] {
  return traces.flatMap(([what, pattern]) =>
    [...text.matchAll(pattern)].map((match) => `${path}:${lineAt(text, match.index)} ${what}: ${match[0]}`)
  )
}
