/*
 * account.c - the directory of an ACME server (RFC 8555 7.1.1) and its account
 * objects (7.1.2, 7.3).
 *
 * Runs in the database worker. Locks nothing. Fails for answers that break the
 * protocol; throws only when palloc finds no memory.
 */
#ifndef FRONTEND
#include "postgres.h"
#else
#include "postgres_fe.h"
#endif

#include "acme/internal.h"
#include "base/encode.h"
#include "base/host.h"
#include "crypto/jws.h"
#include "dns01/secret_map.h"

#include <stdio.h>
#include <stdlib.h>

/* Nobody has more; servers accept two or so. */
#define MAX_CONTACTS 16
#define MAX_CONTACT_LENGTH 512

/* A URL of the directory, on malloc. Those that are optional and not usable are as good as missing. */
static bool
directory_url(const CmJson *json, const char *key, bool plain, bool required, char **out, CmStatus *st)
{
	const char *url = cm_json_get_string(json, key);
	bool		usable = url != NULL && cm_acme_url_allowed(url, plain);

	if (!usable && required)
	{
		cm_fail(st, CM_PROTOCOL, "the ACME server's directory has no usable \"%s\"", key);
		if (url != NULL && cm_acme_url_valid(url))
			cm_fail_detail(st, "Its scheme is not that of the directory's own URL.");
		return false;
	}
	if (!usable)
		return true;
	*out = strdup(url);
	return *out != NULL || cm_fail(st, CM_MEMORY, "out of memory");
}

static bool
terms_readable(const char *terms)
{
	const char *p;

	if (strncmp(terms, "data:text/plain,", 16) != 0 || strlen(terms) >= CM_ACME_URL_SIZE)
		return cm_acme_url_valid(terms);
	for (p = terms; *p > 0x20 && *p < 0x7f; p++)
		;
	return *p == '\0';
}

/* Those that are names, which an advice needs no error for. */
static void
read_caa_identities(const CmJson *list, CmAcmeDirectory *out)
{
	int			i;

	for (i = 0; i < cm_json_length(list) && out->caa_count < CM_ACME_CAA_MAX; i++)
	{
		const char *name = cm_json_string(cm_json_at(list, i));
		char		host[CM_HOST_MAX + 1];

		if (name == NULL || !cm_host_canonical(name, false, host, NULL))
			continue;
		snprintf(out->caa_identities[out->caa_count++], sizeof(out->caa_identities[0]), "%s", host);
	}
}

/* Names only; what a server says of them is for people. They are shown: what is not plain text is passed over. */
static void
read_profiles(const CmJson *object, CmAcmeDirectory *out)
{
	int			i;

	for (i = 0; i < cm_json_length(object) && out->profile_count < CM_ACME_PROFILES_MAX; i++)
	{
		const char *name = cm_json_key(object, i);
		const char *p = name;

		while (*p > ' ' && *p < 0x7f)
			p++;
		if (p > name && *p == '\0' && p - name <= CM_ACME_PROFILE_MAX)
			snprintf(out->profiles[out->profile_count++], sizeof(out->profiles[0]), "%s", name);
	}
}

static bool
read_directory(const CmJson *json, bool plain, CmAcmeDirectory *out, CmStatus *st)
{
	const CmJson *meta = cm_json_get(json, "meta");
	const char *terms = cm_json_get_string(meta, "termsOfService");

	if (!directory_url(json, "newNonce", plain, true, &out->new_nonce, st) ||
		!directory_url(json, "newAccount", plain, true, &out->new_account, st) ||
		!directory_url(json, "newOrder", plain, true, &out->new_order, st) ||
		!directory_url(json, "revokeCert", plain, false, &out->revoke_cert, st) ||
		!directory_url(json, "keyChange", plain, false, &out->key_change, st) ||
		!directory_url(json, "renewalInfo", plain, false, &out->renewal_info, st))
		return false;
	/* for people, not for us: any scheme of the web will do, and the text itself */
	if (terms != NULL && terms_readable(terms))
	{
		out->terms_of_service = strdup(terms);
		if (out->terms_of_service == NULL)
			return cm_fail(st, CM_MEMORY, "out of memory");
	}
	if (cm_json_type(cm_json_get(meta, "caaIdentities")) == CM_JSON_ARRAY)
		read_caa_identities(cm_json_get(meta, "caaIdentities"), out);
	if (cm_json_type(cm_json_get(meta, "profiles")) == CM_JSON_OBJECT)
		read_profiles(cm_json_get(meta, "profiles"), out);
	out->external_account_required = cm_json_bool(cm_json_get(meta, "externalAccountRequired"), false);
	return true;
}

