/*
 * key.c - key pairs: made, loaded, taken apart and used for signing.
 *
 * Runs in every process but the postmaster; no locks. What may fail: hostile
 * keys, memory, and an OpenSSL that was built without an algorithm.
 *
 * SubjectPublicKeyInfo, PKCS#8, SEC 1 and PKCS#1 are read and written by hand:
 * OpenSSL 3.0 takes 150 microseconds to decode a public key and 50 to encode
 * one, where this takes less than one. It is also stricter: explicit curve
 * parameters (CVE-2020-0601), weak RSA keys and trailing bytes are refused
 * before OpenSSL sees them. Contexts that generate keys and build them from
 * parameters are kept a process, those that sign and verify a key: preparing
 * one costs as much as a P-256 signature. They hold no random state (that is
 * the DRBG's, which reseeds after fork), so a child may go on with them.
 */
#include "crypto/key.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/encode.h"
#include "crypto/compat.h"
#include "crypto/digest.h"

/* Scalar and point of P-521, the largest curve: 66 and 1 + 2 * 66 bytes. */
#define SCALAR_MAX 66
#define POINT_MAX 133

/* PEM of an RSA-4096 key has 3.3 kB; what is larger than this is no key. */
#define PEM_KEY_MAX 65536

/* What there is to know about a key algorithm. */
typedef struct KeyInfo
{
	CmKeyAlg	alg;
	const char *name;			/* as users write it */
	const char *family;			/* as OpenSSL's providers name it */
	const char *group;			/* EC: the curve, for OpenSSL */
	int			nid;			/* EC: the curve */
	CmDigestAlg digest;			/* what it signs with; of no meaning for Ed25519 */
	size_t		scalar;			/* bytes of the private part; 0 for RSA */
	size_t		point;			/* bytes of the public part; 0 for RSA */
	int			bits;			/* RSA: of the modulus */
	CmSlice		spki_prefix;	/* SubjectPublicKeyInfo up to the public part */
	CmSlice		key_alg;		/* AlgorithmIdentifier of the key */
	CmSlice		sign_alg;		/* AlgorithmIdentifier of its signatures */
} KeyInfo;

/* A SubjectPublicKeyInfo taken apart and found sound. */
typedef struct Spki
{
	CmKeyAlg	alg;
	CmSlice		bits;			/* content of the BIT STRING */
	CmSlice		modulus;		/* RSA only, without sign byte */
	CmSlice		exponent;
} Spki;

struct CmKey
{
	CmKeyAlg	alg;
	bool		is_private;
	EVP_PKEY   *pkey;
	EVP_PKEY_CTX *sign_ctx;		/* made at the first signature */
	EVP_PKEY_CTX *verify_ctx;	/* made at the first verification */
	CmBuf		spki;
};

#define RSA_BITS_MIN 2048		/* CA/Browser Forum BR 6.1.5 */
#define RSA_BITS_MAX 8192		/* a verification takes 1 ms; larger keys are an attack on us */
#define RSA_EXPONENT_MIN 65537	/* BR 6.1.6; 3 and 17 have a history of forged signatures */
#define RSA_EXPONENT_BYTES 32	/* BR 6.1.6: at most 2^256 - 1 */

#define OID_EC_KEY 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01
#define OID_P256 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07
#define OID_P384 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22
#define OID_P521 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23
#define OID_ED25519 0x06, 0x03, 0x2b, 0x65, 0x70
#define OID_RSA 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01

/* AlgorithmIdentifiers of keys. */
static const uint8_t alg_p256[] = {0x30, 0x13, OID_EC_KEY, OID_P256};
static const uint8_t alg_p384[] = {0x30, 0x10, OID_EC_KEY, OID_P384};
static const uint8_t alg_p521[] = {0x30, 0x10, OID_EC_KEY, OID_P521};
static const uint8_t alg_ed25519[] = {0x30, 0x05, OID_ED25519};
static const uint8_t alg_rsa[] = {0x30, 0x0d, OID_RSA, 0x05, 0x00};

/* SubjectPublicKeyInfo up to the public part, whose size is fixed. */
static const uint8_t spki_p256[] = {0x30, 0x59, 0x30, 0x13, OID_EC_KEY, OID_P256, 0x03, 0x42, 0x00};
static const uint8_t spki_p384[] = {0x30, 0x76, 0x30, 0x10, OID_EC_KEY, OID_P384, 0x03, 0x62, 0x00};
static const uint8_t spki_p521[] = {0x30, 0x81, 0x9b, 0x30, 0x10, OID_EC_KEY, OID_P521, 0x03, 0x81, 0x86, 0x00};
static const uint8_t spki_ed25519[] = {0x30, 0x2a, 0x30, 0x05, OID_ED25519, 0x03, 0x21, 0x00};

/* AlgorithmIdentifiers of signatures (RFC 5758, RFC 8410, RFC 4055). */
static const uint8_t sign_sha256_ec[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};
static const uint8_t sign_sha384_ec[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03};
static const uint8_t sign_sha512_ec[] = {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04};
static const uint8_t sign_sha256_rsa[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00};

#define BYTES(a) {(a), sizeof(a)}
#define NOTHING {NULL, 0}

static const KeyInfo infos[] = {
	{CM_KEY_EC_P256, "EC-P256", "EC", "P-256", NID_X9_62_prime256v1, CM_DIGEST_SHA256,
	32, 65, 0, BYTES(spki_p256), BYTES(alg_p256), BYTES(sign_sha256_ec)},
	{CM_KEY_EC_P384, "EC-P384", "EC", "P-384", NID_secp384r1, CM_DIGEST_SHA384,
	48, 97, 0, BYTES(spki_p384), BYTES(alg_p384), BYTES(sign_sha384_ec)},
	{CM_KEY_EC_P521, "EC-P521", "EC", "P-521", NID_secp521r1, CM_DIGEST_SHA512,
	66, 133, 0, BYTES(spki_p521), BYTES(alg_p521), BYTES(sign_sha512_ec)},
	{CM_KEY_ED25519, "Ed25519", "ED25519", NULL, 0, CM_DIGEST_SHA512,
	32, 32, 0, BYTES(spki_ed25519), BYTES(alg_ed25519), BYTES(alg_ed25519)},
	{CM_KEY_RSA_2048, "RSA-2048", "RSA", NULL, 0, CM_DIGEST_SHA256,
	0, 0, 2048, NOTHING, BYTES(alg_rsa), BYTES(sign_sha256_rsa)},
	{CM_KEY_RSA_3072, "RSA-3072", "RSA", NULL, 0, CM_DIGEST_SHA256,
	0, 0, 3072, NOTHING, BYTES(alg_rsa), BYTES(sign_sha256_rsa)},
	{CM_KEY_RSA_4096, "RSA-4096", "RSA", NULL, 0, CM_DIGEST_SHA256,
	0, 0, 4096, NOTHING, BYTES(alg_rsa), BYTES(sign_sha256_rsa)}
};

