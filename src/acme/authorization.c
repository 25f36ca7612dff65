/*
 * authorization.c - authorizations and the challenge in them that is answered
 * (RFC 8555 7.1.4, 7.5, 8.4).
 *
 * Runs in the database worker. Locks nothing. Fails for answers that break the
 * protocol. A token becomes the name of nothing and the content of a TXT
 * record only as a hash; it is checked all the same. Throws only when palloc
 * finds no memory.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "acme/internal.h"
#include "base/encode.h"
#include "base/host.h"
#include "crypto/digest.h"
#include "crypto/jws.h"

/* RFC 8555 8.1: at least 128 bits, so 22 characters of base64url. Longer than 128 nobody makes them. */
#define TOKEN_MIN 22
#define TOKEN_MAX 128
/* Pebble, which offers all there are, offers five. */
#define MAX_CHALLENGES 32

bool
cm_acme_token_valid(const char *token)
{
	size_t		len = strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

	return token[len] == '\0' && len >= TOKEN_MIN && len <= TOKEN_MAX;
}

static bool
read_identifier(const CmJson *json, CmAcmeAuthorization *out, CmStatus *st)
{
	const CmJson *identifier = cm_json_get(json, "identifier");
	const char *type = cm_json_get_string(identifier, "type");
	const char *value = cm_json_get_string(identifier, "value");
	char		canonical[CM_HOST_MAX + 1];
	CmStatus	why = CM_STATUS_INIT;

	if (!cm_acme_identifier_canonical(type, value, true, canonical, &why))
	{
		cm_fail(st, CM_PROTOCOL, "the authorization has no usable identifier");
		return cm_fail_detail(st, "%s", why.reason);
	}
	out->identifier_type = pstrdup(type);
	out->wildcard = cm_json_bool(cm_json_get(json, "wildcard"), false);
	/* RFC 8555 7.1.4 has the bare name here; a server that leaves the star on says the same */
	if (strncmp(canonical, "*.", 2) == 0)
		out->wildcard = true;
	out->identifier = pstrdup(strncmp(canonical, "*.", 2) == 0 ? canonical + 2 : canonical);
	return true;
}

/* What the CA calls itself in standing records; the draft changed the spelling. */
static bool
read_issuers(const CmJson *challenge, CmAcmeAuthorization *out, CmStatus *st)
{
	const CmJson *list = cm_json_get(challenge, "issuerDomainNames");
	int			i;

	if (list == NULL)
		list = cm_json_get(challenge, "issuer-domain-names");
	if (list == NULL || cm_json_type(list) != CM_JSON_ARRAY)
		return cm_fail(st, CM_PROTOCOL, "the dns-persist-01 challenge does not say the CA's domain names");
	for (i = 0; i < cm_json_length(list) && out->issuer_count < CM_ACME_MAX_ISSUERS; i++)
	{
		const CmJson *item = cm_json_at(list, i);
		char		canonical[CM_HOST_MAX + 1];

		if (cm_json_type(item) == CM_JSON_STRING && cm_host_canonical(cm_json_string(item), false, canonical, NULL))
			out->issuers[out->issuer_count++] = pstrdup(canonical);
	}
	if (out->issuer_count == 0)
		return cm_fail(st, CM_PROTOCOL, "the dns-persist-01 challenge has no usable domain name of the CA");
	return true;
}

/* The challenge of our type. One that cannot be used matters only while the authorization waits for it. */
static bool
read_challenge(const CmJson *challenge, const char *type, CmAcmeAuthorization *out, CmStatus *st)
{
	bool		persist = strcmp(type, "dns-persist-01") == 0;
	const char *token = cm_json_get_string(challenge, "token");
	CmStatus	why = CM_STATUS_INIT;
	char	   *url;
	bool		ok;

	ok = cm_acme_get_url(challenge, "url", &url, &why) && cm_acme_get_status(challenge, "pending", out->challenge_status, &why);
	if (ok && url == NULL)
		ok = cm_fail(&why, CM_PROTOCOL, "the %s challenge has no \"url\"", type);
	if (ok && !persist && (token == NULL || !cm_acme_token_valid(token)))
		ok = cm_fail(&why, CM_PROTOCOL, "the %s challenge has no usable \"token\"", type);
	if (ok && persist)
		ok = read_issuers(challenge, out, &why);
	if (ok)
	{
		out->challenge_url = url;
		if (!persist)
			out->token = pstrdup(token);
		return true;
	}
	if (url != NULL)
		pfree(url);
	out->challenge_status[0] = '\0';
	if (strcmp(out->status, "pending") != 0)
		return true;
	return cm_fail(st, why.code, "%s", why.reason);
}

