/*
 * digest.h - hashes, HMAC and random bytes, with fetched algorithms kept per process.
 */
#ifndef CM_CRYPTO_DIGEST_H
#define CM_CRYPTO_DIGEST_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"

typedef enum CmDigestAlg
{
	CM_DIGEST_SHA1,
	CM_DIGEST_SHA256,
	CM_DIGEST_SHA384,
	CM_DIGEST_SHA512
} CmDigestAlg;

#define CM_DIGEST_COUNT 4
#define CM_DIGEST_MAX 64		/* SHA-512 */

/* out holds CM_DIGEST_MAX bytes. The crypto library's error queue is left for cm_fail_crypto. */
extern bool cm_digest(CmDigestAlg alg, CmSlice data, uint8_t *out, size_t *len);
extern bool cm_sha256(CmSlice data, uint8_t out[32]);
extern bool cm_sha1(CmSlice data, uint8_t out[20]);		/* key identifiers (RFC 5280 4.2.1.2) only */
extern bool cm_hmac_sha256(CmSlice key, CmSlice data, uint8_t out[32]);
/* out holds CM_DIGEST_MAX bytes. */
extern bool cm_hmac(CmDigestAlg alg, CmSlice key, CmSlice data, uint8_t *out, size_t *len);
extern bool cm_random(void *out, size_t len);
/* Why the crypto library failed: drains its error queue into the detail of st. Always returns false. */
extern bool cm_fail_crypto(CmStatus *st, const char *what);

#endif
