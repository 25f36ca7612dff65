/*
 * quirks.c - see quirks.h. Any process; locks nothing. Fails for keys and
 * values that there are not.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "acme/quirks.h"
#include "crypto/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Questions that nobody wants to wait longer for. */
#define POLL_MIN_MS 100
#define POLL_MAX_MS 900000

typedef enum FieldType
{
	FIELD_BOOL, FIELD_INT, FIELD_KEY, FIELD_MAC
} FieldType;

typedef struct Field
{
	const char *key;
	FieldType	type;
	size_t		offset;
	int			min;
	int			max;
} Field;

#define BOOL(name) {#name, FIELD_BOOL, offsetof(CmAcmeQuirks, name), 0, 0}
#define INT(name, low, high) {#name, FIELD_INT, offsetof(CmAcmeQuirks, name), low, high}

/* "polls" is an array and has its own code. */
static const Field fields[] = {
	INT(in_flight, 0, 10000), INT(request_rate, 0, 10000), INT(request_burst, 1, 10000),
	INT(nonce_rate, 0, 10000), INT(nonce_burst, 1, 10000), INT(names_max, 1, 1000),
	INT(retry_after_cap, 1000, 86400000), INT(finalize_timeout, 1000, 240000), INT(processing_max, 1, 720),
	BOOL(challenge_repost), BOOL(optimistic_finalize), BOOL(contact_required), BOOL(eab_required), BOOL(eab_single_use), BOOL(key_change),
	BOOL(validity), BOOL(profiles), BOOL(ari), BOOL(wildcards), BOOL(idn), BOOL(ip), BOOL(order_reuse),
	{"account_key", FIELD_KEY, offsetof(CmAcmeQuirks, account_key), 0, 0},
	{"eab_algorithm", FIELD_MAC, offsetof(CmAcmeQuirks, eab_algorithm), 0, 0}
};

void
cm_acme_quirks_init(CmAcmeQuirks *quirks)
{
	/* Most orders are valid in a second; those that are not get less and less attention. */
	static const int polls[] = {300, 600, 1000, 2000, 3000, 5000, 8000, 13000, 15000};

	memset(quirks, 0, sizeof(*quirks));
	quirks->request_burst = 1;
	quirks->nonce_burst = 1;
	quirks->names_max = 100;
	memcpy(quirks->polls, polls, sizeof(polls));
	quirks->poll_count = lengthof(polls);
	quirks->retry_after_cap = 60000;
	quirks->finalize_timeout = 120000;	/* Sectigo signs while we wait, in more than 45 s */
	/* A certificate that is on its way is not asked for a second time as long as it may still come. */
	quirks->processing_max = 168;
	quirks->key_change = true;
	quirks->profiles = true;
	quirks->ari = true;
	quirks->wildcards = true;
	quirks->idn = true;
	strlcpy(quirks->account_key, "EC-P256", sizeof(quirks->account_key));
	strlcpy(quirks->eab_algorithm, "HS256", sizeof(quirks->eab_algorithm));
}

/* A whole number within its bounds. */
static bool
read_int(const char *key, const CmJson *value, int min, int max, int *out, CmStatus *st)
{
	const char *words = cm_json_type(value) == CM_JSON_NUMBER ? cm_json_string(value) : "";
	char	   *end;
	long		number = strtol(words, &end, 10);

	if (words[0] == '\0' || *end != '\0' || number < min || number > max)
		return cm_fail(st, CM_INVALID, "quirk \"%s\" must be a number from %d to %d", key, min, max);
	*out = (int) number;
	return true;
}

static bool
read_polls(CmAcmeQuirks *quirks, const CmJson *value, CmStatus *st)
{
	int			count = cm_json_type(value) == CM_JSON_ARRAY ? cm_json_length(value) : 0;
	int			polls[CM_ACME_QUIRK_POLLS];

	if (count < 1 || count > CM_ACME_QUIRK_POLLS)
		return cm_fail(st, CM_INVALID, "quirk \"polls\" must be an array of 1 to %d numbers", CM_ACME_QUIRK_POLLS);
	for (int i = 0; i < count; i++)
	{
		if (!read_int("polls", cm_json_at(value, i), POLL_MIN_MS, POLL_MAX_MS, &polls[i], st))
			return false;
	}
	memcpy(quirks->polls, polls, sizeof(int) * (size_t) count);
	quirks->poll_count = count;
	return true;
}

