#define _GNU_SOURCE
#include "sent_bytes.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int64_t holdfast_sent_byte_count(int descriptor) {
  struct tcp_info info;
  socklen_t size = sizeof info;
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return -1;
  if (size < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked) return -1;
  // What is acknowledged between the two calls is counted in neither: too few is mended next time.
  int kept = 0;
  if (ioctl(descriptor, SIOCOUTQ, &kept) != 0) return -1;
  // The SYN counts as one.
  return (int64_t)info.tcpi_bytes_acked - 1 + kept;
}

int holdfast_unsent_limit_set(int descriptor, int byte_count) {
  return setsockopt(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &byte_count, sizeof byte_count);
}
