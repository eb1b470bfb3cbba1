/* recorder.c: LD_PRELOAD library that writes down what a process does to the files below $RECORD_ROOT, in the order in
 * which the kernel did it, into the file $RECORD_TRACE. What a disk holds after a power cut follows from that (disk.ts).
 *
 * A record: u8 operation, u32 file, u64 offset or length, u32 bytes, bytes; little endian, packed.
 *   'C' file was made, bytes are its path      'O' file was there already, bytes are its path
 *   'W' bytes at offset                        'T' truncated to length
 *   'S' synced                                 'D' directory synced, bytes are its path
 *   'R' renamed: path, NUL, path               'U' unlinked: path        'M' directory made: path
 *
 * Memory maps are not seen: of what is recorded only SQLite's -shm uses them, and no start reads that.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { kFiles = 65536 };

static pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static const char *root;
static size_t root_length;
static int trace = -1;
static uint32_t next_file = 1;
static uint32_t file_of[kFiles];      /* by descriptor; 0: not ours */
static char *directory_of[kFiles];    /* by descriptor, for directories */
static struct {
  dev_t device;
  ino_t inode;
  uint32_t file;
} known[kFiles];
static size_t known_count;

__attribute__((constructor)) static void start(void) {
  root = getenv("RECORD_ROOT");
  const char *path = getenv("RECORD_TRACE");
  if (!root || !path) return;
  root_length = strlen(root);
  trace = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void *next(const char *name) { return dlsym(RTLD_NEXT, name); }
#define REAL(type, name, ...)                     \
  static type (*real)(__VA_ARGS__);               \
  if (!real) real = (type(*)(__VA_ARGS__))next(name)

static void record(char operation, uint32_t file, uint64_t offset, const void *bytes, size_t length) {
  unsigned char head[17];
  uint32_t short_length = (uint32_t)length;
  head[0] = (unsigned char)operation;
  memcpy(head + 1, &file, 4);
  memcpy(head + 5, &offset, 8);
  memcpy(head + 13, &short_length, 4);
  struct iovec parts[2] = {{head, sizeof head}, {(void *)bytes, length}};
  if (syscall(SYS_writev, trace, parts, length ? 2 : 1) != (long)(sizeof head + length)) abort();
}

/* The absolute path when it lies below the root; 0 otherwise. SQLite's -shm is no part of an image. */
static int ours(int directory, const char *path, char *absolute) {
  if (trace < 0) return 0;
  if (path[0] == '/') {
    if (strlen(path) >= PATH_MAX) return 0;
    strcpy(absolute, path);
  } else if (directory == AT_FDCWD) {
    if (!getcwd(absolute, PATH_MAX - 1)) return 0;
    strcat(absolute, "/");
    strncat(absolute, path, PATH_MAX - strlen(absolute) - 1);
  } else {
    return 0;
  }
  size_t length = strlen(absolute);
  return !strncmp(absolute, root, root_length) && (absolute[root_length] == '/' || length == root_length) &&
         !(length > 4 && !strcmp(absolute + length - 4, "-shm"));
}

static uint32_t name_file(int descriptor, int made, const char *path) {
  struct stat stat;
  if (fstat(descriptor, &stat)) return 0;
  for (size_t i = known_count; i-- > 0;) {
    if (known[i].device == stat.st_dev && known[i].inode == stat.st_ino) {
      if (!made) return known[i].file;
      known[i].file = 0;
      known[i].inode = 0;
      break;
    }
  }
  if (known_count == kFiles) abort();
  uint32_t file = next_file++;
  known[known_count].device = stat.st_dev;
  known[known_count].inode = stat.st_ino;
  known[known_count++].file = file;
  record(made ? 'C' : 'O', file, 0, path, strlen(path));
  return file;
}

static int open_at(int directory, const char *path, int flags, mode_t mode) {
  char absolute[PATH_MAX];
  if (!ours(directory, path, absolute)) return (int)syscall(SYS_openat, directory, path, flags, mode);
  pthread_mutex_lock(&mutex);
  struct stat before;
  int made = (flags & O_CREAT) && lstat(absolute, &before) != 0;
  int descriptor = (int)syscall(SYS_openat, directory, path, flags, mode);
  if (descriptor >= 0 && descriptor < kFiles) {
    struct stat stat;
    free(directory_of[descriptor]);
    directory_of[descriptor] = NULL;
    file_of[descriptor] = 0;
    if (!fstat(descriptor, &stat) && S_ISDIR(stat.st_mode)) {
      directory_of[descriptor] = strdup(absolute);
    } else {
      file_of[descriptor] = name_file(descriptor, made, absolute);
      if (!made && (flags & O_TRUNC)) record('T', file_of[descriptor], 0, NULL, 0);
    }
  }
  pthread_mutex_unlock(&mutex);
  return descriptor;
}

#define OPEN(name, at, ...)                                     \
  int name(__VA_ARGS__, const char *path, int flags, ...)       \
  {                                                             \
    mode_t mode = 0;                                            \
    if (flags & (O_CREAT | O_TMPFILE)) {                        \
      va_list list;                                             \
      va_start(list, flags);                                    \
      mode = va_arg(list, mode_t);                              \
      va_end(list);                                             \
    }                                                           \
    return open_at(at, path, flags, mode);                      \
  }
OPEN(openat, directory, int directory)
OPEN(openat64, directory, int directory)
#undef OPEN
#define OPEN(name)                                              \
  int name(const char *path, int flags, ...) {                  \
    mode_t mode = 0;                                            \
    if (flags & (O_CREAT | O_TMPFILE)) {                        \
      va_list list;                                             \
      va_start(list, flags);                                    \
      mode = va_arg(list, mode_t);                              \
      va_end(list);                                             \
    }                                                           \
    return open_at(AT_FDCWD, path, flags, mode);                \
  }
OPEN(open)
OPEN(open64)

int close(int descriptor) {
  if (descriptor >= 0 && descriptor < kFiles && trace >= 0) {
    pthread_mutex_lock(&mutex);
    file_of[descriptor] = 0;
    free(directory_of[descriptor]);
    directory_of[descriptor] = NULL;
    pthread_mutex_unlock(&mutex);
  }
  return (int)syscall(SYS_close, descriptor);
}

static uint32_t watched(int descriptor) {
  return trace >= 0 && descriptor >= 0 && descriptor < kFiles ? file_of[descriptor] : 0;
}

/* offset < 0: where the descriptor stands, or the end of a file that is appended to. */
static ssize_t write_at(int descriptor, const struct iovec *parts, int count, off_t offset) {
  uint32_t file = watched(descriptor);
  if (!file) {
    return offset < 0 ? syscall(SYS_writev, descriptor, parts, count)
                      : syscall(SYS_pwritev, descriptor, parts, count, offset, 0);
  }
  pthread_mutex_lock(&mutex);
  struct stat stat;
  off_t at = offset;
  if (fcntl(descriptor, F_GETFL) & O_APPEND) at = fstat(descriptor, &stat) ? 0 : stat.st_size;
  else if (offset < 0) at = lseek(descriptor, 0, SEEK_CUR);
  ssize_t done = offset < 0 ? syscall(SYS_writev, descriptor, parts, count)
                            : syscall(SYS_pwritev, descriptor, parts, count, offset, 0);
  ssize_t left = done;
  for (int i = 0; i < count && left > 0; ++i) {
    size_t length = (size_t)left < parts[i].iov_len ? (size_t)left : parts[i].iov_len;
    record('W', file, (uint64_t)at, parts[i].iov_base, length);
    at += (off_t)length;
    left -= (ssize_t)length;
  }
  pthread_mutex_unlock(&mutex);
  return done;
}

ssize_t write(int descriptor, const void *bytes, size_t length) {
  if (!watched(descriptor)) return syscall(SYS_write, descriptor, bytes, length);
  struct iovec part = {(void *)bytes, length};
  return write_at(descriptor, &part, 1, -1);
}
ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  return write_at(descriptor, parts, count, -1);
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset) {
  if (!watched(descriptor)) return syscall(SYS_pwrite64, descriptor, bytes, length, offset);
  struct iovec part = {(void *)bytes, length};
  return write_at(descriptor, &part, 1, offset);
}
ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
  return pwrite64(descriptor, bytes, length, offset);
}
ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset) {
  return write_at(descriptor, parts, count, offset);
}
ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) {
  return write_at(descriptor, parts, count, offset);
}

