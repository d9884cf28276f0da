// The packed tarball, installed as a user does, used as a user does: by ESM import, by require, from strict TypeScript, and
// by its command. Nothing of this clone is in reach, so a wrong `files`, `exports` or `imports` shows here.
//
//   node scripts/smoke.mjs                  with the addon of build/Release in the place of the prebuild
//   node scripts/smoke.mjs --from-source    without a prebuild: shows the loader's help page, then builds what it advises
//
// Exits 77 while lib/index.ts does not export open().
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { prebuildPath } from './support/prebuild.mjs'
import { exitNotThere, inRoot, localNodeDirectory, output, run } from './support/project.mjs'

const fromSource = process.argv.includes('--from-source')
const work = mkdtempSync(join(tmpdir(), 'varve-smoke-'))
const stage = join(work, 'stage')
const user = join(work, 'user')
const npm = (args, cwd) => output('npm', [...args, '--loglevel=error', '--no-audit', '--no-fund'], { cwd })

class SmokeError extends Error {}

/** A copy of what git and the builds would give a release, with the one prebuild this machine can make. */
function stagePackage() {
  const tracked = output('git', ['ls-files', '-co', '--exclude-standard']).split('\n').filter(Boolean)
  for (const path of tracked.filter((path) => existsSync(inRoot(path)))) cpSync(inRoot(path), join(stage, path))
  cpSync(inRoot('dist'), join(stage, 'dist'), { recursive: true })
  if (fromSource) return
  const target = join(stage, prebuildPath())
  mkdirSync(dirname(target), { recursive: true })
  cpSync(inRoot('build', 'Release', 'varve.node'), target)
}

function pack() {
  const report = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', work], stage)
  if (!report) throw new SmokeError('npm pack failed')
  const [{ filename, files, unpackedSize }] = JSON.parse(report)
  const paths = files.map(({ path }) => path)
  const unwanted = paths.filter((path) => path === 'binding.gyp' || /^(test|bench|scripts|lib|server)\//.test(path))
  if (unwanted.length > 0) throw new SmokeError(`the tarball has files it must not have: ${unwanted.join(', ')}`)
  const missing = [
    'native/binding.gyp',
    'native/varve.gypi',
    'native/sources.cjs',
    'native/addon.cc',
    'LICENSE',
    'dist/lib/index.d.ts'
  ]
  const absent = missing.filter((path) => !paths.includes(path))
  if (absent.length > 0) throw new SmokeError(`the tarball lacks ${absent.join(', ')}`)
  console.log(`smoke: ${filename}, ${paths.length} files, ${Math.round(unpackedSize / 1024)} KiB unpacked`)
  return join(work, filename)
}

function install(tarball) {
  mkdirSync(user)
  writeFileSync(join(user, 'package.json'), '{ "name": "user", "private": true }\n')
  if (npm(['install', tarball, '--ignore-scripts', '--prefer-offline'], user) === undefined) {
    throw new SmokeError('npm install of the tarball failed')
  }
}

const story = `
  const db = await open(process.argv[2] ?? 'data')
  await db.put('key', 'value')
  const value = await db.get('key')
  const missing = await db.get('other')
  await db.close()
  if (value !== 'value' || missing !== undefined) throw new Error('read ' + value + ' and ' + missing)`

const away = `
  const refused = await Client.connect({ port: 1 }).catch((error) => error)
  if (!(refused instanceof ClientError) || refused.code !== 'UNREACHABLE') throw new Error('somebody is at port 1')`

const both = `import { open } from 'varve'\nimport { Client, ClientError } from 'varve/client'\n${story}${away}\n`

const programs = {
  'import.mjs': both,
  'require.cjs': `const { open } = require('varve')\nconst { Client, ClientError } = require('varve/client')
void (async () => {${story}${away}\n})()\n`,
  'strict.ts': both
    .replace('const value =', 'const value: string | undefined =')
    .replace('const refused =', 'const refused: Client | ClientError =')
}

function compile() {
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'esnext.disposable'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    outDir: 'out',
    rootDir: '.',
    types: ['node'],
    typeRoots: [inRoot('node_modules', '@types')]
  }
  writeFileSync(join(user, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['strict.ts'] }))
  writeFileSync(join(user, 'package.json'), '{ "name": "user", "private": true, "type": "module" }\n')
  return run(process.execPath, [inRoot('node_modules', 'typescript', 'bin', 'tsc'), '-p', user], { cwd: user })
}

function use() {
  for (const [name, text] of Object.entries(programs)) writeFileSync(join(user, name), text)
  const play = (file) => run(process.execPath, [file, join(work, `data-${file.replaceAll('/', '-')}`)], { cwd: user })
  const steps = {
    'import from ESM': () => play('import.mjs'),
    'require from CommonJS': () => play('require.cjs'),
    'compile strict TypeScript': compile,
    'run what it compiled to': () => play('out/strict.js'),
    'the command varve': () => run(join(user, 'node_modules', '.bin', 'varve'), ['--version'], { cwd: user })
  }
  for (const [title, step] of Object.entries(steps)) {
    if (step() !== 0) throw new SmokeError(`${title}: failed`)
    console.log(`smoke: ok ${title}`)
  }
}

function buildFromSource() {
  const native = join(user, 'node_modules', 'varve', 'native')
  const loaded = output(process.execPath, [
    '-e',
    `try { require(${JSON.stringify(join(native, 'index.cjs'))}).about() } catch (e) { console.log(e.message) }`
  ])
  if (!loaded?.includes(`--directory="${native}"`))
    throw new SmokeError(`the loader does not say how to build: ${loaded}`)
  const headers = localNodeDirectory()
  const gyp = [
    inRoot('node_modules', 'node-gyp', 'bin', 'node-gyp.js'),
    'rebuild',
    '--silent',
    '-j',
    '2',
    `--directory=${native}`
  ]
  if (
    run(process.execPath, headers ? [...gyp, `--nodedir=${headers}`] : gyp, {
      cwd: user,
      stdio: ['ignore', 'ignore', 'inherit']
    })
  ) {
    throw new SmokeError('the build that the loader advises failed')
  }
  console.log('smoke: ok built from the sources of the tarball')
}

if (!/\bopen\b/.test(readFileSync(inRoot('lib', 'index.ts'), 'utf8'))) {
  console.log('smoke: lib/index.ts does not export open() yet')
  process.exit(exitNotThere)
}
try {
  stagePackage()
  install(pack())
  if (fromSource) buildFromSource()
  use()
} catch (error) {
  if (!(error instanceof SmokeError)) throw error
  console.error(`smoke: ${error.message}`)
  process.exitCode = 1
} finally {
  rmSync(work, { recursive: true, force: true })
}
