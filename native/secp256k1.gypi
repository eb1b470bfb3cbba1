# libsecp256k1 as a part of a target whose file sets secp256k1_directory (scripts/secp256k1-sources.mjs). ECDSA alone:
# none of its optional modules. CMakeLists.txt holds the same settings: change both.
{
  'conditions': [
    ['secp256k1_directory!=""', {
      'sources': ['<(secp256k1_directory)/src/secp256k1.c'],
      'include_dirs': ['<(secp256k1_directory)', '<(secp256k1_directory)/include'],
      'defines': [
        'STRONGROOM_LIBSECP256K1',
        'ECMULT_GEN_PREC_BITS=4',
        'ECMULT_WINDOW_SIZE=15',
        'USE_ENDOMORPHISM',
        'USE_NUM_NONE',
        'USE_FIELD_INV_BUILTIN',
        'USE_SCALAR_INV_BUILTIN',
      ],
      # Other people's code: no warnings.
      'cflags_c': ['-O3', '-w', '-fvisibility=hidden'],
      'conditions': [
        ['target_arch=="x64"', {'defines': ['USE_ASM_X86_64']}],
        ['target_arch=="x64" or target_arch=="arm64"', {
          'defines': ['HAVE___INT128', 'USE_FIELD_5X52', 'USE_SCALAR_4X64'],
        }, {
          'defines': ['USE_FIELD_10X26', 'USE_SCALAR_8X32'],
        }],
      ],
    }],
  ],
}
