/*
 * cloudflare_error.c - Cloudflare's error codes: what they mean for us, and
 * what a person should do.
 *
 * Pure functions over one answer; any process. Nothing here fails. Codes that
 * are not known are judged by the HTTP status. The texts of an answer are
 * foreign: they are cleaned and cut, and the credential is in none of them.
 */
#include "dns01/cloudflare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* errors[] and their chains; more than these tell nobody anything. */
#define CODES_MAX 16

typedef struct Known
{
	int			code;
	CmCloudflareFault fault;
	const char *advice;
} Known;

#define TOKEN_ADVICE "The credential was not accepted. Check the token (My Profile > API Tokens > Verify): it may be mistyped, expired, or limited to other addresses; with \"email\" the secret must be the Global API Key."
#define PERMISSION_ADVICE "The token is not valid, or it lacks a permission for this zone. It needs Zone > DNS > Edit, and Zone > Zone > Read unless \"zone_id\" is configured, both with this zone among its zone resources."

/* The first entry whose code an answer has decides, so the more telling ones come first. */
static const Known known[] = {
	/* Records. */
	{81058, CM_CLOUDFLARE_EXISTS, "An identical record is there."},
	{81057, CM_CLOUDFLARE_EXISTS, "The record is there."},
	{81044, CM_CLOUDFLARE_GONE, "The record is not there."},
	{81045, CM_CLOUDFLARE_RECORD_REFUSED, "The zone has as many records as its plan allows (200 on free plans since September 2024). Delete some, or delegate _acme-challenge by CNAME to another zone."},
	{81053, CM_CLOUDFLARE_RECORD_REFUSED, "There is a CNAME at the name. Delete it, or let it point to a zone that this provider may write."},
	{81054, CM_CLOUDFLARE_RECORD_REFUSED, "There is a CNAME at the name. Delete it, or let it point to a zone that this provider may write."},
	{1038, CM_CLOUDFLARE_REFUSED, "Cloudflare does not let its API change zones of this top-level domain. Delegate _acme-challenge by CNAME to another zone."},
	{9300, CM_CLOUDFLARE_RECORD_REFUSED, "The plan of the zone does not allow tags on records."},
	{1004, CM_CLOUDFLARE_RECORD_REFUSED, "Cloudflare does not accept the record."},
	/* Credentials. 6003 says "invalid request headers", its chain which one. */
	{6111, CM_CLOUDFLARE_REFUSED, TOKEN_ADVICE},
	{6103, CM_CLOUDFLARE_REFUSED, TOKEN_ADVICE},
	{6102, CM_CLOUDFLARE_REFUSED, TOKEN_ADVICE},
	{6003, CM_CLOUDFLARE_REFUSED, TOKEN_ADVICE},
	{1000, CM_CLOUDFLARE_REFUSED, TOKEN_ADVICE},
	{10001, CM_CLOUDFLARE_REFUSED, TOKEN_ADVICE},
	{10000, CM_CLOUDFLARE_REFUSED, PERMISSION_ADVICE},
	{9109, CM_CLOUDFLARE_REFUSED, PERMISSION_ADVICE},
	{10405, CM_CLOUDFLARE_NO_ROUTE, "The API does not serve this path."},
	{7000, CM_CLOUDFLARE_NO_ROUTE, "The API does not serve this path. Check \"endpoint\"."},
	{7003, CM_CLOUDFLARE_NO_ROUTE, "The API knows no such zone or record. Check \"zone_id\"."},
	{7001, CM_CLOUDFLARE_NO_ROUTE, "The API does not serve this path."},
	{1001, CM_CLOUDFLARE_REFUSED, "The zone's id is not valid. Check \"zone_id\"."},
	{1049, CM_CLOUDFLARE_REFUSED, "The zone is not active at Cloudflare. Point its name servers there first."},
	/* Load. */
	{971, CM_CLOUDFLARE_THROTTLED, NULL},
	{10429, CM_CLOUDFLARE_THROTTLED, NULL},
	{10013, CM_CLOUDFLARE_UNKNOWN_OUTCOME, NULL},
};

#define KNOWN_COUNT ((int) (sizeof(known) / sizeof(known[0])))

typedef struct Codes
{
	int			codes[CODES_MAX];
	int			count;
	char		words[200];		/* of the first error, and of the first in its chain */
} Codes;

static int
code_of(const CmJson *error)
{
	const char *text = cm_json_string(cm_json_get(error, "code"));
	char	   *end;
	long		code = text != NULL ? strtol(text, &end, 10) : 0;

	return text != NULL && *end == '\0' && code > 0 && code < 10000000 ? (int) code : 0;
}

static void
add_words(Codes *codes, const CmJson *error)
{
	const char *message = cm_json_get_string(error, "message");
	size_t		len = strlen(codes->words);
	char		clean[120];

	if (message == NULL || len + 30 > sizeof(codes->words))
		return;
	cm_clean_text(clean, sizeof(clean), message, strlen(message));
	snprintf(codes->words + len, sizeof(codes->words) - len, "%s%s (%d)", len > 0 ? ": " : "", clean, code_of(error));
}