#define INFO_COUNT (sizeof(infos) / sizeof(infos[0]))

static const KeyInfo *
key_info(CmKeyAlg alg)
{
	/* The table is in the order of the enum, which begins with NONE. */
	if (alg <= CM_KEY_NONE || alg >= CM_KEY_OTHER)
		return NULL;
	return &infos[alg - 1];
}

bool
cm_key_alg_parse(const char *name, CmKeyAlg *out, CmStatus *st)
{
	char		shown[64];
	size_t		i;

	for (i = 0; i < INFO_COUNT; i++)
	{
		if (strcasecmp(name, infos[i].name) == 0)
		{
			*out = infos[i].alg;
			return true;
		}
	}
	cm_clean_text(shown, sizeof(shown), name, strlen(name));
	(void) cm_fail(st, CM_UNSUPPORTED, "key algorithm \"%s\" is not known", shown);
	return cm_fail_detail(st, "Known algorithms are EC-P256, EC-P384, EC-P521, Ed25519, RSA-2048, RSA-3072, RSA-4096.");
}

const char *
cm_key_alg_name(CmKeyAlg alg)
{
	const KeyInfo *info = key_info(alg);

	if (info != NULL)
		return info->name;
	return alg == CM_KEY_OTHER ? "other" : "none";
}

CmSlice
cm_sign_algorithm(CmKeyAlg alg)
{
	const KeyInfo *info = key_info(alg);

	return info != NULL ? info->sign_alg : cm_slice(NULL, 0);
}

/* ---- SubjectPublicKeyInfo ---- */

static bool
is_oid(CmSlice whole, const uint8_t *oid, size_t len)
{
	return cm_slice_equal(whole, cm_slice(oid, len));
}

static CmKeyAlg
curve_alg(CmSlice curve_oid)
{
	static const uint8_t p256[] = {OID_P256};
	static const uint8_t p384[] = {OID_P384};
	static const uint8_t p521[] = {OID_P521};

	if (is_oid(curve_oid, p256, sizeof(p256)))
		return CM_KEY_EC_P256;
	if (is_oid(curve_oid, p384, sizeof(p384)))
		return CM_KEY_EC_P384;
	if (is_oid(curve_oid, p521, sizeof(p521)))
		return CM_KEY_EC_P521;
	return CM_KEY_OTHER;
}

/*
 * The algorithm of an AlgorithmIdentifier's content; CM_KEY_RSA_2048 stands for
 * RSA of any size. CM_KEY_NONE: a known family with parameters it must not have.
 */
static CmKeyAlg
family_alg(CmSlice algorithm)
{
	static const uint8_t ec[] = {OID_EC_KEY};
	static const uint8_t ed25519[] = {OID_ED25519};
	static const uint8_t rsa[] = {OID_RSA};
	CmSlice		rest = algorithm;
	CmDer		oid;
	CmDer		params;
	bool		has_params;

	if (!cm_der_expect(&rest, CM_DER_OID, &oid))
		return CM_KEY_NONE;
	has_params = rest.len > 0;
	if (has_params && (!cm_der_next(&rest, &params) || rest.len > 0))
		return CM_KEY_NONE;

	if (is_oid(oid.whole, ec, sizeof(ec)))
		return has_params && params.tag == CM_DER_OID ? curve_alg(params.whole) : CM_KEY_NONE;
	if (is_oid(oid.whole, ed25519, sizeof(ed25519)))
		return has_params ? CM_KEY_NONE : CM_KEY_ED25519;
	if (is_oid(oid.whole, rsa, sizeof(rsa)))
		return has_params && params.tag == CM_DER_NULL && params.content.len == 0 ?
			CM_KEY_RSA_2048 : CM_KEY_NONE;
	return CM_KEY_OTHER;
}

static bool
check_point(const KeyInfo *info, CmSlice point, CmStatus *st)
{
	uint8_t		form = point.len > 0 ? point.data[0] : 0;

	if (info->alg == CM_KEY_ED25519)
	{
		if (point.len != info->point)
			return cm_fail(st, CM_INVALID, "public key is not of the size of %s", info->name);
		return true;
	}
	if (form == 0x04 && point.len == info->point)
		return true;
	if ((form == 0x02 || form == 0x03) && point.len == 1 + info->scalar)
		return true;
	return cm_fail(st, CM_INVALID, "public key is not a point of %s", info->name);
}

/* A positive INTEGER without its sign byte. */
static bool
take_unsigned(CmSlice *rest, CmSlice *out)
{
	CmDer		v;

	if (!cm_der_expect(rest, CM_DER_INTEGER, &v) || v.content.len == 0)
		return false;
	*out = v.content;
	if ((out->data[0] & 0x80) != 0)
		return false;
	if (out->data[0] == 0)
	{
		out->data++;
		out->len--;
		/* A zero byte that no sign needs, or zero itself. */
		if (out->len == 0 || (out->data[0] & 0x80) == 0)
			return false;
	}
	return true;
}

static size_t
bit_length(CmSlice number)
{
	size_t		bits = number.len * 8;
	uint8_t		top = number.data[0];

	while ((top & 0x80) == 0)
	{
		top = (uint8_t) (top << 1);
		bits--;
	}
	return bits;
}

