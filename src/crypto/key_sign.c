/*
 * key_sign.c - signatures, made and verified.
 *
 * Runs in every process but the postmaster; no locks. EC and RSA keys sign a
 * digest with a context that is prepared once a key; the others sign the
 * message itself, and their contexts serve one message.
 */
#include "crypto/key_internal.h"

#include "crypto/digest.h"

/* Prepares *ctx for operations on digests. */
static bool
prepare(EVP_PKEY_CTX **ctx, EVP_PKEY *pkey, CmSignAlg alg, bool rsa, bool sign)
{
	EVP_PKEY_CTX *fresh;
	const EVP_MD *md = cm_sign_alg_digest(alg) == CM_DIGEST_SHA512 ? EVP_sha512() : cm_sign_alg_digest(alg) == CM_DIGEST_SHA384 ? EVP_sha384() : EVP_sha256();
	bool		pss = cm_sign_alg_is_pss(alg);

	if (*ctx != NULL)
		return true;
	fresh = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	/* A salt of our own is as long as the hash, as the AlgorithmIdentifier says; that of others is told by the padding. */
	if (fresh != NULL && (sign ? EVP_PKEY_sign_init(fresh) : EVP_PKEY_verify_init(fresh)) == 1 &&
		(!rsa ||
		 (EVP_PKEY_CTX_set_rsa_padding(fresh, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1 &&
		  EVP_PKEY_CTX_set_signature_md(fresh, md) == 1 &&
		  (!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(fresh, sign ? RSA_PSS_SALTLEN_DIGEST : RSA_PSS_SALTLEN_AUTO) == 1))))
	{
		*ctx = fresh;
		return true;
	}
	EVP_PKEY_CTX_free(fresh);
	return false;
}

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
		return cm_fail(st, CM_MEMORY, "out of memory");
	if (key->sign_alg == CM_SIGN_OWN)
		ok = sign_whole(key->pkey, message, signature->data + signature->len, &len);
	else
		ok = prepare(&own->sign_ctx, key->pkey, key->sign_alg, cm_key_alg_is_rsa(key->alg), true) &&
			cm_digest(cm_sign_alg_digest(key->sign_alg), message, digest, &digest_len) &&
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
verify_digest(CmKey *key, CmSignAlg alg, bool rsa, CmSlice message, CmSlice signature)
{
	uint8_t		digest[CM_DIGEST_MAX];
	size_t		len;

	if (key->verify_alg != alg)
	{
		EVP_PKEY_CTX_free(key->verify_ctx);
		key->verify_ctx = NULL;
		key->verify_alg = alg;
	}
	if (!prepare(&key->verify_ctx, key->pkey, alg, rsa, false) ||
		!cm_digest(cm_sign_alg_digest(alg), message, digest, &len))
		return -1;
	/* OpenSSL answers less than 0 to a signature that is not even DER. */
	return EVP_PKEY_verify(key->verify_ctx, signature.data, signature.len, digest, len) == 1;
}

/* Keys of a size or curve that we do not make are still verified as their kind is. */
static CmKeyAlg
alg_to_verify(const CmKey *key)
{
	if (key->alg != CM_KEY_OTHER)
		return key->alg;
	switch (EVP_PKEY_get_base_id(key->pkey))
	{
		case EVP_PKEY_RSA:
			return CM_KEY_RSA_2048;
		case EVP_PKEY_EC:
			return CM_KEY_EC_P256;
		default:
			return CM_KEY_OTHER;
	}
}

bool
cm_verify_with(const CmKey *key, CmSignAlg alg, CmSlice message, CmSlice signature, CmStatus *st)
{
	CmKeyAlg	key_alg = alg_to_verify(key);
	int			result;

	if (alg == CM_SIGN_NONE)
		alg = cm_sign_alg_default(key_alg);
	if (!cm_sign_alg_fits(alg, key_alg))
		return cm_fail(st, CM_UNSUPPORTED, "signatures of this sort of key cannot be verified");

	ERR_clear_error();
	if (alg == CM_SIGN_OWN)
		result = verify_whole(key->pkey, message, signature);
	else
		result = verify_digest((CmKey *) key, alg, cm_key_alg_is_rsa(key_alg), message, signature);
	if (result < 0)
		return cm_fail_crypto(st, "could not verify a signature");
	ERR_clear_error();
	if (result == 0)
		return cm_fail(st, CM_MISMATCH, "signature is not of this key");
	return true;
}

bool
cm_verify(const CmKey *key, CmSlice message, CmSlice signature, CmStatus *st)
{
	return cm_verify_with(key, CM_SIGN_NONE, message, signature, st);
}
