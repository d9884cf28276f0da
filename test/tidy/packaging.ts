// What package.json promises, and that both builds compile the same sources.

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>
  readonly files: readonly string[]
  readonly gypfile?: boolean
}

const scriptNames = [
  'start',
  'build',
  'prebuilds',
  'bench',
  'test',
  'test:long',
  'test:conformance',
  'cluster',
  'lint',
  'format'
]
// npm runs these when the package is installed, or before and after others; neither happens here.
const hooks = /^(pre|post)?(install|prepare|prepublish|publish|pack)$|^(pre|post)(start|test|build)$/

export function packageFaults(manifest: Manifest): string[] {
  return [
    ...scriptNames.filter((name) => !(name in manifest.scripts)).map((name) => `package.json lacks the script ${name}`),
    ...Object.keys(manifest.scripts)
      .filter((name) => hooks.test(name))
      .map((name) => `package.json has the hook ${name}: npm installs must run no script of ours`),
    ...(manifest.gypfile === false ? [] : ['package.json must say "gypfile": false']),
    ...manifest.files
      .filter((file) => /^(\.\/)?(binding\.gyp|\*)/.test(file))
      .map((file) => `package.json packs ${file}: a root binding.gyp makes npm run node-gyp on install`)
  ]
}

/** Sources that a build file names itself instead of asking native/sources.cjs. */
export function buildFaults(path: string, text: string): string[] {
  const named = (text.match(/[\w./*]+\.cc\b/g) ?? []).filter((source) => !/^(test\/native|native\/\*\*)/.test(source))
  const faults = named.map((source) => `${path} names ${source}: native/sources.cjs is the one list of sources`)
  return text.includes('sources.cjs') ? faults : [...faults, `${path} does not ask native/sources.cjs for its sources`]
}
