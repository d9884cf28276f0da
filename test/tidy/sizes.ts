// How long files and functions may be.
import ts from 'typescript'
import { blank } from './cpp.ts'
import type { SourceFile } from './files.ts'
import { lineAt } from './files.ts'

export const fileLinesSmell = 400
export const fileLinesMax = 600
export const functionLinesMax = 70

const linesOf = (text: string): number => text.split('\n').length - (text.endsWith('\n') ? 1 : 0)

export function longFiles(files: readonly SourceFile[], linesMax: number): string[] {
  return files
    .map(({ path, text }) => ({ path, lines: linesOf(text) }))
    .filter(({ lines }) => lines > linesMax)
    .map(({ path, lines }) => `${path} has ${lines} lines, more than ${linesMax}`)
}

interface Extent {
  readonly line: number
  readonly lines: number
}

const tooLong = (path: string, extents: readonly Extent[]): string[] =>
  extents
    .filter(({ lines }) => lines > functionLinesMax)
    .map(({ line, lines }) => `${path}:${line} a function of ${lines} lines, more than ${functionLinesMax}`)

export function longTypescriptFunctions({ path, text }: SourceFile): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const extents: Extent[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) {
      const first = lineAt(text, node.getStart(source))
      extents.push({ line: first, lines: lineAt(text, node.end) - first + 1 })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return tooLong(path, extents)
}

// A brace opens a function when what stands before it (since the last ; { }) has a parameter list and is not a type, a
// namespace or an initialiser. Braces inside a function, and those of a member initialiser list, belong to what is around.
export function longNativeFunctions({ path, text }: SourceFile): string[] {
  const code = blank(text)
  const extents: Extent[] = []
  const open: { kind: 'scope' | 'function' | 'inner'; start: number }[] = []
  let headStart = 0
  for (let i = 0; i < code.length; i++) {
    const c = code[i]
    const inside = open.at(-1)?.kind
    if (c === '{') {
      const head = code.slice(headStart, i)
      const isInner = inside === 'function' || inside === 'inner' || isMemberInitialiser(head)
      const kind = isInner ? 'inner' : isFunctionHead(head) ? 'function' : 'scope'
      open.push({ kind, start: headStart + (head.length - head.trimStart().length) })
      if (kind !== 'inner') headStart = i + 1
    } else if (c === '}') {
      const closed = open.pop()
      if (closed?.kind === 'function') {
        const first = lineAt(code, closed.start)
        extents.push({ line: first, lines: lineAt(code, i) - first + 1 })
      }
      if (closed?.kind !== 'inner') headStart = i + 1
    } else if (c === ';' && inside !== 'function' && inside !== 'inner') {
      headStart = i + 1
    }
  }
  return tooLong(path, extents)
}

const isFunctionHead = (head: string): boolean =>
  /\)/.test(head) &&
  !/(^|[\s>])(namespace|class|struct|union|enum)\s+(\[\[[^\]]*\]\]\s*)?\w*[^()]*$/.test(head) &&
  !/=\s*$/.test(head)

// `Name(...) : member_` with a brace next: the brace initialises the member, the body comes later.
const isMemberInitialiser = (head: string): boolean =>
  /\)\s*(noexcept\s*)?:(?!:)/.test(head) &&
  /[\w>]\s*$/.test(head) &&
  !/\b(const|noexcept|override|final)\s*$/.test(head)
