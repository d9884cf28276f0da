// The one list of C++ sources: every native/**/*.cc, sorted. Both builds ask it: binding.gyp and CMakeLists.txt.
//
//   node native/sources.cjs [folder]   prints one path a line, relative to the working directory, `/` everywhere;
//                                      `folder` (core, binding) narrows it to one layer.
'use strict'
const { readdirSync } = require('node:fs')
const { join, relative } = require('node:path')

function sources(folder = '') {
  const found = []
  const visit = (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name)
      if (entry.isDirectory() && entry.name !== 'build') visit(path)
      else if (entry.isFile() && entry.name.endsWith('.cc')) found.push(path)
    }
  }
  try {
    visit(join(__dirname, folder))
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
  return found.sort()
}

module.exports = sources

if (require.main === module) {
  for (const path of sources(process.argv[2])) {
    console.log(relative(process.cwd(), path).replaceAll('\\', '/'))
  }
}
