# The bench's own addon: loops in C over EVP and over a second copy of the token. bench/build.mjs builds it on demand;
# npm ci and the published package do not.
{
  'variables': {
    'warnings_are_errors%': 1,
  },
  'targets': [
    {
      'target_name': 'strongroom_bench',
      'includes': ['../../native/flags.gypi'],
      'sources': [
        'addon.cc',
        'evp_loops.cc',
        'token_loops.cc',
        '<!@(node core-sources.mjs)',
      ],
      'include_dirs': ['../../native'],
    },
  ],
}
