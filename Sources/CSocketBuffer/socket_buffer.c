#define _GNU_SOURCE
#include "socket_buffer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { CAPACITY = 64 * 1024 };

struct holdfast_socket_buffer {
  int descriptor;
  size_t in_start, in_end;
  size_t out_start, out_end;
  uint8_t in[CAPACITY];
  uint8_t out[CAPACITY];
};

// Per thread, so that no other thread pays for it or is touched by it.
static _Thread_local struct holdfast_socket_buffer *current;

struct holdfast_socket_buffer *holdfast_socket_buffer_new(int descriptor) {
  struct holdfast_socket_buffer *buffer = malloc(sizeof *buffer);
  if (!buffer) return NULL;
  buffer->descriptor = descriptor;
  buffer->in_start = buffer->in_end = buffer->out_start = buffer->out_end = 0;
  return buffer;
}

void holdfast_socket_buffer_free(struct holdfast_socket_buffer *buffer) {
  if (current == buffer) current = NULL;
  free(buffer);
}

void holdfast_socket_buffer_enter(struct holdfast_socket_buffer *buffer) { current = buffer; }

void holdfast_socket_buffer_leave(void) { current = NULL; }

size_t holdfast_socket_buffer_unread(const struct holdfast_socket_buffer *buffer) {
  return buffer->in_end - buffer->in_start;
}

size_t holdfast_socket_buffer_unsent(const struct holdfast_socket_buffer *buffer) {
  return buffer->out_end - buffer->out_start;
}

int holdfast_socket_buffer_flush(struct holdfast_socket_buffer *buffer) {
  while (buffer->out_start < buffer->out_end) {
    ssize_t sent = send(buffer->descriptor, buffer->out + buffer->out_start,
                        buffer->out_end - buffer->out_start, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return -1;
    buffer->out_start += (size_t)sent;
  }
  buffer->out_start = buffer->out_end = 0;
  return 0;
}

static ssize_t buffered_read(struct holdfast_socket_buffer *buffer, void *bytes, size_t count) {
  size_t unread = buffer->in_end - buffer->in_start;
  if (unread == 0) {
    // What is longer than the buffer need not pass through it.
    if (count >= CAPACITY) return recv(buffer->descriptor, bytes, count, 0);
    ssize_t received = recv(buffer->descriptor, buffer->in, CAPACITY, 0);
    if (received <= 0) return received;
    buffer->in_start = 0;
    buffer->in_end = unread = (size_t)received;
  }
  size_t taken = count < unread ? count : unread;
  memcpy(bytes, buffer->in + buffer->in_start, taken);
  buffer->in_start += taken;
  return (ssize_t)taken;
}

static ssize_t buffered_write(struct holdfast_socket_buffer *buffer, const void *bytes,
                              size_t count) {
  if (count > CAPACITY - buffer->out_end) {
    int saved = errno;
    if (holdfast_socket_buffer_flush(buffer) != 0) return -1;
    errno = saved;
    if (count > CAPACITY) return send(buffer->descriptor, bytes, count, MSG_NOSIGNAL);
  }
  memcpy(buffer->out + buffer->out_end, bytes, count);
  buffer->out_end += count;
  return (ssize_t)count;
}

ssize_t read(int descriptor, void *bytes, size_t count) {
  if (current && descriptor == current->descriptor) return buffered_read(current, bytes, count);
  return syscall(SYS_read, descriptor, bytes, count);
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  if (current && descriptor == current->descriptor) return buffered_write(current, bytes, count);
  return syscall(SYS_write, descriptor, bytes, count);
}
