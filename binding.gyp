# The addon as `npm ci` builds it. CMakeLists.txt builds the same files with the flags of native/flags.gypi: change both.
{
  'variables': {
    'warnings_are_errors%': 1,
    'secp256k1_directory': '<!(node scripts/secp256k1-sources.mjs)',
  },
  'targets': [
    {
      'target_name': 'strongroom',
      'includes': ['native/flags.gypi', 'native/secp256k1.gypi'],
      'sources': ['<!@(node scripts/native-sources.mjs)'],
      'include_dirs': ['native'],
      'conditions': [
        ['OS=="linux"', {
          'ldflags': ['-Wl,--version-script=<(module_root_dir)/native/addon/exports.map'],
        }],
      ],
    },
  ],
}