static bool
read_challenges(const CmJson *json, const char *wanted, CmAcmeAuthorization *out, CmStatus *st)
{
	const CmJson *list = cm_json_get(json, "challenges");
	const CmJson *failed = NULL;
	bool		ours_failed = false;
	int			i;

	if (list != NULL && (cm_json_type(list) != CM_JSON_ARRAY || cm_json_length(list) > MAX_CHALLENGES))
		return cm_fail(st, CM_PROTOCOL, "\"challenges\" of the authorization is not a list of at most %d", MAX_CHALLENGES);
	for (i = 0; i < cm_json_length(list); i++)
	{
		const CmJson *challenge = cm_json_at(list, i);
		const char *type = cm_json_get_string(challenge, "type");
		bool		ours = type != NULL && strcmp(type, wanted) == 0;

		if (ours && out->challenge_url == NULL && !read_challenge(challenge, wanted, out, st))
			return false;
		/* the error of our own challenge says more than that of another one */
		if (cm_json_get(challenge, "error") != NULL && (failed == NULL || (ours && !ours_failed)))
		{
			failed = challenge;
			ours_failed = ours;
		}
	}
	out->error = cm_acme_get_problem(failed, "error");
	return true;
}

bool
cm_acme_authorization_parse(CmSlice body, const char *type, CmAcmeAuthorization *out, CmStatus *st)
{
	CmJson	   *json = cm_acme_body_parse(body, "the authorization object", st);
	bool		ok;

	memset(out, 0, sizeof(*out));
	if (json == NULL)
		return false;
	ok = cm_acme_get_status(json, NULL, out->status, st) &&
		read_identifier(json, out, st) &&
		read_challenges(json, type, out, st);
	if (ok)
		out->expires = cm_acme_get_expires(json);
	cm_json_free(json);
	return ok;
}

bool
cm_acme_key_authorization(const CmKey *account, const char *token, CmBuf *out, CmStatus *st)
{
	if (token == NULL || !cm_acme_token_valid(token))
		return cm_fail(st, CM_INVALID, "the token of a challenge must be 22 to 128 characters of base64url");
	cm_buf_append_str(out, token);
	cm_buf_append_str(out, ".");
	if (!cm_jwk_thumbprint(account, out, st))
		return false;
	return !out->failed || cm_fail(st, CM_MEMORY, "out of memory");
}

bool
cm_acme_dns01_value(const CmKey *account, const char *token, CmBuf *out, CmStatus *st)
{
	CmBuf		authorization;
	uint8_t		hash[32];
	bool		ok;

	cm_buf_init(&authorization, 0);
	ok = cm_acme_key_authorization(account, token, &authorization, st);
	if (ok && !cm_sha256(cm_slice(authorization.data, authorization.len), hash))
		ok = cm_fail_crypto(st, "could not hash the key authorization");
	if (ok && !cm_base64url_encode(out, hash, sizeof(hash)))
		ok = cm_fail(st, CM_MEMORY, "out of memory");
	cm_buf_free(&authorization);
	return ok;
}

bool
cm_acme_account_label(const char *account_url, CmBuf *out, CmStatus *st)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t		hash[32];
	char		label[18] = "_";
	int			i;

	if (!cm_sha256(cm_slice(account_url, strlen(account_url)), hash))
		return cm_fail_crypto(st, "could not hash the account's URL");
	/* 10 bytes are 16 characters of five bits. */
	for (i = 0; i < 16; i++)
	{
		int			bit = i * 5;
		unsigned	two = (unsigned) hash[bit / 8] << 8 | hash[bit / 8 + 1];

		label[i + 1] = alphabet[two >> (11 - bit % 8) & 31];
	}
	label[17] = '\0';
	return cm_buf_append_str(out, label) || cm_fail(st, CM_MEMORY, "out of memory");
}
