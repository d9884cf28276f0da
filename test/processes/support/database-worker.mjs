// A worker with a database of its own: opens workerData.directory and says { open: true } or { code, message }; writes
// until it is told to stop, or ended; says { acknowledged } now and then, and { closed } at the end.
import { parentPort, workerData } from 'node:worker_threads'
import { open, VarveError } from 'varve'

const { directory, options, writes = Number.POSITIVE_INFINITY } = workerData

try {
  const db = await open(directory, options)
  parentPort.postMessage({ open: true })
  let isStopped = false
  parentPort.once('message', () => {
    isStopped = true
  })
  let acknowledged = 0
  for (let i = 0; i < writes && !isStopped; i += 10) {
    const batch = db.batch([
      { type: 'put', key: `a${i}`, value: String(i) },
      { type: 'put', key: `b${i}`, value: 'v'.repeat(500) }
    ])
    const puts = Array.from({ length: 8 }, (_, j) =>
      db.put(`k${i + j}`, `${i + j}`, { sync: j === 7 && i % 100 === 0 })
    )
    await Promise.all([batch, ...puts])
    acknowledged = i + 10
    if (db.getSync(`a${i}`) !== String(i)) throw new Error(`a${i} is not there`)
    if (i % 100 === 0) parentPort.postMessage({ acknowledged })
  }
  const count = (await db.keys().all()).length
  await db.close()
  parentPort.postMessage({ closed: true, acknowledged, count })
} catch (error) {
  parentPort.postMessage({ isVarveError: error instanceof VarveError, code: error.code, message: error.message })
}
parentPort.close()
