// IDENTITY: who a directory is, for the cluster to come: a random id, minted once and kept for ever.
//
//   9c1f2a77 {"format":1,"id":"q83vEjRWeJCrze8SNFZ4kA"}      crc32c of the JSON · space · JSON · newline

import native from '#native'
import { VarveError } from '../errors.ts'
import { identityName, join } from './files.ts'
import type { Disk } from './fs.ts'

const checksum = (json: Buffer): string => (native.crc32c(json) >>> 0).toString(16).padStart(8, '0')

/** Whole or not at all; its name is durable once the directory is synced. */
export async function writeIdentity(disk: Disk, directory: string, id: Uint8Array): Promise<void> {
  const json = Buffer.from(JSON.stringify({ format: 1, id: Buffer.from(id).toString('base64url') }))
  const temporary = join(directory, `${identityName}.tmp`)
  await disk.writeFile(temporary, Buffer.from(`${checksum(json)} ${json}\n`))
  await disk.rename(temporary, join(directory, identityName))
}

/** Rejects where it is not what was written; resolves to its length. */
export async function checkIdentity(disk: Disk, directory: string): Promise<number> {
  const path = join(directory, identityName)
  const bytes = await disk.readFile(path, 4096)
  const isWhole = bytes.length > 10 && bytes.at(-1) === 10
  if (isWhole && bytes.latin1Slice(0, 9) === `${checksum(bytes.subarray(9, -1))} `) return bytes.length
  throw new VarveError('VARVE_CORRUPTION', `IDENTITY is damaged (${path} at 0).`, { file: path, offset: 0 })
}
