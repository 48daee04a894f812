// libmicrohttpd, and what of it Swift can't reach: a function with variable arguments, and constants
// whose names Swift would change.
#include <microhttpd.h>

// What a callback answers to end a connection.
static const enum MHD_Result holdfast_refuse = MHD_NO;

// The request's header of that name; NULL where it has none.
static inline const char *holdfast_header(struct MHD_Connection *connection, const char *name) {
  return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

// A response with a copy of those bytes; NULL for want of memory.
static inline struct MHD_Response *holdfast_response(size_t count, const void *bytes) {
  return MHD_create_response_from_buffer(count, (void *)bytes, MHD_RESPMEM_MUST_COPY);
}

// Starts a daemon with a thread of its own on a socket that already listens.
//
// At most `connections` at a time, `requests_bytes` of memory for each, closed after
// `timeout_seconds` without traffic.
static inline struct MHD_Daemon *holdfast_start_daemon(
    int listening_socket, unsigned int connections, unsigned int timeout_seconds,
    size_t request_bytes, MHD_AccessHandlerCallback answer, void *context) {
  return MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, answer, context,
      MHD_OPTION_LISTEN_SOCKET, listening_socket,
      MHD_OPTION_CONNECTION_LIMIT, connections,
      MHD_OPTION_CONNECTION_TIMEOUT, timeout_seconds,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, request_bytes,
      MHD_OPTION_END);
}
