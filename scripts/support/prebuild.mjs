// Where the prebuild of this machine stands, as native/index.cjs looks for it.
import { existsSync } from 'node:fs'

export function prebuildPath() {
  const folder = `prebuilds/${process.platform}-${process.arch}`
  if (process.platform !== 'linux') return `${folder}/varve.node`
  return `${folder}/varve.${existsSync('/etc/alpine-release') ? 'musl' : 'glibc'}.node`
}
