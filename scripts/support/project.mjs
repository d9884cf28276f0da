// What every script shares: where the project is, and how to run a command.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')
export const inRoot = (...parts) => join(root, ...parts)
/** Scratch of the scripts: stamps, the lock, reports. Ignored by git. */
export const scratch = inRoot('.setup')
export const inCi = Boolean(process.env.CI) && process.env.CI !== 'false'
/** Exit code of a script whose subject does not exist (yet). `.ci/run` reports it as "not there". */
export const exitNotThere = 77

export function ensureScratch() {
  mkdirSync(scratch, { recursive: true })
  return scratch
}

/** Runs a command with its output passed through; returns its exit code (127 when it cannot be started). */
export function run(command, args, options = {}) {
  const { env, ...rest } = options
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env }, ...rest })
  if (result.error) {
    console.error(`${command}: ${result.error.message}`)
    return 127
  }
  return result.status ?? 128
}

/** Runs a command and returns its output as text, or undefined when it fails. */
export function output(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, ...options })
  return result.status === 0 ? result.stdout : undefined
}

export const hasCommand = (command) =>
  output(command, ['--version'], { stdio: ['ignore', 'pipe', 'ignore'] }) !== undefined

/** Runs an npm-installed tool by its file, not through npx: quicker, and never asks the registry. */
export function runTool(name, args, options) {
  const path = inRoot('node_modules', ...toolFiles[name].split('/'))
  if (!existsSync(path)) {
    console.error(`${name} is not installed. Run "npm run build" first: it installs what the project needs.`)
    return 127
  }
  return run(process.execPath, [path, ...args], options)
}

const toolFiles = {
  biome: '@biomejs/biome/bin/biome',
  'cmake-js': 'cmake-js/bin/cmake-js',
  'node-gyp': 'node-gyp/bin/node-gyp.js',
  prebuildify: 'prebuildify/bin.js',
  tsc: 'typescript/bin/tsc',
  vitest: 'vitest/vitest.mjs'
}

/** All files below a folder whose name passes, as sorted paths relative to the root; [] when there is no such folder. */
export function filesUnder(folder, passes) {
  if (!existsSync(inRoot(folder))) return []
  return readdirSync(inRoot(folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && passes(entry.name))
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(root.length + 1)
        .replaceAll('\\', '/')
    )
    .filter((path) => !/(^|\/)(node_modules|build)\//.test(path))
    .sort()
}

/** Node's headers beside the running binary, so that building needs no download; undefined when there are none. */
export function localNodeDirectory() {
  const directory = resolve(dirname(process.execPath), '..')
  return existsSync(join(directory, 'include', 'node', 'node_api.h')) ? directory : undefined
}

/** The lines of a list file without comments and blanks. */
export function readList(path) {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*/, '').trim())
    .filter(Boolean)
}
