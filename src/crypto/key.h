/*
 * key.h - key pairs: made, loaded, taken apart and used for signing.
 *
 * The private part leaves a CmKey only into a secret CmBuf. Private bytes are
 * the raw scalar (EC, fixed width), the seed or the raw bytes (Ed25519, Ed448, ML-DSA, SLH-DSA) or PKCS#1 RSAPrivateKey
 * DER (RSA): what sealing stores. Fetched algorithms and key generation
 * contexts are kept per process (made lazily, never in the postmaster).
 */
#ifndef CM_CRYPTO_KEY_H
#define CM_CRYPTO_KEY_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"
#include "crypto/sign_alg.h"

#define CM_KEY_ALG_BIT(alg) (1u << (alg))

typedef struct CmKey CmKey;		/* an EVP_PKEY with its algorithm */

extern bool cm_key_alg_parse(const char *name, CmKeyAlg *out, CmStatus *st);	/* "EC-P256" ..., any case; the error lists all names */
extern const char *cm_key_alg_name(CmKeyAlg alg);
/* Names of a set of CM_KEY_ALG_BIT with commas between, as far as they fit; dst is returned. */
extern const char *cm_key_algs_show(uint32_t algs, char *dst, size_t size);
extern bool cm_key_alg_is_rsa(CmKeyAlg alg);
extern bool cm_key_alg_is_ec(CmKeyAlg alg);	/* of the NIST curves, which can agree on keys, too */

extern bool cm_key_generate(CmKeyAlg alg, CmKey **out, CmStatus *st);
extern bool cm_key_from_private(CmKeyAlg alg, CmSlice private_bytes, CmSlice spki, CmKey **out, CmStatus *st);
extern bool cm_key_from_spki(CmSlice spki, CmKey **out, CmStatus *st);	/* public only */
extern bool cm_key_from_pem(CmSlice pem, CmKey **out, CmStatus *st);	/* PKCS#8, SEC 1, PKCS#1; not encrypted */
extern void cm_key_free(CmKey *key);	/* NULL is fine */

extern CmKeyAlg cm_key_alg(const CmKey *key);
extern bool cm_key_is_private(const CmKey *key);
extern bool cm_key_private_bytes(const CmKey *key, CmBuf *out, CmStatus *st);	/* out must be secret */
extern bool cm_key_spki(const CmKey *key, CmBuf *out, CmStatus *st);	/* SubjectPublicKeyInfo DER, appended */
/* What a JWK shows, big-endian, appended: EC x and y (fixed width), Ed25519 x and nothing, RSA n and e. */
extern bool cm_key_public_numbers(const CmKey *key, CmBuf *first, CmBuf *second, CmStatus *st);
extern bool cm_key_pkcs8(const CmKey *key, CmBuf *out, CmStatus *st);	/* DER; out must be secret */
extern bool cm_key_pkcs8_pem(const CmKey *key, CmBuf *out, CmStatus *st);	/* out must be secret */
/* Algorithm of an SPKI, told from its bytes; also refuses weak keys (RSA < 2048 bits or above 8192, even or small exponent, primes of a known flaw, on the list of weak_list.h), points not on the curve are left to cm_key_from_spki). */
extern bool cm_key_spki_alg(CmSlice spki, CmKeyAlg *alg, CmStatus *st);

/* What the key signs with: that of cm_sign_alg_default, or what it was told. */
extern CmSignAlg cm_key_sign_alg(const CmKey *key);
extern CmSlice cm_key_sign_algorithm(const CmKey *key);	/* its AlgorithmIdentifier (DER) */
extern bool cm_key_set_sign_alg(CmKey *key, CmSignAlg alg, CmStatus *st);
/* Signs with that algorithm; the signature as X.509 carries it, appended. */
extern bool cm_sign(const CmKey *key, CmSlice message, CmBuf *signature, CmStatus *st);
/* CM_MISMATCH when it is not of this key. cm_verify: by the default algorithm of the key. */
extern bool cm_verify(const CmKey *key, CmSlice message, CmSlice signature, CmStatus *st);
extern bool cm_verify_with(const CmKey *key, CmSignAlg alg, CmSlice message, CmSlice signature, CmStatus *st);

/* PKCS#8 or PKCS#1 of an RSA-4096 key has 2.4 kB; what is larger than this is no private key. */
#define CM_KEY_PRIVATE_MAX 65536

#endif
