// Error codes are documented, and only those that exist.
import type { SourceFile } from './files.ts'
import { lineAt } from './files.ts'

/** The codes that have a heading of their own in a Markdown text. */
export function documentedCodes(markdown: string): Set<string> {
  const headings = markdown.match(/^#{2,6} .*$/gm) ?? []
  return new Set(headings.flatMap((heading) => heading.match(/\bVARVE_[A-Z_]+\b/g) ?? []))
}

/** Differences between the codes there are and the codes the README documents. */
export function documentationFaults(codes: Readonly<Record<string, string>>, markdown: string): string[] {
  const documented = documentedCodes(markdown)
  return [
    ...Object.keys(codes)
      .filter((code) => !documented.has(code))
      .map((code) => `README.md has no heading for ${code}`),
    ...[...documented]
      .filter((code) => !(code in codes))
      .map((code) => `README.md documents ${code}, which lib/errors.ts lacks`),
    ...Object.entries(codes)
      .filter(([, meaning]) => !/^[A-Z].*\.$/s.test(meaning))
      .map(([code]) => `lib/errors.ts: the meaning of ${code} is not a sentence`)
  ]
}

// Words that look like a code but are variables of the environment.
const environment =
  /^VARVE_(NATIVE_BINDING|LONG|SEED|TEST_SUMMARY|SKIP_REPORT|INSTRUMENTED|RAFT_TESTDATA|PASSWORD|(SERVER|STORAGE|LOGGING|AUTH|TLS|LIMITS|PEERS)[A-Z_]*|[A-Z]+_(HOST|PORT|DIR|FILE))$/

/** Codes written as literals that the table does not have. */
export function unknownCodes(file: SourceFile, codes: Readonly<Record<string, string>>): string[] {
  return [...file.text.matchAll(/['"`](VARVE_[A-Z_]+)['"`]/g)]
    .filter((match) => !environment.test(match[1] ?? '') && !((match[1] ?? '') in codes))
    .map((match) => `${file.path}:${lineAt(file.text, match.index)} ${match[1]} is not in lib/errors.ts`)
}
