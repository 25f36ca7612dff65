/*
 * acme_tls.h - the certificate that answers a TLS-ALPN-01 challenge (RFC 8737 3).
 */
#ifndef CM_X509_ACME_TLS_H
#define CM_X509_ACME_TLS_H

#include "base/buf.h"
#include "base/status.h"
#include "crypto/key.h"

/*
 * Self-signed by key; the identifier (a host name, or an address: RFC 8738) is
 * its only alternative name; the hash of the key authorization is in the
 * critical extension acmeIdentifier. DER, appended.
 */
extern bool cm_acme_tls_certificate(const CmKey *key, const char *identifier, const char *key_authorization, int64_t now, CmBuf *out, CmStatus *st);

#endif
