// What is not written here, where, and what to write instead. `code` bans look at the text without comments and strings.
import ts from 'typescript'
import { blank } from './cpp.ts'
import type { SourceFile } from './files.ts'
import { lineAt } from './files.ts'

interface Ban {
  readonly what: string
  readonly pattern: RegExp
  readonly files: RegExp
  readonly except?: RegExp
  readonly instead: string
  /** `code`: without comments and literals; `text`: the file as it is. */
  readonly look: 'code' | 'text'
}

// The shells: the only files of the engine that may reach for a clock, a timer or randomness. All others are given them. One
// of them puts the simulator's in their place.
const shells =
  /^lib\/(options|database)\.ts$|^lib\/tree\/(scheduler|alarm)\.ts$|^lib\/read\/turn\.ts$|^lib\/log\/log\.ts$|^lib\/write\/(writer|admission)\.ts$|^server\/raft\/node\.ts$|^server\/simulation\/production\/time\.ts$/
const typescript = /\.ts$/
const cpp = /^native\/.*\.(cc|h)$/
// Tidy names what it bans.
const tidy = /^test\/tidy/

export const bans: readonly Ban[] = [
  {
    what: 'node:fs in the engine',
    pattern: /['"](node:)?fs(\/promises)?['"]/g,
    files: /^lib\//,
    instead: 'lib/disk/fs.ts, the one door to the disk',
    look: 'text'
  },
  {
    what: 'a socket outside the server',
    pattern: /['"](node:)?(net|tls|http|https|dgram)['"]/g,
    files: /^lib\//,
    instead: 'server/',
    look: 'text'
  },
  {
    what: 'a clock, timer or randomness in the engine',
    pattern:
      /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.now\b|\bset(Timeout|Interval)\(|\brandom(Bytes|Int|UUID)\(/g,
    files: /^lib\/|^server\/(raft|simulation)\//,
    except: shells,
    instead: 'the clock or random source that is passed in',
    look: 'code'
  },
  {
    what: 'commander outside the command line',
    pattern: /['"]commander['"]/g,
    files: /^(lib|server)\//,
    except: /^server\/cli(\.ts$|\/)/,
    instead: 'a plain function that server/cli/ calls',
    look: 'text'
  },
  {
    what: 'a type check turned off',
    pattern: /@ts-(ignore|nocheck)/g,
    files: /\.(ts|mjs|cjs)$/,
    except: tidy,
    instead: 'a type that fits',
    look: 'text'
  },
  {
    what: 'unfinished work',
    pattern: /\b(FIXME|TODO|XXX|HACK)\b/g,
    files: /\.(ts|mjs|cjs|cc|h|md|txt|yml|yaml|json)$|(^|\/)(Dockerfile|CMakeLists.txt|run)$/,
    except: /^test\/tidy|^package-lock\.json$/,
    instead: 'the work itself, or an issue',
    look: 'text'
  },
  {
    what: 'a test left out or alone',
    pattern: /\.(skip|only|todo|skipIf)\(|\.runIf\((?!\s*skipUnless\()/g,
    files: /^test\/.*\.ts$/,
    except: tidy,
    instead: 'runIf(skipUnless(name, condition, reason)) of test/support/skip.ts',
    look: 'code'
  },
  {
    what: 'Node-API outside the binding',
    pattern: /#\s*include\s*[<"](napi|node_api|js_native_api)/g,
    files: cpp,
    except: /^native\/(addon\.cc$|binding\/)/,
    instead: 'native/binding/',
    look: 'text'
  },
  {
    what: 'exceptions',
    pattern: /\b(try\s*\{|catch\s*\(|throw\b)/g,
    files: cpp,
    instead: 'Status',
    look: 'code'
  },
  {
    what: 'raw new or delete in the core',
    pattern: /\bnew\s+[A-Za-z_:]|\bnew\s*\(std::nothrow\)|(?<!=\s*)(?<!operator\s*)\bdelete\b/g,
    files: /^native\/core\//,
    except: /^native\/core\/arena\./,
    instead: 'std::make_unique, values, or the arena',
    look: 'code'
  },
  {
    what: 'a header without #pragma once',
    pattern: /^(?![\s\S]*#pragma once)[\s\S]/g,
    files: /^(native|test\/native)\/.*\.h$/,
    instead: '#pragma once',
    look: 'text'
  }
]

// Comments and literals of TypeScript, blanked out by the scanner of the parsed file's tokens.
function blankTypescript({ path, text }: SourceFile): string {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const kept = new Array<string>(text.length).fill(' ')
  const keep = (node: ts.Node): void => {
    if (
      ts.isJSDoc(node) ||
      ts.isStringLiteralLike(node) ||
      ts.isTemplateMiddleOrTemplateTail(node) ||
      node.kind === ts.SyntaxKind.TemplateHead
    )
      return
    const children = node.getChildren(source)
    for (const child of children) keep(child)
    if (children.length > 0) return
    for (let i = node.getStart(source); i < node.end; i++) kept[i] = text[i] ?? ' '
  }
  keep(source)
  for (let i = 0; i < text.length; i++) if (text[i] === '\n') kept[i] = '\n'
  return kept.join('')
}

function codeOf(file: SourceFile): string {
  if (typescript.test(file.path)) return blankTypescript(file)
  return cpp.test(file.path) ? blank(file.text) : file.text
}

/** Every place of a file where something banned stands. */
export function banFaults(file: SourceFile, table: readonly Ban[] = bans): string[] {
  return table
    .filter((ban) => ban.files.test(file.path) && !ban.except?.test(file.path))
    .flatMap((ban) => {
      const text = ban.look === 'code' ? codeOf(file) : file.text
      return [...text.matchAll(ban.pattern)].map(
        (match) => `${file.path}:${lineAt(text, match.index)} ${ban.what}: use ${ban.instead}`
      )
    })
}

/** Every `any` of a TypeScript file. */
export function anyFaults({ path, text }: SourceFile): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const faults: string[] = []
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) {
      faults.push(`${path}:${lineAt(text, node.getStart(source))} any: use unknown, or the type it has`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return faults
}
