/*
 * digest.c - hashes, HMAC, random bytes, and what the crypto library says when it fails.
 *
 * Runs in every process but the postmaster. Algorithms are fetched once a
 * process, at the first use: a fetch by name costs more than hashing a
 * certificate. What may fail: fetching (a FIPS provider without SHA-1) and memory.
 */
#include "crypto/digest.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "crypto/compat.h"

static const char *const digest_names[CM_DIGEST_COUNT] = {"SHA1", "SHA256", "SHA384", "SHA512"};

static EVP_MD *digests[CM_DIGEST_COUNT];
static EVP_MD_CTX *digest_ctx;	/* public data only passes through it */
static EVP_MAC *hmac;

static const EVP_MD *
fetched(CmDigestAlg alg)
{
	if (digests[alg] == NULL)
		digests[alg] = EVP_MD_fetch(NULL, digest_names[alg], NULL);
	return digests[alg];
}

bool
cm_digest(CmDigestAlg alg, CmSlice data, uint8_t *out, size_t *len)
{
	const EVP_MD *md = fetched(alg);
	unsigned int n = 0;

	if (md == NULL)
		return false;
	if (digest_ctx == NULL)
	{
		digest_ctx = EVP_MD_CTX_new();
		if (digest_ctx == NULL)
			return false;
	}
	if (EVP_DigestInit_ex2(digest_ctx, md, NULL) != 1 ||
		EVP_DigestUpdate(digest_ctx, data.data, data.len) != 1 ||
		EVP_DigestFinal_ex(digest_ctx, out, &n) != 1)
		return false;
	*len = n;
	return true;
}

/* The short forms have no status to drain the error queue into. */
static bool
hash(CmDigestAlg alg, CmSlice data, uint8_t *out)
{
	size_t		len;

	if (cm_digest(alg, data, out, &len))
		return true;
	ERR_clear_error();
	return false;
}

bool
cm_sha256(CmSlice data, uint8_t out[32])
{
	return hash(CM_DIGEST_SHA256, data, out);
}

bool
cm_sha1(CmSlice data, uint8_t out[20])
{
	return hash(CM_DIGEST_SHA1, data, out);
}

/* The context holds the key, so it is made for one call and cleansed with it. */
bool
cm_hmac(CmDigestAlg alg, CmSlice key, CmSlice data, uint8_t *out, size_t *len)
{
	static const uint8_t no_key[1] = {0};
	char		name[16];
	OSSL_PARAM	params[2];
	EVP_MAC_CTX *ctx = NULL;
	bool		ok;

	if (hmac == NULL)
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (hmac != NULL)
		ctx = EVP_MAC_CTX_new(hmac);
	(void) snprintf(name, sizeof(name), "%s", digest_names[alg]);	/* the parameter is not const */
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
	params[1] = OSSL_PARAM_construct_end();

	/* A NULL key would mean "the key of before"; an empty one is lawful. */
	ok = ctx != NULL &&
		EVP_MAC_init(ctx, key.len == 0 ? no_key : key.data, key.len, params) == 1 &&
		EVP_MAC_update(ctx, data.data, data.len) == 1 &&
		EVP_MAC_final(ctx, out, len, CM_DIGEST_MAX) == 1;
	EVP_MAC_CTX_free(ctx);
	if (!ok)
		ERR_clear_error();
	return ok;
}

bool
cm_hmac_sha256(CmSlice key, CmSlice data, uint8_t out[32])
{
	uint8_t		mac[CM_DIGEST_MAX];
	size_t		len = 0;
	bool		ok = cm_hmac(CM_DIGEST_SHA256, key, data, mac, &len) && len == 32;

	if (ok)
		memcpy(out, mac, 32);
	cm_wipe(mac, sizeof(mac));
	return ok;
}

bool
cm_random(void *out, size_t len)
{
	unsigned char *p = out;

	while (len > 0)
	{
		int			n = len > INT_MAX ? INT_MAX : (int) len;

		if (RAND_bytes(p, n) != 1)
		{
			ERR_clear_error();
			return false;
		}
		p += n;
		len -= (size_t) n;
	}
	return true;
}

bool
cm_fail_crypto(CmStatus *st, const char *what)
{
	char		text[384] = "";
	size_t		used = 0;
	bool		memory = false;
	unsigned long e;
	const char *data;
	int			flags;

	/* The oldest error is the cause; later ones are callers that passed it on. */
	while ((e = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0)
	{
		const char *reason = ERR_reason_error_string(e);
		char		one[128];
		char		raw[256];

		memory |= CM_ERR_IS_MEMORY(e);
		BIO_snprintf(raw, sizeof(raw), "%s%s%s%s", used > 0 ? "; " : "",
					 reason != NULL ? reason : "unknown error",
					 (flags & ERR_TXT_STRING) != 0 && data != NULL && *data != '\0' ? ": " : "",
					 (flags & ERR_TXT_STRING) != 0 && data != NULL ? data : "");
		cm_clean_text(one, sizeof(one), raw, strlen(raw));
		if (used + strlen(one) < sizeof(text))
		{
			memcpy(text + used, one, strlen(one) + 1);
			used += strlen(one);
		}
	}

	(void) cm_fail(st, memory ? CM_MEMORY : CM_CRYPTO, "%s", what);
	if (used == 0)
		return false;
	return cm_fail_detail(st, "The crypto library says: %s.", text);
}
