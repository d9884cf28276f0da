# The addon's one target. `native_dir` is native/ as seen from the including binding.gyp.
# No -march flags: faster instructions are chosen at run time, function by function.
{
  'targets': [
    {
      'target_name': 'varve',
      'sources': ['<!@(node <(native_dir)/sources.cjs)'],
      'include_dirs': [
        '<(native_dir)',
        "<!(node -p \"require('node-addon-api').include_dir\")",
      ],
      'defines': [
        'NAPI_VERSION=9',
        'NAPI_DISABLE_CPP_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
      ],
      'cflags!': ['-O2'],
      'cflags': ['-fvisibility=hidden', '-Wall', '-Wextra', '-O3'],
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-fexceptions'],
      'cflags_cc': ['-std=c++20', '-fno-exceptions', '-fno-rtti', '-fvisibility-inlines-hidden'],
      'conditions': [
        ['OS=="linux"', {
          'cflags': ['-pthread', '-ffunction-sections', '-fdata-sections'],
          'ldflags': ['-pthread', '-Wl,--gc-sections', '-Wl,-z,relro,-z,now'],
          'defines': ['_GNU_SOURCE', '_FILE_OFFSET_BITS=64'],
        }],
        ['OS=="mac"', {
          'xcode_settings': {
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
            'CLANG_CXX_LIBRARY': 'libc++',
            'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
            'GCC_ENABLE_CPP_RTTI': 'NO',
            'GCC_OPTIMIZATION_LEVEL': '3',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
            'MACOSX_DEPLOYMENT_TARGET': '11.0',
            'WARNING_CFLAGS': ['-Wall', '-Wextra'],
          },
        }],
        ['OS=="win"', {
          'defines': ['NOMINMAX', 'WIN32_LEAN_AND_MEAN', '_CRT_SECURE_NO_WARNINGS', '_HAS_EXCEPTIONS=0'],
          'msvs_settings': {
            'VCCLCompilerTool': {
              'AdditionalOptions': ['/std:c++20', '/utf-8'],
              'ExceptionHandling': 0,
              'Optimization': 2,
              'RuntimeTypeInfo': 'false',
            },
          },
        }],
      ],
    },
  ],
}
