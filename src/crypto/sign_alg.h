/*
 * sign_alg.h - signature algorithms of X.509 (RFC 3279, 4055, 5758, 8410,
 * 9881, 9909): their names, their AlgorithmIdentifiers, and the keys they go with.
 */
#ifndef CM_CRYPTO_SIGN_ALG_H
#define CM_CRYPTO_SIGN_ALG_H

#include "base/der.h"
#include "base/status.h"
#include "crypto/digest.h"

/* Algorithms of keys. The order is that of the table in key_alg.c; RSA is last before OTHER. */
typedef enum CmKeyAlg
{
	CM_KEY_NONE = 0,
	CM_KEY_EC_P256,
	CM_KEY_EC_P384,
	CM_KEY_EC_P521,
	CM_KEY_ED25519,
	CM_KEY_ED448,
	CM_KEY_ML_DSA_44,
	CM_KEY_ML_DSA_65,
	CM_KEY_ML_DSA_87,
	CM_KEY_SLH_DSA_SHA2_128S,
	CM_KEY_SLH_DSA_SHA2_128F,
	CM_KEY_SLH_DSA_SHA2_192S,
	CM_KEY_SLH_DSA_SHA2_192F,
	CM_KEY_SLH_DSA_SHA2_256S,
	CM_KEY_SLH_DSA_SHA2_256F,
	CM_KEY_RSA_2048,
	CM_KEY_RSA_3072,
	CM_KEY_RSA_4096,
	CM_KEY_OTHER				/* a public key of another sort, seen in foreign certificates only */
} CmKeyAlg;

typedef enum CmSignAlg
{
	CM_SIGN_NONE = 0,
	CM_SIGN_ECDSA_SHA256,
	CM_SIGN_ECDSA_SHA384,
	CM_SIGN_ECDSA_SHA512,
	CM_SIGN_RSA_SHA256,
	CM_SIGN_RSA_SHA384,
	CM_SIGN_RSA_SHA512,
	CM_SIGN_RSA_PSS_SHA256,
	CM_SIGN_RSA_PSS_SHA384,
	CM_SIGN_RSA_PSS_SHA512,
	CM_SIGN_OWN					/* the key's algorithm is that of its signatures: Ed25519, Ed448, ML-DSA, SLH-DSA */
} CmSignAlg;

/* "ECDSA-SHA256", "RSA-SHA384", "RSA-PSS-SHA256", or the name of a key algorithm that has its own; any case. It must fit the key. */
extern bool cm_sign_alg_parse(const char *name, CmKeyAlg key, CmSignAlg *out, CmStatus *st);
/* As cm_sign_alg_parse reads it. */
extern const char *cm_sign_alg_name(CmSignAlg alg, CmKeyAlg key);
/* What a key signs with unless told otherwise: the hash by the curve, SHA-256 with PKCS #1 v1.5 for RSA. NONE: it cannot sign. */
extern CmSignAlg cm_sign_alg_default(CmKeyAlg key);
extern bool cm_sign_alg_fits(CmSignAlg alg, CmKeyAlg key);
/* The AlgorithmIdentifier (DER) of signatures by that key with that algorithm; empty when they do not fit. */
extern CmSlice cm_sign_alg_identifier(CmSignAlg alg, CmKeyAlg key);
/* With what such a key signs unless told otherwise; empty when it cannot sign. */
extern CmSlice cm_sign_algorithm(CmKeyAlg key);

/*
 * Which algorithm an AlgorithmIdentifier (whole DER) names; *key is set for CM_SIGN_OWN, else CM_KEY_NONE.
 * CM_POLICY for MD2, MD5 and SHA-1, CM_UNSUPPORTED for what is not known, CM_INVALID for bad parameters;
 * "what" begins the message: "certificate request", "certificate".
 */
extern bool cm_sign_alg_read(CmSlice identifier, const char *what, CmSignAlg *out, CmKeyAlg *key, CmStatus *st);

/* For key_sign.c. */
extern CmDigestAlg cm_sign_alg_digest(CmSignAlg alg);
extern bool cm_sign_alg_is_pss(CmSignAlg alg);

#endif