static int truncate_to(int descriptor, off_t length) {
  pthread_mutex_lock(&mutex);
  int failed = (int)syscall(SYS_ftruncate, descriptor, length);
  uint32_t file = watched(descriptor);
  if (!failed && file) record('T', file, (uint64_t)length, NULL, 0);
  pthread_mutex_unlock(&mutex);
  return failed;
}
int ftruncate(int descriptor, off_t length) { return truncate_to(descriptor, length); }
int ftruncate64(int descriptor, off64_t length) { return truncate_to(descriptor, length); }

static int synced(int descriptor, long call) {
  pthread_mutex_lock(&mutex);
  int failed = (int)syscall(call, descriptor);
  if (!failed && watched(descriptor)) record('S', file_of[descriptor], 0, NULL, 0);
  if (!failed && trace >= 0 && descriptor < kFiles && directory_of[descriptor])
    record('D', 0, 0, directory_of[descriptor], strlen(directory_of[descriptor]));
  pthread_mutex_unlock(&mutex);
  return failed;
}
int fsync(int descriptor) { return synced(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return synced(descriptor, SYS_fdatasync); }

int rename(const char *from, const char *to) {
  char both[2 * PATH_MAX];
  char target[PATH_MAX];
  REAL(int, "rename", const char *, const char *);
  if (!ours(AT_FDCWD, from, both) || !ours(AT_FDCWD, to, target)) return real(from, to);
  pthread_mutex_lock(&mutex);
  int failed = real(from, to);
  size_t length = strlen(both);
  strcpy(both + length + 1, target);
  if (!failed) record('R', 0, 0, both, length + 1 + strlen(target));
  pthread_mutex_unlock(&mutex);
  return failed;
}

static int removed(const char *path, int (*real)(const char *)) {
  char absolute[PATH_MAX];
  if (!ours(AT_FDCWD, path, absolute)) return real(path);
  pthread_mutex_lock(&mutex);
  int failed = real(path);
  if (!failed) record('U', 0, 0, absolute, strlen(absolute));
  pthread_mutex_unlock(&mutex);
  return failed;
}
int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  return removed(path, real);
}
int rmdir(const char *path) {
  REAL(int, "rmdir", const char *);
  return removed(path, real);
}
int unlinkat(int directory, const char *path, int flags) {
  char absolute[PATH_MAX];
  if (!ours(directory, path, absolute)) return (int)syscall(SYS_unlinkat, directory, path, flags);
  pthread_mutex_lock(&mutex);
  int failed = (int)syscall(SYS_unlinkat, directory, path, flags);
  if (!failed) record('U', 0, 0, absolute, strlen(absolute));
  pthread_mutex_unlock(&mutex);
  return failed;
}

int mkdir(const char *path, mode_t mode) {
  char absolute[PATH_MAX];
  REAL(int, "mkdir", const char *, mode_t);
  if (!ours(AT_FDCWD, path, absolute)) return real(path, mode);
  pthread_mutex_lock(&mutex);
  int failed = real(path, mode);
  if (!failed) record('M', 0, 0, absolute, strlen(absolute));
  pthread_mutex_unlock(&mutex);
  return failed;
}
