// usage: node bench/run.mjs [NAME …] [--entries=N] [--out=FILE] [--only=NAME,…] [--profile]
//
// NAME: a workload or a group of them, a micro suite, amplification, opening, copies, gaps, raft, range_deletes, server,
// cluster, machine, or picture with its files; none: all workloads. bench/README.md tells what each measures. --out writes
// the results as JSON. Exit code 1: a limit was missed. Nothing else should run on the machine.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { limitLines, machine, writeJson } from './support/report.mjs'

const workloads = ['write_throughput', 'read_latency', 'compaction']
const suites = {
  workloads: { file: './workloads.mjs', names: workloads, entries: 200_000 },
  micro: { file: './micro.mjs', names: ['crc32c', 'bloom', 'memtable', 'skiplist', 'block', 'merge', 'micro'] },
  amplification: { file: './amplification.mjs', names: ['amplification'], entries: 2_000_000 },
  opening: { file: './opening.mjs', names: ['opening'], entries: 2_000_000 },
  copies: { file: './copies.mjs', names: ['copies'], entries: 1_000_000 },
  gaps: { file: './gaps.mjs', names: ['gaps'], entries: 500_000 },
  raft: { file: './raft.mjs', names: ['raft'], entries: 200_000 },
  range_deletes: { file: './range-deletes.mjs', names: ['range_deletes'], entries: 500_000 },
  server: { file: './server.mjs', names: ['server'], entries: 400_000 },
  cluster: { file: './cluster.mjs', names: ['cluster'], entries: 100_000 },
  machine: { file: './machine.mjs', names: ['machine'], entries: 1_000 },
  picture: { file: './picture.mjs', names: ['picture'] }
}

class UsageError extends Error {}

/** The suite that the first name belongs to. Names that no suite lists are workloads: that suite knows them. */
function suiteOf(names) {
  const known = Object.keys(suites).find((suite) => suites[suite].names.includes(names[0])) ?? 'workloads'
  const others = known === 'picture' ? [] : names
  const stray = others.find((name) => Object.keys(suites).some((s) => s !== known && suites[s].names.includes(name)))
  if (stray !== undefined) throw new UsageError(`${names[0]} and ${stray} are different suites: run one at a time.`)
  return known
}

function entriesOf(text, fallback) {
  if (text === undefined || fallback === undefined) return fallback
  const entries = Number(text)
  if (Number.isSafeInteger(entries) && entries >= 1000) return entries
  throw new UsageError(`--entries takes a whole number from 1000 on, not ${text}.`)
}

async function main() {
  const { values: flags, positionals: names } = parseArgs({
    allowPositionals: true,
    options: {
      entries: { type: 'string' },
      out: { type: 'string' },
      only: { type: 'string' },
      profile: { type: 'boolean', default: false }
    }
  })
  const suite = suiteOf(names)
  const entries = entriesOf(flags.entries, suites[suite].entries)
  const { run } = await import(suites[suite].file)
  if (suite === 'picture') return run({ files: names.slice(1), out: flags.out, UsageError })

  const directory = mkdtempSync(join(tmpdir(), 'varve-bench-'))
  try {
    const only = flags.only?.split(',')
    const { limits = [], ...outcome } = await run({
      names,
      entries,
      directory,
      only,
      profile: flags.profile,
      UsageError
    })
    for (const line of limitLines(limits)) console.log(line)
    if (flags.out !== undefined) writeJson(flags.out, { bench: suite, machine: machine(), entries, limits, ...outcome })
    if (!limits.every(({ met }) => met)) process.exitCode = 1
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

try {
  await main()
} catch (error) {
  console.error(error instanceof UsageError || error.code?.startsWith('ERR_PARSE_ARGS') ? error.message : error)
  process.exitCode = error instanceof UsageError || error.code?.startsWith('ERR_PARSE_ARGS') ? 2 : 1
}
