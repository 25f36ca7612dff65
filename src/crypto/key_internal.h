/*
 * key_internal.h - what the files of a key (key*.c, sign_alg.c) share: the table
 * of key algorithms, and the inside of CmKey.
 */
#ifndef CM_CRYPTO_KEY_INTERNAL_H
#define CM_CRYPTO_KEY_INTERNAL_H

#include "crypto/compat.h"
#include "crypto/key.h"

/* How the parts of a key are laid out. */
typedef enum CmKeyKind
{
	CM_KIND_EC,					/* public: a point; private: a scalar */
	CM_KIND_RAW,				/* both halves are strings of bytes: Ed25519, Ed448, SLH-DSA */
	CM_KIND_SEED,				/* the same, the private half being a seed (RFC 9881) */
	CM_KIND_RSA
} CmKeyKind;

/* What there is to know about a key algorithm. */
typedef struct CmKeyInfo
{
	CmKeyAlg	alg;
	const char *name;			/* as users write it */
	const char *family;			/* as OpenSSL's providers name it */
	CmKeyKind	kind;
	const char *group;			/* EC: the curve, for OpenSSL */
	int			nid;			/* EC: the curve */
	CmSignAlg	sign_alg;		/* what it signs with unless told otherwise */
	size_t		scalar;			/* bytes of the private part; 0 for RSA */
	size_t		point;			/* bytes of the public part; 0 for RSA */
	int			bits;			/* RSA: of the modulus */
	CmSlice		key_alg;		/* AlgorithmIdentifier of the key */
	bool		nested;			/* PKCS #8 holds an OCTET STRING in the OCTET STRING (RFC 8410 7) */
} CmKeyInfo;

/* Private part of SLH-DSA-256 and public part of ML-DSA-87, the largest. */
#define CM_SCALAR_MAX 128
#define CM_POINT_MAX 2592

/* A SubjectPublicKeyInfo taken apart and found sound. */
typedef struct CmSpki
{
	CmKeyAlg	alg;
	CmSlice		bits;			/* content of the BIT STRING */
	CmSlice		modulus;		/* RSA only, without sign byte */
	CmSlice		exponent;
} CmSpki;

struct CmKey
{
	CmKeyAlg	alg;
	CmSignAlg	sign_alg;
	bool		is_private;
	EVP_PKEY   *pkey;
	EVP_PKEY_CTX *sign_ctx;		/* made at the first signature */
	EVP_PKEY_CTX *verify_ctx;	/* made at the first verification */
	CmSignAlg	verify_alg;		/* what verify_ctx was made for */
	CmBuf		spki;
};

/* key_alg.c */
extern const CmKeyInfo *cm_key_info(CmKeyAlg alg);	/* NULL for NONE and OTHER */
extern CmKeyAlg cm_key_alg_by_rsa_bits(size_t bits);	/* OTHER when we do not make such */
extern CmKeyAlg cm_key_alg_by_curve(CmSlice oid_whole);	/* OTHER when it is not known */
extern CmKeyAlg cm_key_alg_by_oid(CmSlice oid_whole);	/* of RAW and SEED keys; NONE when it is not one */
/*
 * The algorithm of an AlgorithmIdentifier's content; CM_KEY_RSA_2048 stands for
 * RSA of any size. CM_KEY_NONE: a known family with parameters it must not have.
 */
extern CmKeyAlg cm_key_alg_read(CmSlice algorithm);

/* key_spki.c */
extern bool cm_spki_parse(CmSlice spki, CmSpki *out, CmStatus *st);
extern bool cm_spki_put_point(CmBuf *out, const CmKeyInfo *info, const uint8_t *point);
extern bool cm_spki_put_rsa(CmBuf *out, CmSlice modulus, CmSlice exponent);
extern bool cm_der_take_unsigned(CmSlice *rest, CmSlice *out);	/* a positive INTEGER without its sign byte */
extern size_t cm_bit_length(CmSlice number);

/* key_weak.c */
extern bool cm_rsa_check_weak(CmSlice modulus, CmStatus *st);

/* key.c */
extern CmKey *cm_key_new(CmKeyAlg alg, bool is_private);	/* NULL: out of memory */
extern bool cm_key_finish(bool ok, CmKey *key, CmKey **out, CmStatus *st, const char *what);
extern bool cm_key_get_number(const EVP_PKEY *pkey, const char *name, size_t width, CmBuf *out);
extern bool cm_key_fill_spki(CmKey *key, const CmKeyInfo *info);
extern EVP_PKEY *cm_key_build_ec(const CmKeyInfo *info, const uint8_t *point, const uint8_t *private_bytes);
extern void cm_swap_native(uint8_t *dst, const uint8_t *src, size_t len);

/* key_private.c */
extern bool cm_key_may_leave(const CmKey *key, const CmBuf *out, CmStatus *st);
extern bool cm_key_put_private(const CmKey *key, const CmKeyInfo *info, CmBuf *out);	/* scalar, seed or PKCS #1 */

#endif
