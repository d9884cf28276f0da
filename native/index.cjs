// Finds and loads the addon. In order:
//   1. VARVE_NATIVE_BINDING, a path to a .node file (developers: sanitizer and coverage builds)
//   2. a local build: build/Release of a clone, native/build/Release of an installed package
//   3. the prebuild of this platform, by a literal require each, so that bundlers see and copy them
// When none loads, the error's message says what was tried and what to do. It is thrown at the first use: lib/ makes that
// while it is imported, where the import can be caught. Thrown from here it would end Node 20 all the same, as does every
// CommonJS module that throws under an import statement.
'use strict'
const { existsSync, readFileSync } = require('node:fs')
const { join, resolve } = require('node:path')

const root = join(__dirname, '..')
const tried = []

function attempt(what, load) {
  try {
    return load()
  } catch (error) {
    tried.push(`${what}: ${String(error.message).split('\n', 1)[0]}`)
    return undefined
  }
}

// glibc or musl: the process has the C library mapped that it runs on.
function isMusl() {
  if (process.platform !== 'linux') return false
  try {
    return /\/ld-musl-|\/libc\.musl-/.test(readFileSync('/proc/self/maps', 'latin1'))
  } catch {
    return existsSync('/etc/alpine-release')
  }
}

function chosenBinding() {
  const path = process.env.VARVE_NATIVE_BINDING
  return path ? attempt(`VARVE_NATIVE_BINDING=${path}`, () => require(resolve(path))) : undefined
}

function localBuild() {
  for (const directory of [root, __dirname]) {
    if (!existsSync(join(directory, 'build'))) continue
    const binding = attempt(`a local build in ${join(directory, 'build')}`, () =>
      require(require('node-gyp-build').resolve(directory))
    )
    if (binding) return binding
  }
  return undefined
}

function requirePrebuild(target) {
  switch (target) {
    case 'linux-x64':
      return require('../prebuilds/linux-x64/varve.glibc.node')
    case 'linux-x64-musl':
      return require('../prebuilds/linux-x64/varve.musl.node')
    case 'linux-arm64':
      return require('../prebuilds/linux-arm64/varve.glibc.node')
    case 'linux-arm64-musl':
      return require('../prebuilds/linux-arm64/varve.musl.node')
    case 'darwin-x64':
      return require('../prebuilds/darwin-x64/varve.node')
    case 'darwin-arm64':
      return require('../prebuilds/darwin-arm64/varve.node')
    case 'win32-x64':
      return require('../prebuilds/win32-x64/varve.node')
    default:
      throw new Error('there is none for this platform')
  }
}

function helpPage(target) {
  const lines = [
    `varve could not load its native addon on ${target} (Node.js ${process.versions.node}, Node-API ${process.versions.napi}).`,
    '',
    'Tried:',
    ...tried.map((line) => `  - ${line}`),
    '',
    'What to do:'
  ]
  if (process.env.VARVE_NATIVE_BINDING) {
    lines.push('  - VARVE_NATIVE_BINDING must name a .node file built from this version of varve; else unset it.')
  } else {
    lines.push(
      existsSync(join(root, 'scripts', 'setup.mjs'))
        ? '  - In a clone: run "npm run build" (it needs python3, make and a C++20 compiler).'
        : `  - Build it here: npx node-gyp rebuild --directory="${__dirname}" (it needs python3, make and a C++20 compiler).`,
      '  - Copied from another machine or image? Install again on this one: node_modules is not portable across platforms.',
      '  - Bundling? Mark "varve" as external, or let the bundler copy .node files (esbuild: --loader:.node=copy).'
    )
  }
  return lines.join('\n')
}

function load() {
  const chosen = chosenBinding()
  if (chosen) return chosen
  const target = `${process.platform}-${process.arch}${isMusl() ? '-musl' : ''}`
  if (!process.env.VARVE_NATIVE_BINDING) {
    const binding = localBuild() ?? attempt(`the prebuild ${target}`, () => requirePrebuild(target))
    if (binding) return binding
  }
  const error = new Error(helpPage(target))
  error.code = 'VARVE_NATIVE_UNAVAILABLE'
  return unavailable(error)
}

// Throws whatever is asked of it, but for what loaders of modules ask.
function unavailable(error) {
  return new Proxy(
    {},
    {
      get(_, name) {
        if (typeof name === 'symbol' || name === '__esModule' || name === 'then') return undefined
        throw error
      }
    }
  )
}

module.exports = load()
