// npm run prebuilds: the addon for this platform where the loader looks for it, prebuilds/<platform>-<arch>/, stripped.
//
//   node scripts/prebuilds.mjs                 builds with prebuildify
//   node scripts/prebuilds.mjs --arch=x64+arm64 …   any further argument is handed to prebuildify
import { existsSync } from 'node:fs'
import { prebuildPath } from './support/prebuild.mjs'
import { filesUnder, inRoot, localNodeDirectory, runTool } from './support/project.mjs'

const directory = localNodeDirectory()
const status = runTool(
  'prebuildify',
  ['--napi', '--strip', '--tag-libc', '--name', 'varve', ...process.argv.slice(2)],
  {
    env: { JOBS: '2', ...(directory ? { npm_config_nodedir: directory } : {}) }
  }
)
if (status !== 0) process.exit(status)
if (process.argv.length === 2 && !existsSync(inRoot(prebuildPath()))) {
  console.error(
    `prebuildify wrote ${filesUnder('prebuilds', () => true).join(', ')}, but the loader looks for ${prebuildPath()}.`
  )
  process.exit(1)
}
console.log(filesUnder('prebuilds', () => true).join('\n'))
