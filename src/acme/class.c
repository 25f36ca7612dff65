/*
 * class.c - see class.h. Any process; locks nothing, fails never.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "acme/class.h"
#include "acme/internal.h"

#include <math.h>
#include <string.h>

/* Back-off of what is the server's own trouble: full jitter, an overloaded server gets five minutes of quiet at most. */
#define BACKOFF_BASE_MS 1000.0
#define BACKOFF_CAP_MS 300000.0
/* A server that says "too many" but not until when: a minute, doubled up to an hour. */
#define LIMITED_BASE_MS INT64_C(60000)
#define LIMITED_DOUBLINGS 6
#define LIMITED_MIN_MS INT64_C(200)
#define DAY_MS INT64_C(86400000)
/* The account is looked up again in the meantime. */
#define ACCOUNT_MS INT64_C(30000)

typedef struct TypeClass
{
	const char *type;
	CmAcmeClass class;
} TypeClass;

/* Servers disagree about status codes (Vault says 401 and 500 where others say 403 and 400), not about types. */
static const TypeClass types[] = {
	{"accountDoesNotExist", CM_ACME_ACCOUNT}, {"alreadyReplaced", CM_ACME_ORDER}, {"alreadyRevoked", CM_ACME_ORDER},
	{"badCSR", CM_ACME_ORDER}, {"badNonce", CM_ACME_BAD_NONCE}, {"badPublicKey", CM_ACME_ORDER},
	{"badRevocationReason", CM_ACME_ORDER}, {"badSignatureAlgorithm", CM_ACME_ACCOUNT}, {"caa", CM_ACME_IDENTIFIER},
	{"compound", CM_ACME_IDENTIFIER}, {"connection", CM_ACME_IDENTIFIER}, {"dns", CM_ACME_IDENTIFIER},
	{"externalAccountRequired", CM_ACME_HUMAN}, {"incorrectResponse", CM_ACME_IDENTIFIER}, {"invalidContact", CM_ACME_HUMAN},
	{"invalidProfile", CM_ACME_ORDER}, {"malformed", CM_ACME_ORDER}, {"orderNotReady", CM_ACME_ORDER},
	{"rejectedIdentifier", CM_ACME_IDENTIFIER}, {"serverInternal", CM_ACME_SERVER}, {"tls", CM_ACME_IDENTIFIER},
	{"unsupportedContact", CM_ACME_HUMAN}, {"unsupportedIdentifier", CM_ACME_IDENTIFIER}, {"userActionRequired", CM_ACME_HUMAN}
};

/* Boulder pauses a name after too many failures in a row: 429 without Retry-After, and a page where a person ends it. */
static bool
is_paused(const CmAcmeReply *reply)
{
	char		url[CM_ACME_URL_SIZE];

	return reply->retry_after < 0 && strcmp(reply->problem_type, "rateLimited") == 0 &&
		(strstr(reply->status.detail, "Please visit") != NULL || strstr(reply->status.detail, "unpause") != NULL) &&
		cm_acme_find_url(reply->status.detail, url, sizeof(url));
}

CmAcmeClass
cm_acme_class(const CmAcmeReply *reply, bool account_request)
{
	const char *type = reply->problem_type;

	if (reply->status.code == CM_OK)
		return CM_ACME_FINE;
	if (is_paused(reply))
		return CM_ACME_HUMAN;
	if (reply->status.code == CM_LIMIT)
		return CM_ACME_LIMITED;
	if (reply->status.code == CM_PROTOCOL)
		return CM_ACME_PROTOCOL;
	if (reply->status.code == CM_UNSUPPORTED || reply->status.code == CM_INVALID)
		return CM_ACME_ORDER;
	if (strcmp(type, "unauthorized") == 0)
		return account_request || reply->code == 401 ? CM_ACME_ACCOUNT : CM_ACME_IDENTIFIER;
	for (size_t i = 0; i < lengthof(types); i++)
	{
		if (strcmp(types[i].type, type) == 0)
			return types[i].class;
	}
	if (reply->code == 0)
		return CM_ACME_NO_ANSWER;
	if (reply->status.code == CM_REFUSED && reply->code < 500)
		return reply->code == 401 ? CM_ACME_ACCOUNT : CM_ACME_ORDER;
	return CM_ACME_SERVER;
}

const char *
cm_acme_class_name(CmAcmeClass class)
{
	static const char *const names[] = {"E0", "E1", "E2", "E3", "E4", "E5", "E6", "E7", "E8"};

	return class == CM_ACME_FINE ? "fine" : names[class];
}

bool
cm_acme_class_breaks(CmAcmeClass class)
{
	return class == CM_ACME_NO_ANSWER || class == CM_ACME_SERVER;
}

int64_t
cm_acme_class_delay(CmAcmeClass class, int attempt, int64_t retry_after, double random)
{
	/* What a CA asks for after a failed validation: 1, 10, 100 minutes, then rarely. */
	static const int minutes[] = {1, 10, 100, 360, 1440};
	double		cap;

	/* Law L8: Retry-After wins, and a day is enough for anybody. */
	if (retry_after >= 0 && class != CM_ACME_HUMAN)
		return Max(Min(retry_after * 1000, DAY_MS), LIMITED_MIN_MS);
	switch (class)
	{
		case CM_ACME_FINE:
		case CM_ACME_NO_ANSWER:
		case CM_ACME_BAD_NONCE:
		case CM_ACME_SERVER:
			cap = Min(BACKOFF_BASE_MS * pow(2, Min(attempt, 20)), BACKOFF_CAP_MS);
			return (int64_t) (cap * (0.1 + 0.9 * random));
		case CM_ACME_LIMITED:
			return (int64_t) ((double) (LIMITED_BASE_MS << Min(attempt, LIMITED_DOUBLINGS)) * (0.8 + 0.4 * random));
		case CM_ACME_ACCOUNT:
			return ACCOUNT_MS;
		case CM_ACME_HUMAN:
			return DAY_MS;
		case CM_ACME_IDENTIFIER:
		case CM_ACME_ORDER:
		case CM_ACME_PROTOCOL:
			break;
	}
	return (int64_t) (minutes[Min(attempt, (int) lengthof(minutes) - 1)] * 60000.0 * (0.8 + 0.4 * random));
}

bool
cm_acme_find_url(const char *words, char *dst, size_t dstsize)
{
	const char *start = strstr(words, "https://");
	size_t		len;

	if (start == NULL)
		return false;
	len = strcspn(start, " \t\r\n\"<>()");
	/* the end of the sentence, not of the URL */
	while (len > 0 && strchr(".,;", start[len - 1]) != NULL)
		len--;
	if (len >= dstsize)
		return false;
	memcpy(dst, start, len);
	dst[len] = '\0';
	return cm_acme_url_valid(dst);
}
