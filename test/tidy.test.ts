// The house rules as a test: layers, sizes, banned calls, documents, packaging. The checkers stand in test/tidy/, and each
// is shown here to find what it looks for, so that none of them passes by being blind.
import { createRequire } from 'node:module'
import { relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { anyFaults, banFaults } from './tidy/bans.ts'
import { documentationFaults, unknownCodes } from './tidy/documents.ts'
import { exists, filesMatching, readSource, root, type SourceFile } from './tidy/files.ts'
import { layerFaults } from './tidy/imports.ts'
import { machineFaults } from './tidy/machine.ts'
import { buildFaults, packageFaults } from './tidy/packaging.ts'
import { fileLinesMax, fileLinesSmell, longFiles, longNativeFunctions, longTypescriptFunctions } from './tidy/sizes.ts'

const code = /^(lib|server|native|test|bench|scripts|examples|tools)\/.*\.(ts|mts|cts|mjs|cjs|js|cc|h)$/
const typescript = /^(lib|server|test|bench|examples)\/.*\.ts$/
const file = (path: string, text: string): SourceFile => ({ path, text })
const lines = (count: number): string => 'a()\n'.repeat(count)

describe('layers', () => {
  test('every file is in a group and imports only what its group may', () => {
    expect(layerFaults(filesMatching(/^(lib|server)\/.*\.ts$|^native\/.*\.(cc|h)$/))).toEqual([])
  })

  test('finds an arrow that points up, in every form of import', () => {
    const forms = [
      `import { tree } from '../tree/tree.ts'`,
      `import type { Tree } from '../tree/tree.ts'`,
      `export * from '../tree/tree.ts'`,
      `const tree = await import('../tree/tree.ts')`,
      `let tree: import('../tree/tree.ts').Tree`
    ]
    for (const form of forms) expect(layerFaults([file('lib/bytes/batch.ts', form)])).toHaveLength(1)
    expect(layerFaults([file('lib/tree/tree.ts', `import { batch } from '../bytes/batch.ts'`)])).toEqual([])
  })

  test('finds the core reaching up, a path that is not from native/, and a file without a group', () => {
    expect(layerFaults([file('native/core/wal.cc', '#include "binding/convert.h"')])).toHaveLength(1)
    expect(layerFaults([file('native/core/wal.cc', '#include "wal.h"')])).toHaveLength(1)
    expect(layerFaults([file('native/core/wal.cc', '#include "core/wal.h"\n#include <vector>')])).toEqual([])
    expect(layerFaults([file('lib/somewhere/new.ts', '')])).toHaveLength(1)
    expect(layerFaults([file('server/session.ts', `import { Tree } from '../lib/tree/tree.ts'`)])).toHaveLength(1)
  })
})

describe('sizes', () => {
  test(`no file is longer than ${fileLinesMax} lines`, () => {
    const files = filesMatching(code)
    for (const smell of longFiles(files, fileLinesSmell)) console.warn(`a smell: ${smell}`)
    expect(longFiles(files, fileLinesMax)).toEqual([])
    expect(longFiles([file('lib/a.ts', lines(601))], fileLinesMax)).toHaveLength(1)
    expect(longFiles([file('lib/a.ts', lines(600))], fileLinesMax)).toEqual([])
  })

  test('no function of TypeScript is too long', () => {
    expect(
      filesMatching(/^(lib|server)\/.*\.ts$|^(scripts|bench)\/.*\.(ts|mjs)$/).flatMap(longTypescriptFunctions)
    ).toEqual([])
    expect(longTypescriptFunctions(file('a.ts', `const f = () => {\n${lines(69)}}`))).toHaveLength(1)
    expect(longTypescriptFunctions(file('a.ts', `class C { f() {\n${lines(68)}} }`))).toEqual([])
  })

  test('no function of C++ is too long', () => {
    expect(filesMatching(/^native\/.*\.(cc|h)$/).flatMap(longNativeFunctions)).toEqual([])
  })

  test('knows functions of C++ from other braces', () => {
    const body = `{\n${'  a();\n'.repeat(69)}}\n`
    const long = (head: string) => longNativeFunctions(file('a.cc', `namespace varve {\n${head} ${body}}\n`)).length
    const heads = [
      'Status Wal::Append(Slice data)',
      'int F() const noexcept',
      'C::C(int a) : a_{a}, b_{1}',
      'C::C() : a_(1)'
    ]
    for (const head of heads) expect([head, long(head)]).toEqual([head, 1])
    for (const head of ['class Wal final', 'struct A : B', 'namespace', 'int table[] ='])
      expect([head, long(head)]).toEqual([head, 0])
    const two = `void F() {\n${'  if (x) { a(); }\n'.repeat(40)}}\n`
    expect(longNativeFunctions(file('a.cc', two + two))).toEqual([])
    expect(
      longNativeFunctions(file('a.cc', `void F() {  // }\n  s = "}";\n${"  c = '}';\n".repeat(70)}}\n`))
    ).toHaveLength(1)
  })
})

describe('bans', () => {
  test('nothing banned stands anywhere', () => {
    const files = filesMatching(/^(?!LICENSE|test\/(results|fixtures)|bench\/results)/)
    expect(files.flatMap((source) => banFaults(source))).toEqual([])
    expect(filesMatching(typescript).flatMap(anyFaults)).toEqual([])
  })

  const bad: readonly (readonly [string, string])[] = [
    ['lib/disk/fs.ts', `import { readFile } from 'node:fs/promises'`],
    ['lib/log/log.ts', `import net from 'node:net'`],
    ['lib/tree/tree.ts', 'const now = Date.now()'],
    ['lib/tree/tree.ts', 'setTimeout(() => {}, 5)'],
    ['server/session.ts', `import { Command } from 'commander'`],
    ['lib/index.ts', '// @ts-ignore'],
    ['lib/index.ts', '// TODO later'],
    ['test/a.test.ts', `test.only('a', () => {})`],
    ['test/a.test.ts', `describe.runIf(isRoot)('a', () => {})`],
    ['native/core/wal.h', '#pragma once\n#include <napi.h>'],
    ['native/core/wal.cc', 'void F() { throw 1; }'],
    ['native/core/wal.cc', 'auto* a = new Wal();'],
    ['native/core/wal.cc', 'void F() { delete a; }'],
    ['native/core/wal.h', 'int a;']
  ]
  test.each(bad)('finds what is wrong in %s: %s', (path, text) => {
    expect(banFaults(file(path, text))).toHaveLength(1)
  })

  const good: readonly (readonly [string, string])[] = [
    [
      'lib/tree/tree.ts',
      `// Date.now() is not for here\nconst text = 'Math.random()'\n/** setTimeout( */\nconst t = \`Date.now\``
    ],
    ['server/cli/serve.ts', `import { Command } from 'commander'`],
    ['test/a.test.ts', `describe.runIf(skipUnless('root', isRoot, 'needs root'))('a', () => {})`],
    ['native/core/wal.h', '#pragma once\nstruct Wal {\n  Wal(const Wal&) = delete;  // never throw, never new Wal\n};'],
    ['native/core/skiplist.cc', 'auto* node = new (memory) Node;'],
    ['native/core/arena.cc', 'char* block = new char[size];']
  ]
  test.each(good)('finds nothing in %s: %s', (path, text) => {
    expect(banFaults(file(path, text))).toEqual([])
  })

  test('finds any', () => {
    expect(anyFaults(file('a.ts', 'const a = b as any\nlet c: any[]'))).toHaveLength(2)
    expect(anyFaults(file('a.ts', 'const any = 1 // any'))).toEqual([])
  })
})

describe('documents', () => {
  test('the README documents every error code, under a heading of its own', async () => {
    // The path is not a literal, so that this file compiles while there is no table yet.
    const table = '../lib/errors.ts'
    if (!exists('lib/errors.ts')) return
    const { errorCodes } = (await import(table)) as { errorCodes: Record<string, string> }
    expect(documentationFaults(errorCodes, exists('README.md') ? readSource('README.md').text : '')).toEqual([])
    const literals = filesMatching(/^(lib|server)\/.*\.ts$|^native\/.*\.(cc|h|cjs)$/)
    expect(literals.flatMap((source) => unknownCodes(source, errorCodes))).toEqual([])
  })

  test('finds a code without a heading, a heading without a code, a meaning that is no sentence', () => {
    const codes = { VARVE_CLOSED: 'The database is closed.' }
    expect(documentationFaults(codes, '### `VARVE_CLOSED`\n')).toEqual([])
    expect(documentationFaults(codes, 'VARVE_CLOSED\n')).toHaveLength(1)
    expect(documentationFaults(codes, '### `VARVE_CLOSED`\n### `VARVE_GONE`\n')).toHaveLength(1)
    expect(documentationFaults({ VARVE_CLOSED: 'closed' }, '### `VARVE_CLOSED`\n')).toHaveLength(1)
    expect(unknownCodes(file('lib/a.ts', `fail('VARVE_NEW')`), codes)).toHaveLength(1)
    expect(unknownCodes(file('lib/a.ts', `fail('VARVE_CLOSED', env['VARVE_SEED'])`), codes)).toEqual([])
  })
})

describe('packaging', () => {
  test('package.json keeps its promises', () => {
    const manifest = JSON.parse(readSource('package.json').text)
    expect(packageFaults(manifest)).toEqual([])
    const bad = { ...manifest, gypfile: true, files: ['binding.gyp'], scripts: { ...manifest.scripts, install: 'x' } }
    expect(packageFaults(bad)).toHaveLength(3)
  })

  test('both builds ask for the same sources, and get every native/**/*.cc', () => {
    for (const path of ['native/varve.gypi', 'CMakeLists.txt'])
      expect(buildFaults(path, readSource(path).text)).toEqual([])
    expect(buildFaults('a.gyp', `'sources': ['native/core/wal.cc']`)).toHaveLength(2)
    const sources = createRequire(import.meta.url)('../native/sources.cjs') as () => string[]
    const listed = sources().map((path) => relative(root, path).replaceAll('\\', '/'))
    expect(listed).toEqual(filesMatching(/^native\/.*\.cc$/).map(({ path }) => path))
  })

  test('no file tells of the machine it was written on', () => {
    expect(filesMatching(/^(?!test\/tidy)(?!.*\.(png|sst|wal|pbf)$)/).flatMap(machineFaults)).toEqual([])
    expect(machineFaults(file('a', 'cd /home/someone/varve'))).toHaveLength(1)
    expect(machineFaults(file('a', '"resolved": "http://10.0.0.1/a.tgz"'))).toHaveLength(1)
    expect(machineFaults(file('a', 'see https://registry.npmjs.org/varve and ./work/a'))).toEqual([])
  })
})