static bool
read_key_algorithm(const CmJson *value, char *out, CmStatus *st)
{
	const char *words = cm_json_type(value) == CM_JSON_STRING ? cm_json_string(value) : NULL;
	CmKeyAlg	alg;

	if (words == NULL)
		return cm_fail(st, CM_INVALID, "quirk \"account_key\" must be the name of a key algorithm");
	if (!cm_key_alg_parse(words, &alg, st))
		return false;
	strlcpy(out, cm_key_alg_name(alg), sizeof(((CmAcmeQuirks *) NULL)->account_key));
	return true;
}

static bool
read_mac(const CmJson *value, char *out, CmStatus *st)
{
	static const char *const macs[] = {"HS256", "HS384", "HS512"};
	const char *words = cm_json_type(value) == CM_JSON_STRING ? cm_json_string(value) : "";

	for (size_t i = 0; i < lengthof(macs); i++)
	{
		if (strcmp(words, macs[i]) == 0)
		{
			strlcpy(out, words, sizeof(((CmAcmeQuirks *) NULL)->eab_algorithm));
			return true;
		}
	}
	return cm_fail(st, CM_INVALID, "quirk \"eab_algorithm\" must be HS256, HS384 or HS512");
}

static bool
unknown(const char *key, CmStatus *st)
{
	char		list[sizeof(((CmStatus *) NULL)->detail)] = "";
	char		shown[64];
	size_t		len = 0;

	for (size_t i = 0; i < lengthof(fields) && len < sizeof(list); i++)
		len += (size_t) snprintf(list + len, sizeof(list) - len, "%s, ", fields[i].key);
	cm_clean_text(shown, sizeof(shown), key, strlen(key));
	cm_fail(st, CM_INVALID, "there is no quirk \"%s\"", shown);
	return cm_fail_detail(st, "There are %spolls.", list);
}

bool
cm_acme_quirks_known(const char *key, CmStatus *st)
{
	for (size_t i = 0; i < lengthof(fields); i++)
	{
		if (strcmp(fields[i].key, key) == 0)
			return true;
	}
	return strcmp(key, "polls") == 0 || unknown(key, st);
}

bool
cm_acme_quirks_put(CmAcmeQuirks *quirks, const char *key, const CmJson *value, CmStatus *st)
{
	if (strcmp(key, "polls") == 0)
		return read_polls(quirks, value, st);
	for (size_t i = 0; i < lengthof(fields); i++)
	{
		const Field *field = &fields[i];
		char	   *place = (char *) quirks + field->offset;

		if (strcmp(field->key, key) != 0)
			continue;
		switch (field->type)
		{
			case FIELD_INT:
				return read_int(key, value, field->min, field->max, (int *) place, st);
			case FIELD_KEY:
				return read_key_algorithm(value, place, st);
			case FIELD_MAC:
				return read_mac(value, place, st);
			case FIELD_BOOL:
				break;
		}
		if (cm_json_type(value) != CM_JSON_BOOL)
			return cm_fail(st, CM_INVALID, "quirk \"%s\" must be true or false", key);
		*(bool *) place = cm_json_bool(value, false);
		return true;
	}
	return unknown(key, st);
}

bool
cm_acme_quirks_apply(CmAcmeQuirks *quirks, const CmJson *object, CmStatus *st)
{
	if (object == NULL)
		return true;
	if (cm_json_type(object) != CM_JSON_OBJECT)
		return cm_fail(st, CM_INVALID, "quirks must be a JSON object");
	for (int i = 0; i < cm_json_length(object); i++)
	{
		if (!cm_acme_quirks_put(quirks, cm_json_key(object, i), cm_json_value(object, i), st))
			return false;
	}
	return true;
}

int
cm_acme_quirks_poll_ms(const CmAcmeQuirks *quirks, int polls, long long retry_after)
{
	int			last = quirks->poll_count - 1;

	if (retry_after < 0)
		return quirks->polls[polls < 0 ? 0 : Min(polls, last)];
	/* On a 200 it is a hint only: some CAs say a day and are ready in minutes. */
	if (retry_after >= quirks->retry_after_cap / 1000)
		return quirks->retry_after_cap;
	return Max(quirks->polls[0], (int) retry_after * 1000);
}
