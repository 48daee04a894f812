#ifndef HOLDFAST_SOCKET_BUFFER_H
#define HOLDFAST_SOCKET_BUFFER_H

#include <stddef.h>

/// A buffer in front of one non-blocking stream socket, for a library that reads it byte by byte.
///
/// libmosquitto makes three read(2) calls per packet and one write(2) per acknowledgement, and
/// offers no hook. It calls them through the dynamic linker, so it finds the `read` and `write`
/// that this target defines for the whole program. They are the system calls as ever, except in a
/// thread between `holdfast_socket_buffer_enter` and `_leave`, and there for the one descriptor.
/// Not for TLS sockets, whose library buffers by itself. `connect_limit.h` does the same to
/// `connect`.
struct holdfast_socket_buffer;

/// NULL where memory can't be had; the caller goes on without a buffer.
struct holdfast_socket_buffer *holdfast_socket_buffer_new(int descriptor);

void holdfast_socket_buffer_free(struct holdfast_socket_buffer *buffer);

/// From here on this thread reads and writes the buffer's descriptor through it.
void holdfast_socket_buffer_enter(struct holdfast_socket_buffer *buffer);

/// This thread's reads and writes are plain system calls again.
void holdfast_socket_buffer_leave(void);

/// Bytes received and not read yet: poll(2) can't know of them.
size_t holdfast_socket_buffer_unread(const struct holdfast_socket_buffer *buffer);

/// Bytes written and not sent yet.
size_t holdfast_socket_buffer_unsent(const struct holdfast_socket_buffer *buffer);

/// Sends what was written; 0 when all of it went, otherwise -1 with errno set (EAGAIN: poll).
int holdfast_socket_buffer_flush(struct holdfast_socket_buffer *buffer);

#endif
