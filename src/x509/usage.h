/*
 * usage.h - key usages (RFC 5280 4.2.1.3) and extended key usages (4.2.1.12) by their names.
 *
 * Usages are one text[] for people: "digitalSignature", "keyEncipherment", ...
 * are key usages; "serverAuth", "clientAuth", "codeSigning", "emailProtection",
 * "timeStamping", "OCSPSigning", "anyExtendedKeyUsage", other names OpenSSL knows, and dotted OIDs are
 * extended key usages.
 */
#ifndef CM_X509_USAGE_H
#define CM_X509_USAGE_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"

#define CM_KU_DIGITAL_SIGNATURE (1u << 0)
#define CM_KU_CONTENT_COMMITMENT (1u << 1)
#define CM_KU_KEY_ENCIPHERMENT (1u << 2)
#define CM_KU_DATA_ENCIPHERMENT (1u << 3)
#define CM_KU_KEY_AGREEMENT (1u << 4)
#define CM_KU_KEY_CERT_SIGN (1u << 5)
#define CM_KU_CRL_SIGN (1u << 6)
#define CM_KU_ENCIPHER_ONLY (1u << 7)
#define CM_KU_DECIPHER_ONLY (1u << 8)

/* A set of usages: key usage bits and the content of an ExtKeyUsageSyntax (OID values one after the other). */
extern bool cm_usage_parse(const char *text, uint32_t *key_usage, CmBuf *ext_key_usage, CmStatus *st);	/* adds one */
/* Calls back with each name, key usages first. */
extern void cm_usage_each(uint32_t key_usage, CmSlice ext_key_usage, void (*fn) (const char *name, void *arg), void *arg);
/* Their names with commas between, as far as they fit, or "none"; dst is returned. */
extern const char *cm_usage_show(uint32_t key_usage, CmSlice ext_key_usage, char *dst, size_t size);

#endif