static bool
check_exponent(CmSlice e, CmStatus *st)
{
	uint64_t	value = 0;
	size_t		i;

	if ((e.data[e.len - 1] & 1) == 0)
		return cm_fail(st, CM_POLICY, "RSA public exponent is even");
	if (e.len > RSA_EXPONENT_BYTES)
		return cm_fail(st, CM_LIMIT, "RSA public exponent is too large");
	if (e.len > 4)
		return true;
	for (i = 0; i < e.len; i++)
		value = value << 8 | e.data[i];
	if (value < RSA_EXPONENT_MIN)
		return cm_fail(st, CM_POLICY, "RSA public exponent is smaller than 65537");
	return true;
}

static bool
parse_rsa(Spki *spki, CmStatus *st)
{
	CmSlice		rest = spki->bits;
	CmDer		seq;
	size_t		bits;
	size_t		i;

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &seq) || rest.len > 0)
		return cm_fail(st, CM_INVALID, "RSA public key is not valid");
	rest = seq.content;
	if (!take_unsigned(&rest, &spki->modulus) || !take_unsigned(&rest, &spki->exponent) || rest.len > 0)
		return cm_fail(st, CM_INVALID, "RSA public key is not valid");

	bits = bit_length(spki->modulus);
	if (bits < RSA_BITS_MIN)
		return cm_fail(st, CM_POLICY, "RSA key of %zu bits is too short, at least 2048 are needed", bits);
	if (bits > RSA_BITS_MAX)
		return cm_fail(st, CM_LIMIT, "RSA key of %zu bits is too long, at most 8192 are allowed", bits);
	if ((spki->modulus.data[spki->modulus.len - 1] & 1) == 0)
		return cm_fail(st, CM_INVALID, "RSA modulus is even");

	spki->alg = CM_KEY_OTHER;
	for (i = 0; i < INFO_COUNT; i++)
	{
		if (infos[i].bits != 0 && (size_t) infos[i].bits == bits)
			spki->alg = infos[i].alg;
	}
	return check_exponent(spki->exponent, st);
}

static bool
parse_spki(CmSlice spki, Spki *out, CmStatus *st)
{
	CmSlice		rest = spki;
	CmDer		seq;
	CmDer		alg;
	CmDer		bits;

	memset(out, 0, sizeof(*out));
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &seq) || rest.len > 0)
		return cm_fail(st, CM_INVALID, "public key is not a SubjectPublicKeyInfo");
	rest = seq.content;
	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &alg) ||
		!cm_der_expect(&rest, CM_DER_BIT_STRING, &bits) || rest.len > 0 ||
		bits.content.len < 2 || bits.content.data[0] != 0)
		return cm_fail(st, CM_INVALID, "public key is not a SubjectPublicKeyInfo");

	out->bits = cm_slice(bits.content.data + 1, bits.content.len - 1);
	out->alg = family_alg(alg.content);
	switch (out->alg)
	{
		case CM_KEY_NONE:
			(void) cm_fail(st, CM_INVALID, "public key has parameters that are not allowed");
			return cm_fail_detail(st, "EC keys need a named curve, RSA keys NULL, Ed25519 keys nothing.");
		case CM_KEY_OTHER:
			return true;
		case CM_KEY_RSA_2048:
			return parse_rsa(out, st);
		default:
			return check_point(key_info(out->alg), out->bits, st);
	}
}

bool
cm_key_spki_alg(CmSlice spki, CmKeyAlg *alg, CmStatus *st)
{
	Spki		parsed;

	*alg = CM_KEY_NONE;
	if (!parse_spki(spki, &parsed, st))
		return false;
	*alg = parsed.alg;
	return true;
}

static bool
put_point_spki(CmBuf *out, const KeyInfo *info, const uint8_t *point)
{
	return cm_buf_reserve(out, info->spki_prefix.len + info->point) &&
		cm_buf_append(out, info->spki_prefix.data, info->spki_prefix.len) &&
		cm_buf_append(out, point, info->point);
}

static bool
put_rsa_spki(CmBuf *out, CmSlice modulus, CmSlice exponent)
{
	size_t		spki;
	size_t		bits;
	size_t		key;

	spki = cm_der_open(out, CM_DER_SEQUENCE);
	cm_buf_append(out, alg_rsa, sizeof(alg_rsa));
	bits = cm_der_open(out, CM_DER_BIT_STRING);
	cm_buf_append_byte(out, 0);
	key = cm_der_open(out, CM_DER_SEQUENCE);
	cm_der_put_unsigned(out, modulus.data, modulus.len);
	cm_der_put_unsigned(out, exponent.data, exponent.len);
	cm_der_close(out, key);
	cm_der_close(out, bits);
	cm_der_close(out, spki);
	return !out->failed;
}

/* ---- keys ---- */

static CmKey *
new_key(CmKeyAlg alg, bool is_private)
{
	CmKey	   *key = calloc(1, sizeof(*key));

	if (key != NULL)
	{
		key->alg = alg;
		key->is_private = is_private;
		cm_buf_init(&key->spki, 0);
	}
	return key;
}

void
cm_key_free(CmKey *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_CTX_free(key->sign_ctx);
	EVP_PKEY_CTX_free(key->verify_ctx);
	EVP_PKEY_free(key->pkey);
	cm_buf_free(&key->spki);
	free(key);
}

CmKeyAlg
cm_key_alg(const CmKey *key)
{
	return key->alg;
}

bool
cm_key_is_private(const CmKey *key)
{
	return key->is_private;
}

/* Hands the key over when ok; else frees it, with the crypto library's reason unless st has one. */
static bool
finish_key(bool ok, CmKey *key, CmKey **out, CmStatus *st, const char *what)
{
	if (ok)
	{
		*out = key;
		return true;
	}
	cm_key_free(key);
	return what != NULL ? cm_fail_crypto(st, what) : false;
}

static bool
out_of_memory(CmStatus *st)
{
	return cm_fail(st, CM_MEMORY, "out of memory");
}

/* OpenSSL passes numbers in the byte order of the machine, we hold them big-endian. */
static void
swap_native(uint8_t *dst, const uint8_t *src, size_t len)
{
	size_t		i;

	for (i = 0; i < len; i++)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		dst[i] = src[len - 1 - i];
#else
		dst[i] = src[i];
#endif
}

