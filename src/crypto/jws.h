/*
 * jws.h - JSON Web Signatures as ACME wants them (RFC 8555 6.2, RFC 7515, 7638):
 * flattened serialisation, ES256/ES384/ES512, RS256, EdDSA; HS256, HS384, HS512 for
 * external account binding.
 */
#ifndef CM_CRYPTO_JWS_H
#define CM_CRYPTO_JWS_H

#include "base/buf.h"
#include "crypto/key.h"

/* The public key as a JWK with the members of RFC 7638 in their order. */
extern bool cm_jwk(const CmKey *key, CmBuf *out, CmStatus *st);
/* base64url(SHA-256(JWK)). */
extern bool cm_jwk_thumbprint(const CmKey *key, CmBuf *out, CmStatus *st);

/* kid NULL: the protected header carries the JWK. payload NULL: POST-as-GET (empty payload). nonce may be NULL (inner JWS). */
extern bool cm_jws_sign(const CmKey *key, const char *kid, const char *nonce, const char *url, const char *payload, CmBuf *out, CmStatus *st);
/* External account binding (RFC 8555 7.3.4): payload is the account's JWK under mac_key; alg is HS256 (or NULL), HS384 or HS512. */
extern bool cm_jws_eab(const CmKey *account, const char *alg, const char *kid, CmSlice mac_key, const char *url, CmBuf *out, CmStatus *st);

#endif
