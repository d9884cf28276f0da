// Brings a clone to where it runs: packages, addon, TypeScript. Each step only when its inputs changed, so a second run
// costs a fraction of a second and no network.
//
//   node scripts/setup.mjs             all three steps
//   node scripts/setup.mjs packages    only the named steps: packages, addon, types
//
// A step is current when the stamp beside its result equals a hash over its inputs and its results are there. A stamp is
// removed before a step starts and written after it ends, so an interrupted step runs again.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { withLock } from './support/lock.mjs'
import {
  ensureScratch,
  filesUnder,
  hasCommand,
  inRoot,
  localNodeDirectory,
  run,
  runTool,
  scratch
} from './support/project.mjs'

class SetupError extends Error {}

const sourceFiles = () =>
  ['lib', 'server'].flatMap((folder) => filesUnder(folder, (name) => /(?<!\.d)\.ts$/.test(name)))
const nativeFiles = () => filesUnder('native', (name) => /\.(cc|h|gypi?|cjs)$/.test(name) && name !== 'index.cjs')
const builtFile = (source) => inRoot('dist', source.replace(/\.ts$/, '.js'))
const platform = () => `${process.platform}-${process.arch}`

const steps = {
  packages: {
    title: 'installing packages (npm ci --ignore-scripts)',
    stamp: inRoot('node_modules', '.varve-setup'),
    inputs: () => hashFiles(['package.json', 'package-lock.json'], [platform()]),
    complete: () => existsSync(inRoot('node_modules')),
    make: installPackages
  },
  addon: {
    title: 'building the addon (node-gyp)',
    stamp: inRoot('build', '.varve-setup'),
    inputs: () => hashFiles(['binding.gyp', ...nativeFiles()], [platform(), process.versions.node]),
    complete: () => existsSync(inRoot('build', 'Release', 'varve.node')),
    make: buildAddon
  },
  types: {
    title: 'compiling TypeScript (tsc)',
    stamp: join(scratch, 'dist.stamp'),
    inputs: () => hashFiles(['tsconfig.json', 'package.json', 'native/index.d.cts', ...sourceFiles()]),
    complete: () => sourceFiles().every((source) => existsSync(builtFile(source))),
    make: compileTypes
  }
}

function hashFiles(paths, extra = []) {
  const hash = createHash('sha256')
  for (const text of extra) hash.update(`${text}\n`)
  for (const path of paths)
    hash
      .update(`${path}\n`)
      .update(readFileSync(inRoot(path)))
      .update('\n')
  return hash.digest('hex')
}

function isCurrent(step) {
  return existsSync(step.stamp) && step.complete() && readFileSync(step.stamp, 'utf8') === step.inputs()
}

function installPackages() {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const args = ['ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
  if (run(npm, args, { shell: process.platform === 'win32' }) !== 0) {
    throw new SetupError('npm ci failed. The first run in a clone needs the npm registry; later runs do not.')
  }
}

function checkTools() {
  if (process.platform === 'win32') return
  const missing = ['python3', 'make'].filter((tool) => !hasCommand(tool))
  const compiler = process.env.CXX?.split(' ')[0] ?? ['g++', 'clang++', 'c++'].find(hasCommand)
  if (!compiler || !hasCommand(compiler)) missing.push('a C++ compiler (g++ 10 or newer, or clang++)')
  if (missing.length === 0) return
  const hint = process.platform === 'darwin' ? 'xcode-select --install' : 'apt-get install -y python3 make g++'
  throw new SetupError(`The addon is built from source, and ${missing.join(' and ')} cannot be found. Try: ${hint}`)
}

function buildAddon() {
  checkTools()
  const directory = localNodeDirectory()
  const headers = directory ? [`--nodedir=${directory}`] : []
  const status = runTool('node-gyp', ['configure', 'build', '--release', '--silent', '-j', '2', ...headers])
  if (status !== 0) {
    throw new SetupError(
      'The addon did not build; the compiler says why above. It needs C++20 (g++ 10 or newer) and, once, the headers of Node.js.'
    )
  }
}

function compileTypes() {
  // tsc's own record says what is already emitted; without the emitted files it is wrong.
  if (!steps.types.complete()) rmSync(join(scratch, 'dist.tsbuildinfo'), { force: true })
  if (runTool('tsc', ['-p', 'tsconfig.json', '--pretty', 'false']) !== 0)
    throw new SetupError('TypeScript did not compile; see above.')
  const wanted = new Set(sourceFiles().map((source) => source.slice(0, -'.ts'.length)))
  for (const path of filesUnder('dist', () => true)) {
    const source = path.replace(/^dist\//, '').replace(/(\.d)?\.[a-z]+(\.map)?$/, '')
    if (!wanted.has(source)) rmSync(inRoot(path))
  }
}

function setUp(names) {
  for (const name of names) {
    const step = steps[name]
    if (isCurrent(step)) continue
    const start = performance.now()
    console.log(`setup: ${step.title} …`)
    rmSync(step.stamp, { force: true })
    const inputs = step.inputs()
    step.make()
    mkdirSync(dirname(step.stamp), { recursive: true })
    writeFileSync(step.stamp, inputs)
    console.log(`setup: ${name} done in ${((performance.now() - start) / 1000).toFixed(1)} s`)
  }
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !(name in steps))
if (unknown.length > 0) {
  console.error(`setup: there is no step "${unknown[0]}"; the steps are ${Object.keys(steps).join(', ')}.`)
  process.exit(2)
}
const names = asked.length > 0 ? asked : Object.keys(steps)
if (!names.every((name) => isCurrent(steps[name]))) {
  try {
    ensureScratch()
    withLock(join(scratch, 'lock'), () => setUp(names))
  } catch (error) {
    console.error(error instanceof SetupError ? `setup: ${error.message}` : error)
    process.exit(1)
  }
}
