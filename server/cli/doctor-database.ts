// What `varve doctor` looks at of a data directory: who has it, its manifest, the heads of its tables, the end of its log.
// It is quick: `varve verify` reads every byte.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, messageOf } from './exit.ts'
import { bad, type Finding, sizeText, warning, well } from './finding.ts'

export async function databaseFindings(directory: string): Promise<readonly Finding[]> {
  if (!existsSync(join(directory, 'CURRENT'))) return [well('database', `there is none in ${directory} yet`)]
  const { inspectManifest, inspectTable, inspectWal } = await import('../../lib/inspect.ts')
  const lock = await lockFinding(directory)
  const files = await Promise.all([
    part('manifest', 'edits', 'edit', (write) => inspectManifest(directory, write)),
    part('tables', 'tables', 'table', (write) =>
      inspectTable(directory, (line) => line.startsWith(' ') || write(line))
    ),
    part('log', 'lines', 'line', (write) => inspectWal(directory, write))
  ])
  const isBad = files.some(({ state }) => state === 'bad')
  const advice = 'keep a copy, then varve verify says what is damaged and varve repair saves the rest'
  return [lock, ...files, ...(isBad ? [warning('what to do', advice)] : [])]
}

/** Opens it as a reader would: that takes the lock, reads the whole log and every manifest's version. */
async function lockFinding(directory: string): Promise<Finding> {
  const { open } = await import('../../lib/index.ts')
  try {
    const database = await open(directory, { readOnly: true })
    try {
      const { log, levels } = database.stats()
      const bytes = levels.reduce((total, level) => total + level.bytes, 0)
      return well('database', `nobody has it open; ${sizeText(bytes)} of tables, sequence ${log.lastSequence}`)
    } finally {
      await database.close()
    }
  } catch (error) {
    if (codeOf(error) === 'VARVE_LOCKED') return well('database', `in use: ${messageOf(error)}`)
    return bad('database', `cannot be opened: ${messageOf(error)}`)
  }
}

async function part(
  name: string,
  many: string,
  one: string,
  inspect: (write: (line: string) => void) => Promise<void>
): Promise<Finding> {
  let count = 0
  try {
    await inspect(() => {
      count++
    })
    return well(name, `${count} ${count === 1 ? one : many}, well as far as looked at`)
  } catch (error) {
    return bad(name, messageOf(error))
  }
}