/* A number of the key, appended big-endian: at least "width" bytes, no more than needed. */
static bool
get_number(const EVP_PKEY *pkey, const char *name, size_t width, CmBuf *out)
{
	BIGNUM	   *bn = NULL;
	int			len;
	bool		ok = false;

	if (EVP_PKEY_get_bn_param(pkey, name, &bn) != 1)
		return false;
	len = BN_num_bytes(bn);
	if ((size_t) len < width)
		len = (int) width;
	if (cm_buf_reserve(out, (size_t) len) &&
		BN_bn2binpad(bn, out->data + out->len, len) == len)
	{
		out->len += (size_t) len;
		ok = true;
	}
	BN_clear_free(bn);
	return ok;
}

static bool
read_point(EVP_PKEY *pkey, const KeyInfo *info, uint8_t *point)
{
	size_t		len = info->point;

	if (info->alg == CM_KEY_ED25519)
		return EVP_PKEY_get_raw_public_key(pkey, point, &len) == 1 && len == info->point;
	return EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, info->point, &len) == 1 &&
		len == info->point;
}

/* Fills key->spki from a pair that OpenSSL made or decoded. */
static bool
fill_spki(CmKey *key, const KeyInfo *info)
{
	uint8_t		point[POINT_MAX];
	CmBuf		n;
	CmBuf		e;
	bool		ok;

	if (info->point != 0)
		return read_point(key->pkey, info, point) && put_point_spki(&key->spki, info, point);

	cm_buf_init(&n, 0);
	cm_buf_init(&e, 0);
	ok = get_number(key->pkey, OSSL_PKEY_PARAM_RSA_N, 0, &n) &&
		get_number(key->pkey, OSSL_PKEY_PARAM_RSA_E, 0, &e) &&
		put_rsa_spki(&key->spki, cm_slice(n.data, n.len), cm_slice(e.data, e.len));
	cm_buf_free(&n);
	cm_buf_free(&e);
	return ok;
}

static EVP_PKEY_CTX *
generator(const KeyInfo *info)
{
	static EVP_PKEY_CTX *kept[CM_KEY_OTHER];
	EVP_PKEY_CTX *ctx = kept[info->alg];

	if (ctx != NULL)
		return ctx;
	ctx = EVP_PKEY_CTX_new_from_name(NULL, info->family, NULL);
	if (ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1 &&
		(info->group == NULL || EVP_PKEY_CTX_set_group_name(ctx, info->group) == 1) &&
		(info->bits == 0 || EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, info->bits) == 1))
	{
		kept[info->alg] = ctx;
		return ctx;
	}
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

bool
cm_key_generate(CmKeyAlg alg, CmKey **out, CmStatus *st)
{
	const KeyInfo *info = key_info(alg);
	EVP_PKEY_CTX *ctx;
	CmKey	   *key;
	bool		ok;

	*out = NULL;
	if (info == NULL)
		return cm_fail(st, CM_UNSUPPORTED, "no key can be made for algorithm \"%s\"", cm_key_alg_name(alg));
	key = new_key(alg, true);
	if (key == NULL)
		return out_of_memory(st);

	ERR_clear_error();
	ctx = generator(info);
	ok = ctx != NULL && EVP_PKEY_generate(ctx, &key->pkey) == 1 && fill_spki(key, info);
	return finish_key(ok, key, out, st, "could not generate a key");
}

