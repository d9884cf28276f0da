# What a clone and prebuildify build with. Never packed: npm runs node-gyp for any package that has a root binding.gyp.
# The package ships native/binding.gyp instead; both are only a frame around native/varve.gypi.
{
  'variables': { 'native_dir': 'native' },
  'includes': ['native/varve.gypi'],
}
