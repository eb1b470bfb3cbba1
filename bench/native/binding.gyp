# The bench's own addon: loops in C over EVP and over a second copy of the token. bench/build.mjs builds it on demand;
# npm ci and the published package do not.
{
  'variables': {
    'warnings_are_errors%': 1,
    'secp256k1_directory': '<!(node ../../scripts/secp256k1-sources.mjs)',
  },
  'targets': [
    {
      'target_name': 'strongroom_bench',
      'includes': ['../../native/flags.gypi', '../../native/secp256k1.gypi'],
      'sources': [
        'addon.cc',
        'evp_loops.cc',
        'evp_signatures.cc',
        'token_loops.cc',
        '<!@(node core-sources.mjs)',
      ],
      'include_dirs': ['../../native'],
    },
  ],
}
