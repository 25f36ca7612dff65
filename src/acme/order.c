/*
 * order.c - order objects (RFC 8555 7.1.3, 7.4), with profiles and the
 * "replaces" of RFC 9773.
 *
 * Runs in the database worker. Locks nothing. Fails for answers that break the
 * protocol; an unknown status is passed on, because the state machine treats
 * it as "not yet". Throws only when palloc finds no memory.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "acme/internal.h"
#include "base/datetime.h"
#include "base/encode.h"
#include "base/host.h"

#define MAX_REPLACES 128		/* RFC 9773 4.1: two base64url runs of some 20 octets each */

bool
cm_acme_identifier_canonical(const char *type, const char *value, bool wildcard, char *dst, CmStatus *st)
{
	uint8_t		address[16];
	size_t		len;

	if (type == NULL || value == NULL)
		return cm_fail(st, CM_INVALID, "an identifier needs type and value");
	if (strcmp(type, "dns") == 0)
		return cm_host_canonical(value, wildcard, dst, st);
	if (strcmp(type, "ip") != 0)
		return cm_fail(st, CM_UNSUPPORTED, "identifiers are of type \"dns\" or \"ip\"");
	if (!cm_address_parse(value, address, &len) || !cm_address_format(address, len, dst, CM_HOST_MAX + 1))
		return cm_fail(st, CM_INVALID, "an identifier of type \"ip\" is not an address");
	return true;
}

/* A member that must be a short word, when it is given at all. */
static bool
put_word(CmBuf *out, const char *key, const char *word, size_t max, CmStatus *st)
{
	if (word == NULL)
		return true;
	if (word[0] == '\0' || strlen(word) > max)
		return cm_fail(st, CM_INVALID, "\"%s\" of an order must have 1 to %zu characters", key, max);
	cm_buf_printf(out, ",\"%s\":", key);
	if (!cm_json_quote(out, word))
		return cm_fail(st, CM_INVALID, "\"%s\" of an order is not valid UTF-8", key);
	return true;
}

/* RFC 3339, in UTC. */
static void
put_time(CmBuf *out, const char *key, int64_t at)
{
	char		iso[CM_TIME_TEXT_MAX];

	if (at == 0)
		return;
	cm_buf_printf(out, ",\"%s\":\"%s\"", key, cm_time_rfc3339(at, iso));
}

bool
cm_acme_new_order_payload(const CmAcmeIdentifier *ids, int count, const CmAcmeOrderWish *wish, CmBuf *out, CmStatus *st)
{
	char		value[CM_HOST_MAX + 1];
	int			i;

	if (count < 1 || count > CM_ACME_MAX_IDENTIFIERS)
		return cm_fail(st, CM_LIMIT, "an order has 1 to %d identifiers", CM_ACME_MAX_IDENTIFIERS);
	cm_buf_append_str(out, "{\"identifiers\":[");
	for (i = 0; i < count; i++)
	{
		if (!cm_acme_identifier_canonical(ids[i].type, ids[i].value, true, value, st))
			return false;
		/* neither form has a character that JSON would escape */
		cm_buf_printf(out, "%s{\"type\":\"%s\",\"value\":\"%s\"}", i > 0 ? "," : "", ids[i].type, value);
	}
	cm_buf_append_str(out, "]");
	put_time(out, "notBefore", wish->not_before);
	put_time(out, "notAfter", wish->not_after);
	if (!put_word(out, "profile", wish->profile, CM_ACME_PROFILE_MAX, st) ||
		!put_word(out, "replaces", wish->replaces, MAX_REPLACES, st))
		return false;
	cm_buf_append_str(out, "}");
	return !out->failed || cm_fail(st, CM_MEMORY, "out of memory");
}

static bool
read_authorizations(const CmJson *json, CmAcmeOrder *out, CmStatus *st)
{
	const CmJson *list = cm_json_get(json, "authorizations");
	int			count = cm_json_length(list);
	int			i;

	/* no list at all: servers that need no proof leave it out */
	if (list == NULL)
		return true;
	if (cm_json_type(list) != CM_JSON_ARRAY || count > CM_ACME_MAX_IDENTIFIERS)
		return cm_fail(st, CM_PROTOCOL, "\"authorizations\" of the order is not a list of at most %d URLs", CM_ACME_MAX_IDENTIFIERS);
	for (i = 0; i < count; i++)
	{
		const CmJson *item = cm_json_at(list, i);

		if (cm_json_type(item) != CM_JSON_STRING || !cm_acme_url_valid(cm_json_string(item)))
			return cm_fail(st, CM_PROTOCOL, "an authorization of the order is not an absolute URL");
		out->authorizations[out->authorization_count++] = pstrdup(cm_json_string(item));
	}
	return true;
}

bool
cm_acme_order_parse(CmSlice body, CmAcmeOrder *out, CmStatus *st)
{
	CmJson	   *json = cm_acme_body_parse(body, "the order object", st);
	bool		ok;

	memset(out, 0, sizeof(*out));
	if (json == NULL)
		return false;
	ok = cm_acme_get_status(json, NULL, out->status, st) &&
		read_authorizations(json, out, st) &&
		cm_acme_get_url(json, "finalize", &out->finalize, st) &&
		cm_acme_get_url(json, "certificate", &out->certificate, st);
	if (ok)
	{
		out->expires = cm_acme_get_expires(json);
		out->error = cm_acme_get_problem(json, "error");
	}
	cm_json_free(json);
	return ok;
}