/* An EC key from its parts; private_bytes may be NULL. OpenSSL refuses a point that is not on the curve. */
static EVP_PKEY *
build_ec(const KeyInfo *info, const uint8_t *point, const uint8_t *private_bytes)
{
	static EVP_PKEY_CTX *kept;
	uint8_t		native[SCALAR_MAX];
	OSSL_PARAM	params[4];
	OSSL_PARAM *p = params;
	EVP_PKEY   *pkey = NULL;

	if (kept == NULL)
	{
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

		if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1)
		{
			EVP_PKEY_CTX_free(ctx);
			return NULL;
		}
		kept = ctx;
	}

	/* The casts: OpenSSL does not write to parameters that it is given. */
	*p++ = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *) info->group, 0);
	*p++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *) point, info->point);
	if (private_bytes != NULL)
	{
		swap_native(native, private_bytes, info->scalar);
		*p++ = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, info->scalar);
	}
	*p = OSSL_PARAM_construct_end();
	if (EVP_PKEY_fromdata(kept, &pkey, private_bytes != NULL ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	cm_wipe(native, sizeof(native));
	return pkey;
}

/* The slow way, for compressed points, RSA, and keys of foreign certificates. */
static EVP_PKEY *
decode_spki(CmSlice spki)
{
	const unsigned char *p = spki.data;
	EVP_PKEY   *pkey;

	if (spki.len > LONG_MAX)
		return NULL;
	pkey = d2i_PUBKEY(NULL, &p, (long) spki.len);
	if (pkey != NULL && p != spki.data + spki.len)
	{
		EVP_PKEY_free(pkey);
		return NULL;
	}
	return pkey;
}

bool
cm_key_from_spki(CmSlice spki, CmKey **out, CmStatus *st)
{
	Spki		parsed;
	const KeyInfo *info;
	CmKey	   *key;

	*out = NULL;
	if (!parse_spki(spki, &parsed, st))
		return false;
	info = key_info(parsed.alg);
	key = new_key(parsed.alg, false);
	if (key == NULL || !cm_buf_append(&key->spki, spki.data, spki.len))
	{
		cm_key_free(key);
		return out_of_memory(st);
	}

	ERR_clear_error();
	if (parsed.alg == CM_KEY_ED25519)
		key->pkey = EVP_PKEY_new_raw_public_key_ex(NULL, info->family, NULL, parsed.bits.data, parsed.bits.len);
	else if (info != NULL && info->point != 0 && parsed.bits.len == info->point)
		key->pkey = build_ec(info, parsed.bits.data, NULL);
	else
		key->pkey = decode_spki(spki);
	if (key->pkey != NULL)
		return finish_key(true, key, out, st, NULL);

	(void) finish_key(false, key, out, st, "public key is not valid");
	/* A key of a known sort was checked up to here: what is left is its own fault. */
	if (st != NULL && st->code == CM_CRYPTO)
		st->code = info != NULL ? CM_INVALID : CM_UNSUPPORTED;
	return false;
}

/* ---- private parts ---- */

/*
 * The public point of a scalar. Fails with CM_INVALID when the scalar is not
 * in [1, n-1]; OpenSSL multiplies a secret scalar with the generator in
 * constant time.
 */
static bool
derive_point(const KeyInfo *info, CmSlice scalar, uint8_t *point, CmStatus *st)
{
	EC_GROUP   *group = EC_GROUP_new_by_curve_name(info->nid);
	EC_POINT   *product = group != NULL ? EC_POINT_new(group) : NULL;
	BN_CTX	   *bn_ctx = BN_CTX_secure_new();
	BIGNUM	   *bn = BN_secure_new();
	bool		range = true;
	bool		ok = false;

	if (product != NULL && bn_ctx != NULL && bn != NULL &&
		BN_bin2bn(scalar.data, (int) scalar.len, bn) != NULL)
	{
		BN_set_flags(bn, BN_FLG_CONSTTIME);
		range = !BN_is_zero(bn) && BN_cmp(bn, EC_GROUP_get0_order(group)) < 0;
		ok = range && EC_POINT_mul(group, product, bn, NULL, NULL, bn_ctx) == 1 &&
			EC_POINT_point2oct(group, product, POINT_CONVERSION_UNCOMPRESSED,
							   point, info->point, bn_ctx) == info->point;
	}
	BN_clear_free(bn);
	BN_CTX_free(bn_ctx);
	EC_POINT_free(product);
	EC_GROUP_free(group);
	if (!range)
		return cm_fail(st, CM_INVALID, "private key is out of the range of %s", info->name);
	return ok || cm_fail_crypto(st, "could not derive the public key");
}

static bool
load_ec(CmKey *key, const KeyInfo *info, CmSlice private_bytes, CmStatus *st)
{
	uint8_t		point[POINT_MAX];

	if (private_bytes.len != info->scalar)
		return cm_fail(st, CM_INVALID, "private key is not of the size of %s", info->name);
	if (!derive_point(info, private_bytes, point, st))
		return false;
	key->pkey = build_ec(info, point, private_bytes.data);
	if (key->pkey == NULL || !put_point_spki(&key->spki, info, point))
		return cm_fail_crypto(st, "could not load the private key");
	return true;
}

static bool
load_ed25519(CmKey *key, const KeyInfo *info, CmSlice private_bytes, CmStatus *st)
{
	if (private_bytes.len != info->scalar)
		return cm_fail(st, CM_INVALID, "private key is not of the size of %s", info->name);
	key->pkey = EVP_PKEY_new_raw_private_key_ex(NULL, info->family, NULL, private_bytes.data, private_bytes.len);
	if (key->pkey == NULL || !fill_spki(key, info))
		return cm_fail_crypto(st, "could not load the private key");
	return true;
}

/* Modulus and exponent of a PKCS#1 key say nothing about the rest of it: a signature does. */
static bool
proves_itself(CmKey *key)
{
	static const char text[] = "certmgr: do both halves of this key belong together?";
	CmSlice		message = cm_slice(text, sizeof(text) - 1);
	CmBuf		signature;
	bool		ok;

	cm_buf_init(&signature, 0);
	ok = cm_sign(key, message, &signature, NULL) &&
		cm_verify(key, message, cm_slice(signature.data, signature.len), NULL);
	cm_buf_free(&signature);
	return ok;
}

static bool
load_rsa(CmKey *key, const KeyInfo *info, CmSlice private_bytes, CmStatus *st)
{
	const unsigned char *p = private_bytes.data;
	Spki		parsed;

	if (private_bytes.len > PEM_KEY_MAX)
		return cm_fail(st, CM_LIMIT, "private key is too large");
	key->pkey = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &p, (long) private_bytes.len);
	if (key->pkey == NULL || p != private_bytes.data + private_bytes.len)
	{
		(void) cm_fail_crypto(st, "private key is not a PKCS#1 RSA key");
		if (st != NULL && st->code == CM_CRYPTO)
			st->code = CM_INVALID;
		return false;
	}
	if (!fill_spki(key, info))
		return cm_fail_crypto(st, "could not load the private key");
	if (!parse_spki(cm_slice(key->spki.data, key->spki.len), &parsed, st))
		return false;
	if (parsed.alg != info->alg)
		return cm_fail(st, CM_MISMATCH, "private key is not of algorithm \"%s\"", info->name);
	if (!proves_itself(key))
		return cm_fail(st, CM_MISMATCH, "halves of the RSA private key do not belong together");
	return true;
}

/* True when both say the same public key; theirs may hold a compressed point. */
static bool
same_public(const CmKey *key, CmSlice spki)
{
	CmKey	   *other;
	bool		same;

	if (cm_slice_equal(spki, cm_slice(key->spki.data, key->spki.len)))
		return true;
	if (!cm_key_from_spki(spki, &other, NULL))
		return false;
	same = other->alg == key->alg && EVP_PKEY_eq(other->pkey, key->pkey) == 1;
	cm_key_free(other);
	ERR_clear_error();
	return same;
}

bool
cm_key_from_private(CmKeyAlg alg, CmSlice private_bytes, CmSlice spki, CmKey **out, CmStatus *st)
{
	const KeyInfo *info = key_info(alg);
	CmKey	   *key;
	bool		ok;

	*out = NULL;
	if (info == NULL)
		return cm_fail(st, CM_UNSUPPORTED, "no private key of algorithm \"%s\" can be loaded", cm_key_alg_name(alg));
	key = new_key(alg, true);
	if (key == NULL)
		return out_of_memory(st);

	ERR_clear_error();
	if (info->bits != 0)
		ok = load_rsa(key, info, private_bytes, st);
	else if (info->alg == CM_KEY_ED25519)
		ok = load_ed25519(key, info, private_bytes, st);
	else
		ok = load_ec(key, info, private_bytes, st);

	/* An EC or Ed25519 point was derived from the private part just now. */
	if (ok && spki.len > 0 && !same_public(key, spki))
		ok = cm_fail(st, CM_MISMATCH, "private key does not belong to the public key");
	return finish_key(ok, key, out, st, NULL);
}

