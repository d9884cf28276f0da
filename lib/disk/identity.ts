// IDENTITY: who a directory is, for the cluster to come: a random id, minted once and kept for ever. One checked line:
//
//   9c1f2a77 {"format":1,"id":"q83vEjRWeJCrze8SNFZ4kA"}

import { VarveError } from '../errors.ts'
import { checkedLine, contentOfFile } from './checked-line.ts'
import { identityName, join, temporaryName } from './files.ts'
import type { Disk } from './fs.ts'

/** Whole or not at all; its name is durable once the directory is synced. */
export async function writeIdentity(disk: Disk, directory: string, id: Uint8Array): Promise<void> {
  const json = JSON.stringify({ format: 1, id: Buffer.from(id).toString('base64url') })
  const temporary = join(directory, temporaryName(identityName))
  await disk.writeFile(temporary, checkedLine(Buffer.from(json)))
  await disk.rename(temporary, join(directory, identityName))
}

/** Rejects where it is not what was written. */
export async function checkIdentity(disk: Disk, directory: string): Promise<void> {
  await readIdentity(disk, directory)
}

/** Who the directory is, as base64url. */
export async function readIdentity(disk: Disk, directory: string): Promise<string> {
  const path = join(directory, identityName)
  const content = contentOfFile(await disk.readFile(path, 4096))
  if (content !== undefined) return (JSON.parse(content.toString('utf8')) as { readonly id: string }).id
  throw new VarveError('VARVE_CORRUPTION', `IDENTITY is damaged (${path} at 0).`, { file: path, offset: 0 })
}
