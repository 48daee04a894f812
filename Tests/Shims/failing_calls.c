// Makes system calls of one process fail on demand; loaded by LD_PRELOAD.
//
// A file named by HOLDFAST_FAILING_CALLS is mapped by the process under test and by the test, which
// switches faults on and off in it while the process runs, and reads how often each one hit.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

// In the order of the test's list.
enum call { CALL_OPENAT, CALL_PREAD, CALL_PWRITE, CALL_FDATASYNC, CALL_FSYNC };

struct fault {
  _Atomic int32_t error;    // errno; 0: none; -1: half of the bytes; -2: doesn't return; -3: 4 ms
  _Atomic uint32_t every;   // 1: each call; 3: each third
  _Atomic uint32_t calls;
  _Atomic uint32_t hits;
};

static struct fault *faults(void) {
  static struct fault *_Atomic mapped;
  struct fault *found = mapped;
  if (found) return found;
  const char *path = getenv("HOLDFAST_FAILING_CALLS");
  int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  int descriptor = path ? real_open(path, O_RDWR | O_CLOEXEC) : -1;
  if (descriptor < 0) return NULL;
  found = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  close(descriptor);
  if (found == MAP_FAILED) return NULL;
  mapped = found;
  return found;
}

// The error of this call: 0 for none, -1 for half of it.
static int fault_of(enum call call) {
  struct fault *all = faults();
  if (!all) return 0;
  int error = all[call].error;
  if (error == 0) return 0;
  uint32_t every = all[call].every;
  if (every > 1 && atomic_fetch_add(&all[call].calls, 1) % every != 0) return 0;
  atomic_fetch_add(&all[call].hits, 1);
  if (error == -2) {
    while (all[call].error == -2) usleep(10000);
    return 0;
  }
  if (error == -3) {
    usleep(4000);
    return 0;
  }
  return error;
}

#define REAL(result, name, ...)                                    \
  static result (*real)(__VA_ARGS__);                              \
  if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

#define FAIL(call)                                                 \
  int fault = fault_of(call);                                      \
  if (fault > 0) { errno = fault; return -1; }

static size_t part(int fault, size_t count) { return fault < 0 && count > 1 ? count / 2 : count; }

ssize_t pread(int descriptor, void *bytes, size_t count, off_t offset) {
  REAL(ssize_t, "pread", int, void *, size_t, off_t);
  FAIL(CALL_PREAD)
  return real(descriptor, bytes, part(fault, count), offset);
}

ssize_t pread64(int descriptor, void *bytes, size_t count, off64_t offset) {
  return pread(descriptor, bytes, count, offset);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
  FAIL(CALL_PWRITE)
  return real(descriptor, bytes, part(fault, count), offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t offset) {
  return pwrite(descriptor, bytes, count, offset);
}

int fdatasync(int descriptor) {
  REAL(int, "fdatasync", int);
  FAIL(CALL_FDATASYNC)
  return real(descriptor);
}

int fsync(int descriptor) {
  REAL(int, "fsync", int);
  FAIL(CALL_FSYNC)
  return real(descriptor);
}

int openat(int directory, const char *name, int flags, ...) {
  REAL(int, "openat", int, const char *, int, ...);
  FAIL(CALL_OPENAT)
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = (mode_t)va_arg(arguments, int);
  va_end(arguments);
  return real(directory, name, flags, mode);
}

int openat64(int directory, const char *name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = (mode_t)va_arg(arguments, int);
  va_end(arguments);
  return openat(directory, name, flags, mode);
}