/* PKCS#1 RSAPrivateKey, from the numbers: OpenSSL's encoder would leave copies that we cannot wipe. */
static bool
put_rsa_private(const EVP_PKEY *pkey, CmBuf *out)
{
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D,
		OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
		OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
		OSSL_PKEY_PARAM_RSA_COEFFICIENT1
	};
	CmBuf		number;
	size_t		seq = cm_der_open(out, CM_DER_SEQUENCE);
	size_t		i;
	bool		ok = true;

	cm_buf_init_secret(&number, 0);
	cm_der_put_uint(out, 0);
	for (i = 0; ok && i < sizeof(names) / sizeof(names[0]); i++)
	{
		cm_buf_reset(&number);
		ok = get_number(pkey, names[i], 0, &number);
		if (ok)
			cm_der_put_unsigned(out, number.data, number.len);
	}
	cm_buf_free(&number);
	cm_der_close(out, seq);
	return ok && !out->failed;
}

static bool
put_scalar(const CmKey *key, const KeyInfo *info, CmBuf *out)
{
	uint8_t		native[SCALAR_MAX];
	OSSL_PARAM	params[2];
	size_t		len = info->scalar;
	bool		ok;

	if (!cm_buf_reserve(out, len))
		return false;
	if (info->alg == CM_KEY_ED25519)
		ok = EVP_PKEY_get_raw_private_key(key->pkey, out->data + out->len, &len) == 1 && len == info->scalar;
	else
	{
		/* Not EVP_PKEY_get_bn_param: it leaves the scalar on the stack (3.0). */
		params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, len);
		params[1] = OSSL_PARAM_construct_end();
		memset(native, 0, sizeof(native));
		ok = EVP_PKEY_get_params(key->pkey, params) == 1 &&
			OSSL_PARAM_modified(&params[0]) && params[0].return_size == len;
		if (ok)
			swap_native(out->data + out->len, native, len);
		cm_wipe(native, sizeof(native));
	}
	if (ok)
		out->len += len;
	return ok;
}

/* What every way out of a CmKey for private bytes checks first. */
static bool
may_leave(const CmKey *key, const CmBuf *out, CmStatus *st)
{
	if (!key->is_private)
		return cm_fail(st, CM_INVALID, "key has no private part");
	if (!out->secret)
		return cm_fail(st, CM_INVALID, "private key needs a buffer that is wiped");
	return true;
}

bool
cm_key_private_bytes(const CmKey *key, CmBuf *out, CmStatus *st)
{
	const KeyInfo *info = key_info(key->alg);
	bool		ok;

	if (!may_leave(key, out, st))
		return false;
	ERR_clear_error();
	if (info->bits != 0)
		ok = put_rsa_private(key->pkey, out);
	else
		ok = put_scalar(key, info, out);
	return ok || cm_fail_crypto(st, "could not read the private key");
}

bool
cm_key_spki(const CmKey *key, CmBuf *out, CmStatus *st)
{
	if (!cm_buf_append(out, key->spki.data, key->spki.len))
		return out_of_memory(st);
	return true;
}

bool
cm_key_public_numbers(const CmKey *key, CmBuf *first, CmBuf *second, CmStatus *st)
{
	const KeyInfo *info = key_info(key->alg);
	bool		ok;

	if (info == NULL)
		return cm_fail(st, CM_UNSUPPORTED, "public key is of another sort");
	ERR_clear_error();
	if (info->bits != 0)
		ok = get_number(key->pkey, OSSL_PKEY_PARAM_RSA_N, 0, first) &&
			get_number(key->pkey, OSSL_PKEY_PARAM_RSA_E, 0, second);
	else if (info->alg == CM_KEY_ED25519)
		ok = cm_buf_append(first, key->spki.data + key->spki.len - info->point, info->point);
	else
		ok = get_number(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, info->scalar, first) &&
			get_number(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, info->scalar, second);
	return ok || cm_fail_crypto(st, "could not read the public key");
}

/* ---- PEM ---- */

/* RFC 5915 ECPrivateKey inside PKCS#8: the curve is told outside, the point goes with it. */
static bool
put_ec_private(const CmKey *key, const KeyInfo *info, CmBuf *out)
{
	size_t		seq = cm_der_open(out, CM_DER_SEQUENCE);
	size_t		mark;
	bool		ok;

	cm_der_put_uint(out, 1);
	mark = cm_der_open(out, CM_DER_OCTET_STRING);
	ok = put_scalar(key, info, out);
	cm_der_close(out, mark);
	mark = cm_der_open(out, CM_DER_CONTEXT_CONS(1));
	cm_der_put_bit_string(out, key->spki.data + key->spki.len - info->point, info->point);
	cm_der_close(out, mark);
	cm_der_close(out, seq);
	return ok;
}

bool
cm_key_pkcs8_pem(const CmKey *key, CmBuf *out, CmStatus *st)
{
	const KeyInfo *info = key_info(key->alg);
	CmBuf		der;
	size_t		seq;
	size_t		octets;
	size_t		inner;
	bool		ok;

	if (!may_leave(key, out, st))
		return false;
	ERR_clear_error();
	cm_buf_init_secret(&der, 0);
	seq = cm_der_open(&der, CM_DER_SEQUENCE);
	cm_der_put_uint(&der, 0);
	cm_buf_append(&der, info->key_alg.data, info->key_alg.len);
	octets = cm_der_open(&der, CM_DER_OCTET_STRING);
	if (info->bits != 0)
		ok = put_rsa_private(key->pkey, &der);
	else if (info->alg == CM_KEY_ED25519)
	{
		/* RFC 8410 7: the seed is an OCTET STRING of its own. */
		inner = cm_der_open(&der, CM_DER_OCTET_STRING);
		ok = put_scalar(key, info, &der);
		cm_der_close(&der, inner);
	}
	else
		ok = put_ec_private(key, info, &der);
	cm_der_close(&der, octets);
	cm_der_close(&der, seq);
	ok = ok && !der.failed && cm_pem_encode(out, "PRIVATE KEY", der.data, der.len);
	cm_buf_free(&der);
	return ok || cm_fail_crypto(st, "could not write the private key");
}

