// The import graph of TypeScript and the #include graph of C++, checked against the table of groups.
import { posix } from 'node:path'
import ts from 'typescript'
import type { SourceFile } from './files.ts'
import { lineAt } from './files.ts'
import { type Group, groupOf, groups } from './groups.ts'

interface Edge {
  readonly line: number
  readonly specifier: string
}

export const typescriptEdges = ({ path, text }: SourceFile): Edge[] => {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const edges: Edge[] = []
  const add = (node: ts.Node | undefined) => {
    if (node && ts.isStringLiteral(node)) {
      edges.push({ line: lineAt(text, node.getStart(source)), specifier: node.text })
    }
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0])
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return edges
}

const nativeEdges = ({ text }: SourceFile): Edge[] =>
  [...text.matchAll(/^[ \t]*#[ \t]*include[ \t]*"([^"]+)"/gm)].map((match) => ({
    line: lineAt(text, match.index),
    specifier: match[1] ?? ''
  }))

/** The project file an edge leads to; undefined for packages and built-in modules. */
function targetOf(from: string, specifier: string): string | undefined {
  if (from.startsWith('native/')) return posix.join('native', specifier)
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : undefined
}

function faultOf(file: SourceFile, own: Group, edge: Edge, table: readonly Group[]): string | undefined {
  const place = `${file.path}:${edge.line}`
  const target = targetOf(file.path, edge.specifier)
  if (target === undefined) return undefined
  const group = groupOf(target, table)
  if (!group) {
    return file.path.startsWith('native/')
      ? `${place} includes "${edge.specifier}": name it from native/, as in "core/status.h"`
      : `${place} imports ${target}, which belongs to no group of test/tidy/groups.ts`
  }
  if (group === own || own.imports.includes(group.name)) return undefined
  return `${place} imports ${target}: ${own.name} may import ${own.imports.join(', ') || 'only itself'}, not ${group.name}`
}

/** Every import that the table does not allow, and every file that belongs to no group. */
export function layerFaults(files: readonly SourceFile[], table: readonly Group[] = groups): string[] {
  return files.flatMap((file) => {
    const own = groupOf(file.path, table)
    if (!own) return [`${file.path} belongs to no group: give it one in test/tidy/groups.ts`]
    const edges = file.path.startsWith('native/') ? nativeEdges(file) : typescriptEdges(file)
    return edges.map((edge) => faultOf(file, own, edge, table)).filter((fault) => fault !== undefined)
  })
}
