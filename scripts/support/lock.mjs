// A lock between processes: a file that holds its owner's process id. A lock whose owner is gone is taken over.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

const pause = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function ownerOf(path) {
  try {
    return Number(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

// A link appears whole or not at all, so a lock never stands without its owner's id.
function take(path) {
  const own = `${path}.${process.pid}`
  writeFileSync(own, String(process.pid))
  try {
    linkSync(own, path)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(own, { force: true })
  }
}

// Of several that find a dead owner, one moves the lock away; if it moved a living one's by then, it puts it back.
function clearDead(path, owner) {
  const aside = `${path}.dead.${process.pid}`
  try {
    renameSync(path, aside)
    if (ownerOf(aside) !== owner) linkSync(aside, path)
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

/** Runs `work` while holding the lock at `path`, waiting for another process that holds it. */
export function withLock(path, work) {
  for (let waited = false; !take(path); pause(100)) {
    const owner = ownerOf(path)
    if (owner === undefined) continue
    if (!isAlive(owner)) clearDead(path, owner)
    else if (!waited) {
      console.log(`setup: waiting for process ${owner}, which is setting up already …`)
      waited = true
    }
  }
  try {
    return work()
  } finally {
    rmSync(path, { force: true })
  }
}
