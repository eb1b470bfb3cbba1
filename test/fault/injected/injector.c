/* injector.c: LD_PRELOAD library that lets what a process does to some files fail, as a full, failing or read-only disk does.
 *
 * $INJECT_SWITCH names a file of 264 bytes, which may change at any time: i32 errno (0: nothing fails), u32 operations, and
 * the text that the path of a failing file contains. Operations: 1 writes and truncations, 2 syncs, 4 names (files that are
 * opened to be written or made, renamed, removed, directories that are made).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kWrites = 1, kSyncs = 2, kNames = 4 };

static const volatile struct {
  int32_t error;
  uint32_t operations;
  char text[256];
} *chosen;

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("INJECT_SWITCH");
  if (!path) return;
  int descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) abort();
  void *map = mmap(NULL, sizeof *chosen, PROT_READ, MAP_SHARED, descriptor, 0);
  if (map == MAP_FAILED) abort();
  chosen = map;
  syscall(SYS_close, descriptor);
}

static int fails_path(uint32_t operation, const char *path) {
  if (!chosen || !chosen->error || !(chosen->operations & operation)) return 0;
  if (!strstr(path, (const char *)chosen->text)) return 0;
  errno = chosen->error;
  return 1;
}

static int fails(uint32_t operation, int descriptor) {
  if (!chosen || !chosen->error || !(chosen->operations & operation)) return 0;
  char link[64];
  char path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails_path(operation, path);
}

#define REAL(type, name, ...)       \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int open_at(int directory, const char *path, int flags, mode_t mode) {
  int writes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
  if (writes && fails_path(kNames, path)) return -1;
  return (int)syscall(SYS_openat, directory, path, flags, mode);
}

#define OPEN(name, at, ...)                                   \
  int name(__VA_ARGS__ const char *path, int flags, ...) {    \
    va_list list;                                             \
    va_start(list, flags);                                    \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0; \
    va_end(list);                                             \
    return open_at(at, path, flags, mode);                    \
  }
OPEN(open, AT_FDCWD, )
OPEN(open64, AT_FDCWD, )
OPEN(openat, directory, int directory, )
OPEN(openat64, directory, int directory, )

ssize_t write(int descriptor, const void *bytes, size_t length) {
  return fails(kWrites, descriptor) ? -1 : syscall(SYS_write, descriptor, bytes, length);
}
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  return fails(kWrites, descriptor) ? -1 : syscall(SYS_writev, descriptor, parts, count);
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset) {
  return fails(kWrites, descriptor) ? -1 : syscall(SYS_pwrite64, descriptor, bytes, length, offset);
}
ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
  return pwrite64(descriptor, bytes, length, offset);
}
ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset) {
  return fails(kWrites, descriptor) ? -1 : syscall(SYS_pwritev, descriptor, parts, count, offset, 0);
}
ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
  return pwritev64(descriptor, parts, count, offset);
}
int ftruncate64(int descriptor, off64_t length) {
  return fails(kWrites, descriptor) ? -1 : (int)syscall(SYS_ftruncate, descriptor, length);
}
int ftruncate(int descriptor, off_t length) { return ftruncate64(descriptor, length); }

int fsync(int descriptor) {
  return fails(kSyncs, descriptor) ? -1 : (int)syscall(SYS_fsync, descriptor);
}
int fdatasync(int descriptor) {
  return fails(kSyncs, descriptor) ? -1 : (int)syscall(SYS_fdatasync, descriptor);
}

int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  return fails_path(kNames, to) ? -1 : real(from, to);
}
int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  return fails_path(kNames, path) ? -1 : real(path);
}
int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  return fails_path(kNames, path) ? -1 : real(path, mode);
}
