/*
 * key.c - key pairs: made, loaded from their public part, asked.
 *
 * Runs in every process but the postmaster; no locks. What may fail: hostile
 * keys, memory, and an OpenSSL that was built without an algorithm.
 *
 * Contexts that generate keys and build them from parameters are kept a
 * process, those that sign and verify a key: preparing one costs as much as a
 * P-256 signature. They hold no random state (that is the DRBG's, which
 * reseeds after fork), so a child may go on with them.
 */
#include "crypto/key_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"

CmKey *
cm_key_new(CmKeyAlg alg, bool is_private)
{
	CmKey	   *key = calloc(1, sizeof(*key));

	if (key != NULL)
	{
		key->alg = alg;
		key->sign_alg = cm_sign_alg_default(alg);
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

CmSignAlg
cm_key_sign_alg(const CmKey *key)
{
	return key->sign_alg;
}

CmSlice
cm_key_sign_algorithm(const CmKey *key)
{
	return cm_sign_alg_identifier(key->sign_alg, key->alg);
}

bool
cm_key_set_sign_alg(CmKey *key, CmSignAlg alg, CmStatus *st)
{
	if (!cm_sign_alg_fits(alg, key->alg))
		return cm_fail(st, CM_INVALID, "signature algorithm does not go with a key of algorithm \"%s\"", cm_key_alg_name(key->alg));
	if (alg != key->sign_alg)
	{
		EVP_PKEY_CTX_free(key->sign_ctx);
		key->sign_ctx = NULL;
	}
	key->sign_alg = alg;
	return true;
}

/* Hands the key over when ok; else frees it, with the crypto library's reason unless st has one. */
bool
cm_key_finish(bool ok, CmKey *key, CmKey **out, CmStatus *st, const char *what)
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
void
cm_swap_native(uint8_t *dst, const uint8_t *src, size_t len)
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
bool
cm_key_get_number(const EVP_PKEY *pkey, const char *name, size_t width, CmBuf *out)
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
read_point(EVP_PKEY *pkey, const CmKeyInfo *info, uint8_t *point)
{
	size_t		len = info->point;

	if (info->kind != CM_KIND_EC)
		return EVP_PKEY_get_raw_public_key(pkey, point, &len) == 1 && len == info->point;
	return EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, info->point, &len) == 1 &&
		len == info->point;
}

/* Fills key->spki from a pair that OpenSSL made or decoded. */
bool
cm_key_fill_spki(CmKey *key, const CmKeyInfo *info)
{
	uint8_t		point[CM_POINT_MAX];
	CmBuf		n;
	CmBuf		e;
	bool		ok;

	if (info->point != 0)
		return read_point(key->pkey, info, point) && cm_spki_put_point(&key->spki, info, point);

	cm_buf_init(&n, 0);
	cm_buf_init(&e, 0);
	ok = cm_key_get_number(key->pkey, OSSL_PKEY_PARAM_RSA_N, 0, &n) &&
		cm_key_get_number(key->pkey, OSSL_PKEY_PARAM_RSA_E, 0, &e) &&
		cm_spki_put_rsa(&key->spki, cm_slice(n.data, n.len), cm_slice(e.data, e.len));
	cm_buf_free(&n);
	cm_buf_free(&e);
	return ok;
}

static EVP_PKEY_CTX *
generator(const CmKeyInfo *info)
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

/* Told at run time: the server may have been built with another OpenSSL than it runs with. */
static bool
fail_no_algorithm(CmStatus *st, const char *name)
{
	(void) cm_fail(st, CM_UNSUPPORTED, "key algorithm \"%s\" is not in this server's OpenSSL", name);
	return cm_fail_detail(st, "It runs with \"%s\"; ML-DSA and SLH-DSA came with OpenSSL 3.5.", CM_OPENSSL_VERSION_TEXT());
}

bool
cm_key_generate(CmKeyAlg alg, CmKey **out, CmStatus *st)
{
	const CmKeyInfo *info = cm_key_info(alg);
	EVP_PKEY_CTX *ctx;
	CmKey	   *key;
	bool		ok;

	*out = NULL;
	if (info == NULL)
		return cm_fail(st, CM_UNSUPPORTED, "no key can be made for algorithm \"%s\"", cm_key_alg_name(alg));
	key = cm_key_new(alg, true);
	if (key == NULL)
		return out_of_memory(st);

	ERR_clear_error();
	ctx = generator(info);
	if (ctx == NULL && info->alg >= CM_KEY_ML_DSA_44 && info->alg <= CM_KEY_SLH_DSA_SHA2_256F)
	{
		cm_key_free(key);
		ERR_clear_error();
		return fail_no_algorithm(st, info->name);
	}
	ok = ctx != NULL && EVP_PKEY_generate(ctx, &key->pkey) == 1 && cm_key_fill_spki(key, info);
	return cm_key_finish(ok, key, out, st, "could not generate a key");
}

/* An EC key from its parts; private_bytes may be NULL. OpenSSL refuses a point that is not on the curve. */
EVP_PKEY *
cm_key_build_ec(const CmKeyInfo *info, const uint8_t *point, const uint8_t *private_bytes)
{
	static EVP_PKEY_CTX *kept;
	uint8_t		native[CM_SCALAR_MAX];
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
		cm_swap_native(native, private_bytes, info->scalar);
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
	CmSpki		parsed;
	const CmKeyInfo *info;
	CmKey	   *key;

	*out = NULL;
	if (!cm_spki_parse(spki, &parsed, st))
		return false;
	info = cm_key_info(parsed.alg);
	key = cm_key_new(parsed.alg, false);
	if (key == NULL || !cm_buf_append(&key->spki, spki.data, spki.len))
	{
		cm_key_free(key);
		return out_of_memory(st);
	}

	ERR_clear_error();
	if (info != NULL && (info->kind == CM_KIND_RAW || info->kind == CM_KIND_SEED))
		key->pkey = EVP_PKEY_new_raw_public_key_ex(NULL, info->family, NULL, parsed.bits.data, parsed.bits.len);
	else if (info != NULL && info->point != 0 && parsed.bits.len == info->point)
		key->pkey = cm_key_build_ec(info, parsed.bits.data, NULL);
	else
		key->pkey = decode_spki(spki);
	if (key->pkey != NULL)
		return cm_key_finish(true, key, out, st, NULL);

	(void) cm_key_finish(false, key, out, st, "public key is not valid");
	if (info != NULL && info->alg >= CM_KEY_ML_DSA_44 && info->alg <= CM_KEY_SLH_DSA_SHA2_256F)
		return fail_no_algorithm(st, info->name);
	/* A key of a known sort was checked up to here: what is left is its own fault. */
	if (st != NULL && st->code == CM_CRYPTO)
		st->code = info != NULL ? CM_INVALID : CM_UNSUPPORTED;
	return false;
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
	const CmKeyInfo *info = cm_key_info(key->alg);
	bool		ok;

	if (info == NULL)
		return cm_fail(st, CM_UNSUPPORTED, "public key is of another sort");
	ERR_clear_error();
	if (info->bits != 0)
		ok = cm_key_get_number(key->pkey, OSSL_PKEY_PARAM_RSA_N, 0, first) &&
			cm_key_get_number(key->pkey, OSSL_PKEY_PARAM_RSA_E, 0, second);
	else if (info->kind != CM_KIND_EC)
		ok = cm_buf_append(first, key->spki.data + key->spki.len - info->point, info->point);
	else
		ok = cm_key_get_number(key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, info->scalar, first) &&
			cm_key_get_number(key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, info->scalar, second);
	return ok || cm_fail_crypto(st, "could not read the public key");
}
