# What a user without a fitting prebuild builds with:
#   npx node-gyp rebuild --directory node_modules/varve/native
{
  'variables': { 'native_dir': '.' },
  'includes': ['varve.gypi'],
}
