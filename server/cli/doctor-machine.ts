// What `varve doctor` looks at of the machine: Node.js, the addon, the disk under a directory, descriptors, the clock.
import { existsSync, readFileSync } from 'node:fs'
import { type FileHandle, open, rm, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf, messageOf } from './exit.ts'
import { bad, type Finding, sizeText, warning, well } from './finding.ts'

/** `directory` may be missing: the disk is then that of its nearest parent. */
export async function machineFindings(directory: string): Promise<readonly Finding[]> {
  const place = existingParent(directory)
  return [nodeFinding(), await addonFinding(), descriptorFinding(), clockFinding(), ...(await diskFindings(place))]
}

function existingParent(path: string): string {
  let place = path
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place)
  return place
}

const nodeLeast = [20, 19] as const

function nodeFinding(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const text = `${process.version} on ${process.platform}-${process.arch}`
  const isOld = major < nodeLeast[0] || (major === nodeLeast[0] && minor < nodeLeast[1])
  return isOld ? bad('node', `${text}; it needs ${nodeLeast.join('.')} or later`) : well('node', text)
}

async function addonFinding(): Promise<Finding> {
  try {
    await import('../../lib/index.ts')
    const { default: native } = await import('#native')
    const { crc32c, contract } = native.about()
    return well('addon', `${loadedAddon() ?? 'loaded'}, contract ${contract}, crc32c by ${crc32c}`)
  } catch (error) {
    return bad('addon', messageOf(error).split('\n', 1)[0] ?? '')
  }
}

/** The file that is loaded, where the system tells. */
function loadedAddon(): string | undefined {
  return /\s(\/\S*varve[^/\s]*\.node)$/m.exec(readIfThere('/proc/self/maps'))?.[1]
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** Tables that are open, connections, and some. */
const descriptorsLeast = 4_096

function descriptorFinding(): Finding {
  const limit = /^Max open files\s+(\d+|unlimited)/m.exec(readIfThere('/proc/self/limits'))?.[1]
  if (limit === undefined) return well('descriptors', 'the system does not tell its limit')
  if (limit !== 'unlimited' && Number(limit) < descriptorsLeast) {
    return warning('descriptors', `at most ${limit}: raise it for many connections, ulimit -n 65536`)
  }
  return well('descriptors', `at most ${limit}`)
}

// Nothing was written before this was.
const beginning = Date.UTC(2026, 0, 1)

function clockFinding(): Finding {
  const now = new Date()
  const text = now.toISOString()
  if (now.getTime() < beginning) return bad('clock', `${text} is in the past: entries would not expire. Set it`)
  return well('clock', text)
}

async function diskFindings(place: string): Promise<Finding[]> {
  try {
    return [await spaceFinding(place), fileSystemFinding(place), await syncFinding(place)]
  } catch (error) {
    return [bad('disk', `${place}: ${messageOf(error)}`)]
  }
}

const freeLeastBytes = 2 ** 30
const freeLeastShare = 0.1

async function spaceFinding(place: string): Promise<Finding> {
  const { bavail, blocks, bsize } = await statfs(place)
  const free = bavail * bsize
  const text = `${sizeText(free)} free of ${sizeText(blocks * bsize)}`
  const isLow = free < freeLeastBytes || bavail < blocks * freeLeastShare
  return isLow ? warning('space', `${text}: writing stops when it is full`) : well('space', text)
}

const remote = /^(nfs\d?|cifs|smb\d?|9p|fuse\.sshfs|afs|ceph|glusterfs)$/

function fileSystemFinding(place: string): Finding {
  const type = fileSystemType(place, readIfThere('/proc/mounts'))
  if (type === undefined) return well('file system', 'the system does not tell its type')
  if (remote.test(type)) {
    return warning('file system', `${type} is over a network: locks and syncs may not hold. Use a local disk`)
  }
  if (type === 'tmpfs' || type === 'ramfs')
    return warning('file system', `${type} is memory: nothing outlives a restart`)
  return well('file system', type)
}

/** The type of the mount that a path is on. */
export function fileSystemType(path: string, mounts: string): string | undefined {
  let longest = ''
  let type: string | undefined
  for (const line of mounts.split('\n')) {
    const [, at, kind] = line.split(' ')
    if (at === undefined || kind === undefined) continue
    const isOn = path === at || path.startsWith(at.endsWith('/') ? at : `${at}/`)
    // Of two mounts at one place the later one covers the other.
    if (!isOn || at.length < longest.length) continue
    longest = at
    type = kind
  }
  return type
}

const syncs = 20
const slowSyncMs = 10
const nearlyNoSyncMs = 0.005

async function syncFinding(place: string): Promise<Finding> {
  const path = join(place, `.varve-doctor-${process.pid}`)
  let file: FileHandle | undefined
  try {
    file = await open(path, 'wx')
    const times: number[] = []
    for (let i = 0; i < syncs; i++) {
      await file.write(Buffer.alloc(4_096, i))
      const start = performance.now()
      await file.datasync()
      times.push(performance.now() - start)
    }
    return judgedSync(times.sort((a, b) => a - b))
  } catch (error) {
    if (codeOf(error) === 'EACCES' || codeOf(error) === 'EROFS') return bad('sync', `${place} may not be written to`)
    throw error
  } finally {
    await file?.close()
    await rm(path, { force: true })
  }
}

function judgedSync(times: readonly number[]): Finding {
  const median = times[Math.floor(times.length / 2)] ?? 0
  const text = `a write reaches the disk in ${median.toFixed(2)} ms (median of ${times.length})`
  if (median > slowSyncMs) return warning('sync', `${text}: synced writes will be slow`)
  if (median < nearlyNoSyncMs) return warning('sync', `${text}: so quick that it may not reach it at all`)
  return well('sync', text)
}
