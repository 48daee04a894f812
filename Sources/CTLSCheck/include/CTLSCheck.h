// What libmosquitto leaves out of TLS: exact reasons, revocation lists and dates of certificates.
//
// Over the OpenSSL that libmosquitto is linked with. Functions of bytes and of a handshake under way;
// no file and no socket is touched here.

#pragma once

#include <stddef.h>
#include <stdint.h>

// How the peer of one connection is verified.
typedef struct holdfast_tls holdfast_tls;

// A context for one connection.
//
//   host          name or address that the peer's certificate must bear
//   version_min   2: TLS 1.2, 3: TLS 1.3
//   crl, size     PEM, one or more revocation lists; size 0: nothing is looked up
//
// NULL where memory is missing or `crl` holds no list.
holdfast_tls *holdfast_tls_new(const char *host, int version_min, const void *crl, size_t size);

// Its SSL_CTX, for MOSQ_OPT_SSL_CTX with MOSQ_OPT_SSL_CTX_WITH_DEFAULTS.
void *holdfast_tls_context(const holdfast_tls *tls);

// Why the peer's certificate was refused, in OpenSSL's words with dates; "" where it was not.
const char *holdfast_tls_reason(const holdfast_tls *tls);

// What the peer said when it ended the handshake: "certificate revoked"; "" where it said nothing.
const char *holdfast_tls_alert(const holdfast_tls *tls);

// When the peer's certificate ends, Unix seconds; 0 before it has shown one.
int64_t holdfast_tls_peer_end(const holdfast_tls *tls);

// To be called after the connection's client is gone.
void holdfast_tls_free(holdfast_tls *tls);

// Reads the certificates of a PEM file, 100 at most.
//
//   begin   the latest instant at which one of them begins, Unix seconds
//   end     the earliest at which one of them ends
//
// Returns how many there are; 0 where there is none.
int holdfast_certificates_read(const void *pem, size_t size, int64_t *begin, int64_t *end);
