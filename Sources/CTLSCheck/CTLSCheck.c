#include "CTLSCheck.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CERTIFICATE_COUNT_MAX = 100, LIST_COUNT_MAX = 100 };

struct holdfast_tls {
  SSL_CTX *context;
  char host[256];
  char reason[400];
  const char *alert;
  int64_t peer_end;
};

static int64_t seconds_of(const ASN1_TIME *time) {
  struct tm parts;
  return time && ASN1_TIME_to_tm(time, &parts) ? (int64_t)timegm(&parts) : 0;
}

// "2026-01-31"; years that don't have four digits are not shown.
static void put_date(char *text, size_t size, int64_t seconds) {
  time_t time = (time_t)seconds;
  struct tm parts;
  if (!gmtime_r(&time, &parts) || !strftime(text, size, "%Y-%m-%d", &parts)) text[0] = 0;
}

// What to do about it.
static const char *remedy(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED: return "renew that certificate, or set this machine's clock";
    case X509_V_ERR_CERT_NOT_YET_VALID: return "set this machine's clock";
    case X509_V_ERR_CERT_REVOKED: return "give the broker a new certificate";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return "check the host in url: the certificate bears another";
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID: return "renew tls.crl_file";
    default: return "check tls.ca_file";
  }
}

static void put_reason(struct holdfast_tls *tls, X509_STORE_CTX *store) {
  int error = X509_STORE_CTX_get_error(store);
  const char *words = X509_verify_cert_error_string(error);
  const X509 *certificate = X509_STORE_CTX_get_current_cert(store);
  int is_expired = error == X509_V_ERR_CERT_HAS_EXPIRED;
  char dates[120] = "";
  if (certificate && (is_expired || error == X509_V_ERR_CERT_NOT_YET_VALID)) {
    char limit[24], today[24];
    put_date(limit, sizeof limit,
             seconds_of(is_expired ? X509_get0_notAfter(certificate)
                                   : X509_get0_notBefore(certificate)));
    put_date(today, sizeof today, (int64_t)time(NULL));
    snprintf(dates, sizeof dates, " (%s %s; this machine's clock says %s)",
             is_expired ? "it ended on" : "it begins on", limit, today);
  }
  snprintf(tls->reason, sizeof tls->reason, "%s%s; %s", words, dates, remedy(error));
}

// Errors are decided by X509_verify_cert alone.
static int leave_as_is(int is_right, X509_STORE_CTX *store) {
  (void)store;
  return is_right;
}

// In place of libmosquitto's check, which has no words for what is wrong.
static int verify(X509_STORE_CTX *store, void *argument) {
  struct holdfast_tls *tls = argument;
  X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(store);
  X509_STORE_CTX_set_verify_cb(store, leave_as_is);
  X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (!X509_VERIFY_PARAM_set1_ip_asc(rules, tls->host) &&
      !X509_VERIFY_PARAM_set1_host(rules, tls->host, 0))
    return 0;
  ERR_clear_error();
  const X509 *certificate = X509_STORE_CTX_get0_cert(store);
  if (certificate) tls->peer_end = seconds_of(X509_get0_notAfter(certificate));
  int is_right = X509_verify_cert(store) > 0;
  if (!is_right) put_reason(tls, store);
  return is_right;
}

// The library passes alerts on in some of its calls only.
static void note_alert(const SSL *connection, int where, int value) {
  if ((where & SSL_CB_READ_ALERT) != SSL_CB_READ_ALERT) return;
  struct holdfast_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection));
  int alert = value & 0xff;
  if (!tls || alert == SSL_AD_CLOSE_NOTIFY) return;
  // OpenSSL 3.0 has no words for that one.
  tls->alert = alert == SSL_AD_CERTIFICATE_REQUIRED ? "certificate required"
                                                    : SSL_alert_desc_string_long(value);
}

// Whether there was at least one list, and all of them could be read.
static int add_lists(SSL_CTX *context, const void *pem, size_t size) {
  if (size > INT32_MAX) return 0;
  X509_STORE *store = SSL_CTX_get_cert_store(context);
  BIO *bytes = BIO_new_mem_buf(pem, (int)size);
  int count = 0;
  while (bytes && count < LIST_COUNT_MAX) {
    X509_CRL *list = PEM_read_bio_X509_CRL(bytes, NULL, NULL, NULL);
    if (!list) break;
    count += X509_STORE_add_crl(store, list) == 1;
    X509_CRL_free(list);
  }
  BIO_free(bytes);
  ERR_clear_error();
  return count > 0 && X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK) == 1;
}

holdfast_tls *holdfast_tls_new(const char *host, int version_min, const void *crl, size_t size) {
  struct holdfast_tls *tls = calloc(1, sizeof *tls);
  if (!tls) return NULL;
  // The zone of an IPv6 address is this machine's own affair.
  size_t length = strcspn(host, "%");
  if (length >= sizeof tls->host) length = sizeof tls->host - 1;
  memcpy(tls->host, host, length);
  tls->context = SSL_CTX_new(TLS_client_method());
  int version = version_min >= 3 ? TLS1_3_VERSION : TLS1_2_VERSION;
  if (!tls->context || !SSL_CTX_set_min_proto_version(tls->context, version) ||
      (size > 0 && !add_lists(tls->context, crl, size))) {
    holdfast_tls_free(tls);
    return NULL;
  }
  SSL_CTX_set_cert_verify_callback(tls->context, verify, tls);
  SSL_CTX_set_app_data(tls->context, tls);
  SSL_CTX_set_info_callback(tls->context, note_alert);
  return tls;
}

void *holdfast_tls_context(const holdfast_tls *tls) { return tls->context; }

const char *holdfast_tls_reason(const holdfast_tls *tls) { return tls->reason; }

const char *holdfast_tls_alert(const holdfast_tls *tls) { return tls->alert ? tls->alert : ""; }

int64_t holdfast_tls_peer_end(const holdfast_tls *tls) { return tls->peer_end; }

void holdfast_tls_free(holdfast_tls *tls) {
  if (!tls) return;
  SSL_CTX_free(tls->context);
  free(tls);
}

int holdfast_certificates_read(const void *pem, size_t size, int64_t *begin, int64_t *end) {
  *begin = INT64_MIN;
  *end = INT64_MAX;
  if (size > INT32_MAX) return 0;
  BIO *bytes = BIO_new_mem_buf(pem, (int)size);
  int count = 0;
  while (bytes && count < CERTIFICATE_COUNT_MAX) {
    X509 *certificate = PEM_read_bio_X509(bytes, NULL, NULL, NULL);
    if (!certificate) break;
    count += 1;
    int64_t first = seconds_of(X509_get0_notBefore(certificate));
    int64_t last = seconds_of(X509_get0_notAfter(certificate));
    if (first > *begin) *begin = first;
    if (last < *end) *end = last;
    X509_free(certificate);
  }
  BIO_free(bytes);
  ERR_clear_error();
  return count;
}
