/*
 * key_private.c - private parts: into a key, and out of it into secret buffers.
 *
 * Runs in every process but the postmaster; no locks. What may fail: bytes
 * that are no key, halves that do not belong together, memory.
 */
#include "crypto/key_internal.h"

#include <string.h>

/*
 * The public point of a scalar. Fails with CM_INVALID when the scalar is not
 * in [1, n-1]; OpenSSL multiplies a secret scalar with the generator in
 * constant time.
 */
static bool
derive_point(const CmKeyInfo *info, CmSlice scalar, uint8_t *point, CmStatus *st)
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
load_ec(CmKey *key, const CmKeyInfo *info, CmSlice private_bytes, CmStatus *st)
{
	uint8_t		point[CM_POINT_MAX];

	if (private_bytes.len != info->scalar)
		return cm_fail(st, CM_INVALID, "private key is not of the size of %s", info->name);
	if (!derive_point(info, private_bytes, point, st))
		return false;
	key->pkey = cm_key_build_ec(info, point, private_bytes.data);
	if (key->pkey == NULL || !cm_spki_put_point(&key->spki, info, point))
		return cm_fail_crypto(st, "could not load the private key");
	return true;
}

static EVP_PKEY *
build_from_seed(const CmKeyInfo *info, CmSlice seed)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, info->family, NULL);
	OSSL_PARAM	params[2];
	EVP_PKEY   *pkey = NULL;

	/* The cast: OpenSSL does not write to parameters that it is given. */
	params[0] = OSSL_PARAM_construct_octet_string(CM_OSSL_PARAM_SEED, (void *) seed.data, seed.len);
	params[1] = OSSL_PARAM_construct_end();
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static bool
load_raw(CmKey *key, const CmKeyInfo *info, CmSlice private_bytes, CmStatus *st)
{
	if (private_bytes.len != info->scalar)
		return cm_fail(st, CM_INVALID, "private key is not of the size of %s", info->name);
	key->pkey = info->kind == CM_KIND_SEED ? build_from_seed(info, private_bytes) :
		EVP_PKEY_new_raw_private_key_ex(NULL, info->family, NULL, private_bytes.data, private_bytes.len);
	if (key->pkey == NULL || !cm_key_fill_spki(key, info))
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

/*
 * Is no number of a PKCS#1 key longer than its modulus? OpenSSL takes them as
 * they are, and the time of a signature grows with their cube: half an hour and
 * more, which nobody can interrupt, for primes that fill CM_KEY_PRIVATE_MAX.
 */
static bool
numbers_fit(CmSlice der)
{
	CmSlice		rest = der;
	CmSlice		modulus;
	CmSlice		number;
	CmDer		v;
	uint64_t	version;
	int			i;

	if (!cm_der_expect(&rest, CM_DER_SEQUENCE, &v) || rest.len > 0)
		return false;
	rest = v.content;
	if (!cm_der_expect(&rest, CM_DER_INTEGER, &v) || !cm_der_get_uint(&v, &version) || version != 0 || !cm_der_take_unsigned(&rest, &modulus))
		return false;
	/* e, d, p, q, d mod p-1, d mod q-1, 1/q mod p */
	for (i = 0; i < 7; i++)
	{
		if (!cm_der_take_unsigned(&rest, &number) || number.len > modulus.len)
			return false;
	}
	return rest.len == 0;
}

static bool
load_rsa(CmKey *key, const CmKeyInfo *info, CmSlice private_bytes, CmStatus *st)
{
	const unsigned char *p = private_bytes.data;
	CmSpki		parsed;

	if (private_bytes.len > CM_KEY_PRIVATE_MAX)
		return cm_fail(st, CM_LIMIT, "private key is too large");
	if (!numbers_fit(private_bytes))
		return cm_fail(st, CM_INVALID, "private key is not a PKCS#1 RSA key");
	key->pkey = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &p, (long) private_bytes.len);
	if (key->pkey == NULL || p != private_bytes.data + private_bytes.len)
	{
		(void) cm_fail_crypto(st, "private key is not a PKCS#1 RSA key");
		if (st != NULL && st->code == CM_CRYPTO)
			st->code = CM_INVALID;
		return false;
	}
	if (!cm_key_fill_spki(key, info))
		return cm_fail_crypto(st, "could not load the private key");
	if (!cm_spki_parse(cm_slice(key->spki.data, key->spki.len), &parsed, st))
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
	const CmKeyInfo *info = cm_key_info(alg);
	CmKey	   *key;
	bool		ok;

	*out = NULL;
	if (info == NULL)
		return cm_fail(st, CM_UNSUPPORTED, "no private key of algorithm \"%s\" can be loaded", cm_key_alg_name(alg));
	key = cm_key_new(alg, true);
	if (key == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");

	ERR_clear_error();
	if (info->bits != 0)
		ok = load_rsa(key, info, private_bytes, st);
	else if (info->kind != CM_KIND_EC)
		ok = load_raw(key, info, private_bytes, st);
	else
		ok = load_ec(key, info, private_bytes, st);

	/* An EC or Ed25519 point was derived from the private part just now. */
	if (ok && spki.len > 0 && !same_public(key, spki))
		ok = cm_fail(st, CM_MISMATCH, "private key does not belong to the public key");
	return cm_key_finish(ok, key, out, st, NULL);
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
		ok = cm_key_get_number(pkey, names[i], 0, &number);
		if (ok)
			cm_der_put_unsigned(out, number.data, number.len);
	}
	cm_buf_free(&number);
	cm_der_close(out, seq);
	return ok && !out->failed;
}

static bool
put_scalar(const CmKey *key, const CmKeyInfo *info, CmBuf *out)
{
	uint8_t		native[CM_SCALAR_MAX];
	OSSL_PARAM	params[2];
	size_t		len = info->scalar;
	bool		ok;

	if (!cm_buf_reserve(out, len))
		return false;
	if (info->kind == CM_KIND_SEED)
		ok = EVP_PKEY_get_octet_string_param(key->pkey, CM_OSSL_PARAM_SEED, out->data + out->len, len, &len) == 1 && len == info->scalar;
	else if (info->kind == CM_KIND_RAW)
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
			cm_swap_native(out->data + out->len, native, len);
		cm_wipe(native, sizeof(native));
	}
	if (ok)
		out->len += len;
	return ok;
}

bool
cm_key_put_private(const CmKey *key, const CmKeyInfo *info, CmBuf *out)
{
	return info->kind == CM_KIND_RSA ? put_rsa_private(key->pkey, out) : put_scalar(key, info, out);
}

/* What every way out of a CmKey for private bytes checks first. */
bool
cm_key_may_leave(const CmKey *key, const CmBuf *out, CmStatus *st)
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
	const CmKeyInfo *info = cm_key_info(key->alg);
	bool		ok;

	if (!cm_key_may_leave(key, out, st))
		return false;
	ERR_clear_error();
	ok = cm_key_put_private(key, info, out);
	return ok || cm_fail_crypto(st, "could not read the private key");
}
