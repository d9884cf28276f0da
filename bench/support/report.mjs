// What the benches hand back: tables for people, JSON for tools, and an exit code that says whether a limit was missed.

import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { commit } from '../../scripts/support/commit.mjs'

/** A figure with the most it may be. */
export const limit = (name, value, most, unit) => ({ name, value, most, unit, met: value <= most })

/** A figure with the least it may be. */
export const floor = (name, value, least, unit = '') => ({ name, value, least, unit, met: value >= least })

/** One line per limit. */
export function limitLines(limits) {
  const width = Math.max(0, ...limits.map(({ name }) => name.length))
  return limits.map(({ name, value, most, least, unit, met }) => {
    const bound = least === undefined ? `at most ${most}` : `at least ${least}`
    return `${met ? 'met   ' : 'MISSED'} ${name.padEnd(width)}  ${`${value} ${unit}`.trimEnd()}, ${bound}`
  })
}

/** Prints rows {name, …} as a table by name. */
export function printRows(rows) {
  console.table(Object.fromEntries(rows.map(({ name, ...row }) => [name, row])))
}

export const machine = () => ({ node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, commit: commit() })

export function writeJson(file, content) {
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`)
}

export const hundredths = (number) => Math.round(number * 100) / 100
export const thousandths = (number) => Math.round(number * 1000) / 1000

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Bytes of a directory's files whose name ends so, as their sizes say. */
export function fileBytes(directory, ending) {
  return readdirSync(directory)
    .filter((name) => name.endsWith(ending))
    .reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)
}

export const tableBytes = (db) => db.stats().levels.reduce((sum, level) => sum + level.bytes, 0)