static bool
bad_private(CmStatus *st)
{
	return cm_fail(st, CM_INVALID, "private key is not valid DER");
}

/* PKCS#1: the size of the modulus tells the algorithm. */
static bool
read_pkcs1(CmSlice der, CmKey **out, CmStatus *st)
{
	CmSlice		rest = der;
	CmDer		v;
	CmSlice		n;
	uint64_t	version;
	size_t		bits;
	size_t		i;

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &v) || rest.len > 0)
		return bad_private(st);
	rest = v.content;
	/* Version 1 has more than two primes: nobody makes such keys any more. */
	if (!cm_der_expect(&rest, CM_DER_INTEGER, &v) || !cm_der_get_uint(&v, &version) || version != 0 ||
		!take_unsigned(&rest, &n))
		return bad_private(st);
	bits = bit_length(n);
	for (i = 0; i < INFO_COUNT; i++)
	{
		if (infos[i].bits != 0 && (size_t) infos[i].bits == bits)
			return cm_key_from_private(infos[i].alg, der, cm_slice(NULL, 0), out, st);
	}
	(void) cm_fail(st, CM_UNSUPPORTED, "RSA key of %zu bits cannot be used", bits);
	return cm_fail_detail(st, "Private RSA keys have 2048, 3072 or 4096 bits.");
}

/* SEC 1 (RFC 5915). alg is NONE when only the key itself can tell its curve. */
static bool
read_sec1(CmSlice der, CmKeyAlg alg, CmKey **out, CmStatus *st)
{
	CmSlice		rest = der;
	CmDer		seq;
	CmDer		scalar;
	CmDer		v;
	uint64_t	version;
	bool		present;
	const KeyInfo *info;
	uint8_t		padded[SCALAR_MAX] = {0};
	uint8_t		spki[POINT_MAX + 32];
	size_t		spki_len = 0;
	bool		ok;

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &seq) || rest.len > 0)
		return bad_private(st);
	rest = seq.content;
	if (!cm_der_expect(&rest, CM_DER_INTEGER, &v) || !cm_der_get_uint(&v, &version) || version != 1 ||
		!cm_der_expect(&rest, CM_DER_OCTET_STRING, &scalar) ||
		!cm_der_optional(&rest, CM_DER_CONTEXT_CONS(0), &v, &present))
		return bad_private(st);
	if (present)
	{
		CmKeyAlg	told = curve_alg(v.content);

		if (alg != CM_KEY_NONE && told != alg)
			return cm_fail(st, CM_INVALID, "private key names another curve inside than outside");
		alg = told;
	}
	info = key_info(alg);
	if (info == NULL || info->nid == 0)
		return cm_fail(st, CM_UNSUPPORTED, "private key is of a curve that is not supported");
	/* Some writers drop leading zeros of the scalar. */
	if (scalar.content.len == 0 || scalar.content.len > info->scalar ||
		!cm_der_optional(&rest, CM_DER_CONTEXT_CONS(1), &v, &present) || rest.len > 0)
		return bad_private(st);
	if (present)
	{
		CmSlice		inner = v.content;

		if (!cm_der_expect(&inner, CM_DER_BIT_STRING, &v) || inner.len > 0)
			return bad_private(st);
		/* A compressed point needs no look: the public part is derived anyhow. */
		if (v.content.len == 1 + info->point)
		{
			spki_len = info->spki_prefix.len + info->point;
			memcpy(spki, info->spki_prefix.data, info->spki_prefix.len);
			memcpy(spki + info->spki_prefix.len, v.content.data + 1, info->point);
		}
	}

	memcpy(padded + info->scalar - scalar.content.len, scalar.content.data, scalar.content.len);
	ok = cm_key_from_private(alg, cm_slice(padded, info->scalar), cm_slice(spki, spki_len), out, st);
	cm_wipe(padded, sizeof(padded));
	return ok;
}

/* PKCS#8 v1 and v2 (RFC 5958); attributes and the public key of v2 are not needed. */
static bool
read_pkcs8(CmSlice der, CmKey **out, CmStatus *st)
{
	CmSlice		rest = der;
	CmDer		seq;
	CmDer		v;
	CmDer		alg;
	CmDer		octets;
	uint64_t	version;
	CmKeyAlg	family;

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &seq) || rest.len > 0)
		return bad_private(st);
	rest = seq.content;
	if (!cm_der_expect(&rest, CM_DER_INTEGER, &v) || !cm_der_get_uint(&v, &version) || version > 1 ||
		!cm_der_expect(&rest, CM_DER_SEQUENCE, &alg) ||
		!cm_der_expect(&rest, CM_DER_OCTET_STRING, &octets))
		return bad_private(st);

	family = family_alg(alg.content);
	switch (family)
	{
		case CM_KEY_NONE:
			return cm_fail(st, CM_INVALID, "private key has parameters that are not allowed");
		case CM_KEY_OTHER:
			return cm_fail(st, CM_UNSUPPORTED, "private key is of an algorithm that is not supported");
		case CM_KEY_RSA_2048:
			return read_pkcs1(octets.content, out, st);
		case CM_KEY_ED25519:
			rest = octets.content;
			if (!cm_der_expect(&rest, CM_DER_OCTET_STRING, &v) || rest.len > 0)
				return bad_private(st);
			return cm_key_from_private(CM_KEY_ED25519, v.content, cm_slice(NULL, 0), out, st);
		default:
			return read_sec1(octets.content, family, out, st);
	}
}

static bool
fail_encrypted(CmStatus *st)
{
	(void) cm_fail(st, CM_UNSUPPORTED, "private key is encrypted");
	return cm_fail_detail(st, "Decrypt it first, for example with \"openssl pkey\".");
}