bool
cm_acme_directory_parse(CmSlice body, bool plain, CmAcmeDirectory *out, CmStatus *st)
{
	CmJson	   *json = cm_acme_body_parse(body, "the ACME server's directory", st);
	bool		ok;

	memset(out, 0, sizeof(*out));
	ok = json != NULL && read_directory(json, plain, out, st);
	cm_json_free(json);
	if (!ok)
		cm_acme_directory_free(out);
	return ok;
}

void
cm_acme_directory_free(CmAcmeDirectory *directory)
{
	free(directory->new_nonce);
	free(directory->new_account);
	free(directory->new_order);
	free(directory->revoke_cert);
	free(directory->key_change);
	free(directory->renewal_info);
	free(directory->terms_of_service);
	memset(directory, 0, sizeof(*directory));
}

/* "mailto:x@y" as it is; a bare address gets the scheme. */
static bool
put_contact(const char *contact, CmBuf *out, CmStatus *st)
{
	CmBuf		url;
	const char *p;
	bool		ok;

	if (contact == NULL || contact[0] == '\0' || strlen(contact) > MAX_CONTACT_LENGTH)
		return cm_fail(st, CM_INVALID, "a contact must have 1 to %d characters", MAX_CONTACT_LENGTH);
	for (p = contact; *p != '\0'; p++)
		if ((unsigned char) *p <= 0x20 || *p == 0x7f)
			return cm_fail(st, CM_INVALID, "a contact contains white space or control characters");
	cm_buf_init(&url, 0);
	if (strchr(contact, ':') == NULL)
		cm_buf_append_str(&url, "mailto:");
	cm_buf_append_str(&url, contact);
	ok = !url.failed && cm_json_quote(out, cm_buf_cstr(&url));
	cm_buf_free(&url);
	return ok || cm_fail(st, CM_INVALID, "a contact is not valid UTF-8");
}

bool
cm_acme_new_account_payload(const char *const *contacts, int count, bool agree, bool only_existing, CmBuf *out, CmStatus *st)
{
	const char *comma = "";
	int			i;

	if (count < 0 || count > MAX_CONTACTS)
		return cm_fail(st, CM_LIMIT, "an account has at most %d contacts", MAX_CONTACTS);
	cm_buf_append_str(out, "{");
	if (agree)
	{
		cm_buf_append_str(out, "\"termsOfServiceAgreed\":true");
		comma = ",";
	}
	if (count > 0)
	{
		cm_buf_printf(out, "%s\"contact\":[", comma);
		for (i = 0; i < count; i++)
		{
			if (i > 0)
				cm_buf_append_str(out, ",");
			if (!put_contact(contacts[i], out, st))
				return false;
		}
		cm_buf_append_str(out, "]");
		comma = ",";
	}
	if (only_existing)
		cm_buf_printf(out, "%s\"onlyReturnExisting\":true", comma);
	cm_buf_append_str(out, "}");
	return !out->failed || cm_fail(st, CM_MEMORY, "out of memory");
}

bool
cm_acme_account_update_payload(const char *const *contacts, int count, bool agree, CmBuf *out, CmStatus *st)
{
	int			i;

	if (count < 0 || count > MAX_CONTACTS)
		return cm_fail(st, CM_LIMIT, "an account has at most %d contacts", MAX_CONTACTS);
	/* An empty list takes away those that were; an update that says nothing at all is malformed. */
	cm_buf_append_str(out, "{\"contact\":[");
	for (i = 0; i < count; i++)
	{
		if (i > 0)
			cm_buf_append_str(out, ",");
		if (!put_contact(contacts[i], out, st))
			return false;
	}
	cm_buf_append_str(out, agree ? "],\"termsOfServiceAgreed\":true}" : "]}");
	return !out->failed || cm_fail(st, CM_MEMORY, "out of memory");
}