/* One level of "errors" or "error_chain"; Cloudflare has no deeper ones. */
static void
add_codes(Codes *codes, const CmJson *errors, bool chain)
{
	int			i;

	if (errors == NULL || cm_json_type(errors) != CM_JSON_ARRAY)
		return;
	for (i = 0; i < cm_json_length(errors) && codes->count < CODES_MAX; i++)
	{
		const CmJson *error = cm_json_at(errors, i);

		codes->codes[codes->count++] = code_of(error);
		if (i == 0)
			add_words(codes, error);
		if (!chain)
			add_codes(codes, cm_json_get(error, "error_chain"), true);
	}
}

static const Known *
decide(const Codes *codes)
{
	int			i;
	int			j;

	for (i = 0; i < KNOWN_COUNT; i++)
	{
		for (j = 0; j < codes->count; j++)
		{
			if (codes->codes[j] == known[i].code)
				return &known[i];
		}
	}
	return NULL;
}

static void
read_codes(const CmDns01ApiAnswer *answer, Codes *codes)
{
	memset(codes, 0, sizeof(*codes));
	add_codes(codes, cm_json_get(answer->json, "errors"), false);
	/* The other shape: {"code": 10000, "error": "..."}. */
	if (codes->count == 0 && code_of(answer->json) != 0)
	{
		const char *error = cm_json_get_string(answer->json, "error");

		codes->codes[codes->count++] = code_of(answer->json);
		add_words(codes, answer->json);
		if (codes->words[0] == '\0' && error != NULL)
			cm_clean_text(codes->words, sizeof(codes->words), error, strlen(error));
	}
}

static const char *
advice_by_status(int status, const char *words)
{
	/* Code 0, of a token that may not list zones: "requires permission 'com.cloudflare.api.account.zone.list'". */
	if (strstr(words, "requires permission") != NULL || status == 403)
		return PERMISSION_ADVICE;
	if (status == 401)
		return TOKEN_ADVICE;
	return NULL;
}

CmCloudflareFault
cm_cloudflare_judge(const CmDns01ApiAnswer *answer, const char *doing, CmStatus *st)
{
	const Known *what;
	const char *advice;
	Codes		codes;

	if (answer->code == 0 || answer->status.code == CM_LIMIT)
	{
		*st = answer->status;
		return answer->status.code == CM_LIMIT && answer->code != 0 ? CM_CLOUDFLARE_THROTTLED : CM_CLOUDFLARE_UNKNOWN_OUTCOME;
	}
	read_codes(answer, &codes);
	/* "success" may be missing; an answer without errors and with a good status is one. */
	if (answer->status.code == CM_OK && codes.count == 0 && cm_json_bool(cm_json_get(answer->json, "success"), true))
	{
		/* A proxy's page with status 200 is no answer of Cloudflare's. */
		if (answer->json != NULL && cm_json_type(answer->json) == CM_JSON_OBJECT)
			return CM_CLOUDFLARE_OK;
		cm_fail(st, CM_PROTOCOL, "Cloudflare's answer to the request to %s is no JSON object", doing);
		return CM_CLOUDFLARE_UNKNOWN_OUTCOME;
	}
	what = decide(&codes);
	if (what != NULL && what->fault == CM_CLOUDFLARE_THROTTLED)
	{
		cm_fail(st, CM_LIMIT, "Cloudflare asks to slow down: %s", codes.words);
		return CM_CLOUDFLARE_THROTTLED;
	}
	if (answer->status.code == CM_NETWORK || (what != NULL && what->fault == CM_CLOUDFLARE_UNKNOWN_OUTCOME))
	{
		cm_fail(st, CM_NETWORK, "Cloudflare failed (HTTP %d) to %s", answer->code, doing);
		if (codes.words[0] != '\0')
			cm_fail_detail(st, "It said: %s.", codes.words);
		return CM_CLOUDFLARE_UNKNOWN_OUTCOME;
	}
	advice = what != NULL ? what->advice : advice_by_status(answer->code, codes.words);
	/* 9109 stands for two things. */
	if (what != NULL && what->code == 9109 && strstr(codes.words, "nvalid access token") != NULL)
		advice = TOKEN_ADVICE;
	cm_fail(st, CM_REFUSED, "Cloudflare refused to %s", doing);
	if (codes.words[0] != '\0')
		cm_fail_detail(st, "It said: %s.%s%s", codes.words, advice != NULL ? " " : "", advice != NULL ? advice : "");
	else
		cm_fail_detail(st, "It answered HTTP %d.%s%s", answer->code, advice != NULL ? " " : "", advice != NULL ? advice : "");
	if (what != NULL)
		return what->fault;
	if (answer->code == 404 || answer->code == 405)
		return CM_CLOUDFLARE_NO_ROUTE;
	/* Of a code that is not known nobody knows whom it means. Credentials are everybody's. */
	return answer->code == 401 || answer->code == 403 ? CM_CLOUDFLARE_REFUSED : CM_CLOUDFLARE_RECORD_REFUSED;
}
