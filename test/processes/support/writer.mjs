// A process that opens a database, writes until it is killed, and says what was acknowledged, a line each:
//
//   opening | open | closing | closed | failed <code>       life of the database
//   ack <writer> <number> <sync|->                           the write was acknowledged
//   error <writer> <number> <code>                           it was rejected; the writer stops
//   stopped <wrong reads> <codes of later writes>            every writer has stopped, reads were tried
//
//   node writer.mjs '{"directory":…,"seed":…,"round":…,"writers":4,"firstWriter":0,"window":8,"syncShare":0.2,"writes":0,"options":{}}'
//
// Each writer has `window` writes under way. After `writes` of them it closes the database (0: it writes for ever).
import { writeSync } from 'node:fs'
import { open } from 'varve'
import { writesOf } from './workload.mjs'

const plan = JSON.parse(process.argv[2])
const first = plan.firstWriter ?? 0
const say = (line) => writeSync(1, `${line}\n`)

/** What is in force for all that was acknowledged: key → { number, value }; and keys whose last write was rejected. */
const acknowledged = new Map()
const indeterminate = new Set()
let left = plan.writes || Number.POSITIVE_INFINITY

function start(db, { kind, operations, sync }) {
  const [{ key, value }] = operations
  if (kind === 'put') return db.put(key, value, { sync })
  if (kind === 'del') return db.del(key, { sync })
  return db.batch(operations, { sync })
}

async function write(db, writer) {
  const underWay = new Set()
  let failed = false
  for (const one of writesOf({ ...plan, writer })) {
    if (failed || left-- <= 0) break
    const done = start(db, one).then(
      () => {
        say(`ack ${writer} ${one.number} ${one.sync || plan.options.durability === 'sync' ? 'sync' : '-'}`)
        for (const { key, value } of one.operations) {
          if ((acknowledged.get(key)?.number ?? 0) <= one.number) acknowledged.set(key, { number: one.number, value })
        }
      },
      (error) => {
        failed = true
        for (const { key } of one.operations) indeterminate.add(key)
        say(`error ${writer} ${one.number} ${error.code}`)
      }
    )
    underWay.add(done)
    void done.then(() => underWay.delete(done))
    if (underWay.size >= plan.window) await Promise.race(underWay)
    if (one.number % 100 === 0 && writer === first) void db.flush().catch(() => undefined)
  }
  await Promise.all(underWay)
  return failed
}

async function tell(db) {
  let wrong = 0
  for (const [key, { value }] of acknowledged) {
    if (indeterminate.has(key)) continue
    const found = await db.get(key).catch((error) => error.code)
    if (found !== value) wrong++
  }
  const codes = new Set()
  for (const sync of [false, true]) {
    await db.put('late', 'v', { sync }).then(
      () => codes.add('none'),
      (error) => codes.add(error.code)
    )
  }
  say(`stopped ${wrong} ${[...codes].join(',')}`)
}

// Whoever started this process may be gone.
process.stdin.on('end', () => process.exit(0)).resume()

say('opening')
try {
  const db = await open(plan.directory, plan.options)
  // With no flush writers are held back; one more write finds out whether the log can still be written.
  db.on('background-error', () => void db.put('probe', 'v', { sync: true }).catch(() => undefined))
  say('open')
  const failed = await Promise.all(Array.from({ length: plan.writers }, (_, i) => write(db, first + i)))
  if (failed.includes(true)) await tell(db)
  else if (plan.writes > 0) {
    say('closing')
    await db.close()
    say('closed')
  }
} catch (error) {
  say(`failed ${error.code ?? error}`)
}