bool
cm_acme_key_change(const char *account_url, const CmKey *key, const CmKey *new_key, const char *url, CmBuf *out, CmStatus *st)
{
	CmBuf		payload;
	bool		ok;

	cm_buf_init(&payload, 0);
	cm_buf_append_str(&payload, "{\"account\":");
	ok = cm_json_quote(&payload, account_url);
	cm_buf_append_str(&payload, ",\"oldKey\":");
	ok = ok && cm_jwk(key, &payload, st);
	cm_buf_append_str(&payload, "}");
	if (ok && payload.failed)
		ok = cm_fail(st, CM_MEMORY, "out of memory");
	ok = ok && cm_jws_sign(new_key, NULL, NULL, url, cm_buf_cstr(&payload), out, st);
	cm_buf_free(&payload);
	return ok;
}

/* The error that an answer without a key may have. */
static bool
fail_without_eab(CmSlice body, CmStatus *st)
{
	CmJson	   *json = cm_acme_body_parse(body, "the answer with the key for external account binding", st);
	const char *type = cm_json_get_string(cm_json_get(json, "error"), "type");
	char		why[200];

	if (json == NULL)
		return false;
	cm_fail(st, CM_REFUSED, "the CA did not give a key for external account binding");
	if (type != NULL)
	{
		cm_clean_text(why, sizeof(why), type, strlen(type));
		cm_fail_detail(st, "It said: %s", why);
	}
	cm_json_free(json);
	return false;
}

/* Law L7: the key is never in palloc'ed memory, so PostgreSQL's parser, which copies what it reads, sees only answers without one. */
bool
cm_acme_eab_parse(CmSlice body, char **kid, CmBuf *mac_key, CmStatus *st)
{
	CmSecretMap map;
	const char *id;
	const char *key;
	bool		ok;

	ok = cm_secret_map_parse(body, "an answer", &map, NULL);
	id = cm_secret_map_get(&map, "eab_kid");
	key = ok ? cm_secret_map_get(&map, "eab_hmac_key") : NULL;
	ok = id != NULL && id[0] != '\0' && strlen(id) <= MAX_CONTACT_LENGTH && key != NULL && cm_base64_decode(mac_key, key, strlen(key)) && mac_key->len > 0;
	if (ok)
	{
		/* as text, as people give it */
		cm_buf_reset(mac_key);
		ok = cm_buf_append_str(mac_key, key) || cm_fail(st, CM_MEMORY, "out of memory");
		*kid = pstrdup(id);
	}
	else if (key != NULL)
		cm_fail(st, CM_REFUSED, "the CA did not give a key for external account binding");
	else
		(void) fail_without_eab(body, st);
	cm_secret_map_free(&map);
	return ok;
}

bool
cm_acme_bind_account(const char *payload, const CmKey *key, const char *eab_algorithm, const char *eab_kid, CmSlice mac_key, const char *url, CmBuf *out, CmStatus *st)
{
	size_t		end = (size_t) (strrchr(payload, '}') - payload);
	bool		empty = strspn(payload, "{ \t\r\n") == end;

	cm_buf_append(out, payload, end);
	cm_buf_append_str(out, empty ? "\"externalAccountBinding\":" : ",\"externalAccountBinding\":");
	if (!cm_jws_eab(key, eab_algorithm, eab_kid, mac_key, url, out, st))
		return false;
	return cm_buf_append_str(out, "}") || cm_fail(st, CM_MEMORY, "out of memory");
}

bool
cm_acme_account_parse(CmSlice body, CmAcmeAccount *out, CmStatus *st)
{
	const char *orders;
	CmJson	   *json;
	bool		ok;
	size_t		i;

	memset(out, 0, sizeof(*out));
	/* some servers answer newAccount without a body: then the Location header says it all */
	for (i = 0; i < body.len && strchr(" \t\r\n", body.data[i]) != NULL && body.data[i] != '\0'; i++)
		;
	if (i == body.len)
	{
		snprintf(out->status, sizeof(out->status), "valid");
		return true;
	}
	json = cm_acme_body_parse(body, "the account object", st);
	if (json == NULL)
		return false;
	/* after a 2xx an account without a status is a valid one */
	ok = cm_acme_get_status(json, "valid", out->status, st);
	/* nothing depends on the list of orders, so a useless URL is as good as none */
	orders = cm_json_get_string(json, "orders");
	if (ok && orders != NULL && cm_acme_url_valid(orders))
		out->orders = pstrdup(orders);
	cm_json_free(json);
	return ok;
}