/* True with *found set when the block was a private key, whatever came of it. */
static bool
read_block(const char *label, CmSlice der, CmKey **out, bool *found, CmStatus *st)
{
	*found = true;
	if (strcmp(label, "PRIVATE KEY") == 0)
		return read_pkcs8(der, out, st);
	if (strcmp(label, "EC PRIVATE KEY") == 0)
		return read_sec1(der, CM_KEY_NONE, out, st);
	if (strcmp(label, "RSA PRIVATE KEY") == 0)
		return read_pkcs1(der, out, st);
	if (strcmp(label, "ENCRYPTED PRIVATE KEY") == 0)
		return fail_encrypted(st);
	/* "EC PARAMETERS" goes before a SEC 1 key, certificates may go with any. */
	*found = false;
	return false;
}

bool
cm_key_from_pem(CmSlice pem, CmKey **out, CmStatus *st)
{
	CmStatus	own = CM_STATUS_INIT;
	CmStatus   *status = st != NULL ? st : &own;
	CmSlice		rest = pem;
	char		label[65];
	CmBuf		der;
	bool		found = false;
	bool		ok = false;

	*out = NULL;
	cm_buf_init_secret(&der, PEM_KEY_MAX);
	while (!found && cm_pem_next(&rest, label, sizeof(label), &der, status))
	{
		ok = read_block(label, cm_slice(der.data, der.len), out, &found, status);
		cm_buf_reset(&der);
	}
	cm_buf_free(&der);
	if (ok)
		return true;
	if (!found && status->code == CM_OK)
		return cm_fail(status, CM_INVALID, "text holds no private key in PEM form");
	/* Only the old format, which encrypts within PEM, has headers. */
	if (!found && status->code == CM_UNSUPPORTED)
		return fail_encrypted(status);
	return false;
}

/* ---- signatures ---- */

/* Prepares *ctx for one operation on digests (EC, RSA); prepared once a key. */
static bool
prepare(EVP_PKEY_CTX **ctx, EVP_PKEY *pkey, const KeyInfo *info, int (*init) (EVP_PKEY_CTX *))
{
	EVP_PKEY_CTX *fresh;

	if (*ctx != NULL)
		return true;
	fresh = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	if (fresh != NULL && init(fresh) == 1 &&
		(info->bits == 0 ||
		 (EVP_PKEY_CTX_set_rsa_padding(fresh, RSA_PKCS1_PADDING) == 1 &&
		  EVP_PKEY_CTX_set_signature_md(fresh, EVP_sha256()) == 1)))
	{
		*ctx = fresh;
		return true;
	}
	EVP_PKEY_CTX_free(fresh);
	return false;
}

/* Ed25519 signs the message itself, and its context serves one message. */
static bool
sign_whole(EVP_PKEY *pkey, CmSlice message, uint8_t *signature, size_t *len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool		ok;

	ok = ctx != NULL &&
		EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, pkey, NULL) == 1 &&
		EVP_DigestSign(ctx, signature, len, message.data, message.len) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

bool
cm_sign(const CmKey *key, CmSlice message, CmBuf *signature, CmStatus *st)
{
	const KeyInfo *info = key_info(key->alg);
	CmKey	   *own = (CmKey *) key;	/* the kept context is no part of its value */
	uint8_t		digest[CM_DIGEST_MAX];
	size_t		digest_len;
	size_t		len;
	bool		ok;

	if (!key->is_private)
		return cm_fail(st, CM_INVALID, "key has no private part");
	ERR_clear_error();
	len = (size_t) EVP_PKEY_get_size(key->pkey);
	if (!cm_buf_reserve(signature, len))
		return out_of_memory(st);
	if (info->alg == CM_KEY_ED25519)
		ok = sign_whole(key->pkey, message, signature->data + signature->len, &len);
	else
		ok = prepare(&own->sign_ctx, key->pkey, info, EVP_PKEY_sign_init) &&
			cm_digest(info->digest, message, digest, &digest_len) &&
			EVP_PKEY_sign(own->sign_ctx, signature->data + signature->len, &len, digest, digest_len) == 1;
	if (!ok)
		return cm_fail_crypto(st, "could not sign");
	signature->len += len;
	return true;
}

/* Negative when there was no verification, 0 for a signature that is not of this key. */
static int
verify_whole(EVP_PKEY *pkey, CmSlice message, CmSlice signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int			result = -1;

	if (ctx != NULL && EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, pkey, NULL) == 1)
		result = EVP_DigestVerify(ctx, signature.data, signature.len, message.data, message.len) == 1;
	EVP_MD_CTX_free(ctx);
	return result;
}

static int
verify_digest(CmKey *key, const KeyInfo *info, CmSlice message, CmSlice signature)
{
	uint8_t		digest[CM_DIGEST_MAX];
	size_t		len;

	if (!prepare(&key->verify_ctx, key->pkey, info, EVP_PKEY_verify_init) ||
		!cm_digest(info->digest, message, digest, &len))
		return -1;
	/* OpenSSL answers less than 0 to a signature that is not even DER. */
	return EVP_PKEY_verify(key->verify_ctx, signature.data, signature.len, digest, len) == 1;
}

bool
cm_verify(const CmKey *key, CmSlice message, CmSlice signature, CmStatus *st)
{
	const KeyInfo *info = key_info(key->alg);
	int			result;

	/* RSA of a size that we do not make is still verified as RSA is. */
	if (info == NULL && EVP_PKEY_get_base_id(key->pkey) == EVP_PKEY_RSA)
		info = key_info(CM_KEY_RSA_2048);
	if (info == NULL)
		return cm_fail(st, CM_UNSUPPORTED, "signatures of this sort of key cannot be verified");

	ERR_clear_error();
	if (info->alg == CM_KEY_ED25519)
		result = verify_whole(key->pkey, message, signature);
	else
		result = verify_digest((CmKey *) key, info, message, signature);
	if (result < 0)
		return cm_fail_crypto(st, "could not verify a signature");
	ERR_clear_error();
	if (result == 0)
		return cm_fail(st, CM_MISMATCH, "signature is not of this key");
	return true;
}
