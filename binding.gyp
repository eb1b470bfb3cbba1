# The addon as `npm ci` builds it. CMakeLists.txt builds the same files with the flags of native/flags.gypi: change both.
{
  'variables': {
    'warnings_are_errors%': 1,
  },
  'targets': [
    {
      'target_name': 'strongroom',
      'includes': ['native/flags.gypi'],
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
