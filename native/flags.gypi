# How our C++ is compiled and linked: included by each target that node-gyp builds.
{
  'defines': [
    'NAPI_VERSION=9',
    'NODE_ADDON_API_CPP_EXCEPTIONS',
  ],
  # Node's defaults for its own code, which ours does not want.
  'cflags!': ['-fno-exceptions', '-Wno-unused-parameter'],
  'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++20'],
  'cflags_cc': [
    '-std=c++20',
    '-O3',
    '-fexceptions',
    '-fvisibility=hidden',
    '-Wall',
    '-Wextra',
    '-Wpedantic',
    '-Wshadow',
    '-Wconversion',
    '-Wformat=2',
    '-Wvla',
    '-Wnon-virtual-dtor',
    '-Woverloaded-virtual',
    # Other people's headers are system headers: the warnings above are about our code.
    '-isystem <!(node -p "require(\'path\').resolve(require(\'node-addon-api\').include_dir)")',
    '-isystem <(node_root_dir)/include/node',
  ],
  'conditions': [
    ['warnings_are_errors==1', {'cflags_cc': ['-Werror']}],
    ['OS=="linux"', {
      'cflags_cc': [
        '-U_FORTIFY_SOURCE',
        '-D_FORTIFY_SOURCE=3',
        '-Wno-error=cpp', # an older libc says so when it treats 3 as 2
        '-fstack-protector-strong',
        '-fstack-clash-protection',
        '-fno-plt',
      ],
      'ldflags': [
        '-Wl,-z,relro',
        '-Wl,-z,now',
        '-Wl,-z,noexecstack',
        # Node unloads an addon with the last worker that used it; the token's state must outlive that.
        '-Wl,-z,nodelete',
      ],
    }],
    ['OS=="linux" and target_arch=="x64"', {'cflags_cc': ['-fcf-protection']}],
  ],
}
