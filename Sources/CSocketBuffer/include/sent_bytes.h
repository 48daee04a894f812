#ifndef HOLDFAST_SENT_BYTES_H
#define HOLDFAST_SENT_BYTES_H

#include <stdint.h>

/// Bytes that were ever handed to a TCP socket, whoever wrote them, TLS records included: those its
/// peer has acknowledged and those that the kernel still keeps. -1 where the kernel does not tell.
int64_t holdfast_sent_byte_count(int descriptor);

/// Lets the kernel take no more while it keeps so many bytes that it has not sent
/// (TCP_NOTSENT_LOWAT); 0, or -1 with errno set.
int holdfast_unsent_limit_set(int descriptor, int byte_count);

#endif
