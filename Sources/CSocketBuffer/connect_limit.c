#define _GNU_SOURCE
#include "connect_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local int limit;

void holdfast_connect_limit_set(int milliseconds) { limit = milliseconds; }

static int system_connect(int descriptor, const struct sockaddr *address, socklen_t length) {
  return (int)syscall(SYS_connect, descriptor, address, length);
}

/// Waits for a connection under way; 0, or an error number.
static int await_connection(int descriptor) {
  struct pollfd request = {.fd = descriptor, .events = POLLOUT};
  int count = poll(&request, 1, limit);
  // A signal ends the wait as well: none is expected in the threads that have a limit.
  if (count <= 0) return count == 0 ? ETIMEDOUT : errno;
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

int connect(int descriptor, const struct sockaddr *address, socklen_t length) {
  int is_internet = address->sa_family == AF_INET || address->sa_family == AF_INET6;
  int flags = limit > 0 && is_internet ? fcntl(descriptor, F_GETFL) : -1;
  if (flags < 0 || flags & O_NONBLOCK) return system_connect(descriptor, address, length);
  if (fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0) return -1;
  int error = 0;
  if (system_connect(descriptor, address, length) != 0) error = errno;
  if (error == EINPROGRESS) error = await_connection(descriptor);
  if (fcntl(descriptor, F_SETFL, flags) != 0 && error == 0) error = errno;
  if (error == 0) return 0;
  errno = error;
  return -1;
}
