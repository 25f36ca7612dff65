/*
 * cloudflare.c - the provider "cloudflare": Cloudflare's API, version 4.
 *
 * check runs in backends, find_zone and apply in the database worker and in
 * CALL certmgr.work(); nothing is locked. What may fail: the configuration, the
 * network, and what Cloudflare says no to (cloudflare_error.c).
 *
 * All changes that are wanted of a zone at the same moment go out as one batch
 * (cloudflare_batch.c), which Cloudflare carries out as one transaction. It is sent without looking first; when Cloudflare says that
 * a record is there already or gone (an answer was lost, somebody was faster),
 * the records at the names are listed and the rest is sent. So the usual call is
 * one request, and a repeated one ends in the same state. Only records whose
 * content is our value are ever deleted.
 *
 * config: zone and zone_id, or zones {"name": "id"}; account_id; email (then
 * the secret is the Global API Key, else an API token); ttl; comment; endpoint,
 * trust_anchors, timeout; what propagation.c reads.
 */
#include "dns01/cloudflare.h"

#include "base/host.h"
#include "dns01/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENDPOINT "https://api.cloudflare.com/client/v4"
/* The lowest that all plans take. */
#define DEFAULT_TTL 60
#define DEFAULT_COMMENT "certmgr: ACME challenge, may be deleted"


/* ---- configuration ---- */

/* Ids go into paths. */
bool
cm_cloudflare_id(const char *id)
{
	size_t		len = strspn(id, "0123456789abcdefABCDEF-");

	return len > 0 && len <= 64 && id[len] == '\0';
}

/* One zone of the config: takes it when it is longer than what was found. name NULL: only checks. */
static bool
configured_zone(const char *zone, const char *id, const char *name, CmDns01Run *run, CmStatus *st)
{
	char		canonical[256];

	if (!cm_dns01_canonical(zone, canonical))
		return cm_fail(st, CM_INVALID, "a zone of the configuration is not a DNS name");
	if (!cm_cloudflare_id(id))
		return cm_fail(st, CM_INVALID, "the zone id of \"%.100s\" is not one", canonical);
	if (name == NULL || name[0] == '\0' || !cm_host_in_zone(name, canonical) || strlen(canonical) <= strlen(run->zone))
		return true;
	snprintf(run->zone, sizeof(run->zone), "%s", canonical);
	snprintf(run->zone_id, sizeof(run->zone_id), "%s", id);
	return true;
}

/* Reads the configured zones; the longest that holds the call's name becomes its zone (run NULL: they are only checked). */
static bool
read_zones(const CmJson *config, CmCloudflare *cf, const char *name, CmDns01Run *run, CmStatus *st)
{
	const CmJson *zones = cm_json_get(config, "zones");
	const char *zone;
	const char *id;
	int			i;

	if (!cm_dns01_text(config, "zone", &zone, st) || !cm_dns01_text(config, "zone_id", &id, st))
		return false;
	if ((zone == NULL) != (id == NULL))
		return cm_fail(st, CM_INVALID, "\"zone\" and \"zone_id\" go together");
	cf->zones_configured = zone != NULL || zones != NULL;
	if (zone != NULL && !configured_zone(zone, id, name, run, st))
		return false;
	if (zones == NULL)
		return true;
	if (cm_json_type(zones) != CM_JSON_OBJECT || cm_json_length(zones) == 0)
		return cm_fail(st, CM_INVALID, "\"zones\" must be an object of zone names and their ids");
	for (i = 0; i < cm_json_length(zones); i++)
	{
		const CmJson *value = cm_json_value(zones, i);

		if (cm_json_type(value) != CM_JSON_STRING)
			return cm_fail(st, CM_INVALID, "\"zones\" must be an object of zone names and their ids");
		if (!configured_zone(cm_json_key(zones, i), cm_json_string(value), name, run, st))
			return false;
	}
	return true;
}

static bool
read_credential(const CmJson *config, CmSlice secret, CmDns01Api *api, CmStatus *st)
{
	const char *email;
	CmBuf		line;
	bool		ok;

	if (!cm_dns01_text(config, "email", &email, st))
		return false;
	if (email == NULL && secret.len > 7 && memcmp(secret.data, "Bearer ", 7) == 0)
		return cm_fail(st, CM_INVALID, "the API token must be given without \"Bearer\"");
	if (!cm_dns01_api_secret(&secret, email != NULL ? "Cloudflare's Global API Key" : "Cloudflare's API token", st))
		return false;
	if (email != NULL)
		return cm_dns01_api_header(api, "X-Auth-Email", cm_slice(email, strlen(email)), st) &&
			cm_dns01_api_header(api, "X-Auth-Key", secret, st);
	cm_buf_init_secret(&line, 8192);
	cm_buf_append_str(&line, "Bearer ");
	cm_buf_append(&line, secret.data, secret.len);
	ok = line.failed ? cm_fail(st, CM_LIMIT, "the API token is too long")
		: cm_dns01_api_header(api, "Authorization", cm_slice(line.data, line.len), st);
	cm_buf_free(&line);
	return ok;
}

static bool
read_comment(const CmJson *config, CmCloudflare *cf, CmStatus *st)
{
	const char *comment;
	size_t		chars = 0;
	const char *p;

	if (!cm_dns01_text(config, "comment", &comment, st))
		return false;
	if (comment == NULL)
		comment = DEFAULT_COMMENT;
	for (p = comment; *p != '\0'; p++)
		chars += ((uint8_t) *p & 0xc0) != 0x80;
	if (chars > CM_CLOUDFLARE_COMMENT_MAX)
		return cm_fail(st, CM_LIMIT, "\"comment\" is longer than %d characters", CM_CLOUDFLARE_COMMENT_MAX);
	snprintf(cf->comment, sizeof(cf->comment), "%s", comment);
	return true;
}

static bool
read_settings(const CmJson *config, CmSlice secret, CmCloudflare *cf, const char *name, CmStatus *st)
{
	static const char *const keys[] = {
		"zone", "zone_id", "zones", "account_id", "email", "ttl", "comment", CM_DNS01_API_KEYS, CM_DNS01_PROPAGATION_KEYS, NULL
	};
	const char *account;

	if (!cm_dns01_known_keys(config, keys, st) || !cm_dns01_api_read(config, ENDPOINT, &cf->run.api, st) ||
		!read_credential(config, secret, &cf->run.api, st) || !read_zones(config, cf, name, &cf->run, st) ||
		!read_comment(config, cf, st) || !cm_dns01_number(config, "ttl", 1, 86400, DEFAULT_TTL, &cf->ttl, st) ||
		!cm_dns01_text(config, "account_id", &account, st))
		return false;
	/* 1 is Cloudflare's word for "automatic"; below 30 is nothing but an error there. */
	if (cf->ttl > 1 && cf->ttl < 30)
		return cm_fail(st, CM_INVALID, "\"ttl\" must be 1 (automatic) or between 30 and 86400");
	if (account != NULL && !cm_cloudflare_id(account))
		return cm_fail(st, CM_INVALID, "\"account_id\" is not an id");
	if (account != NULL)
		snprintf(cf->account_id, sizeof(cf->account_id), "%s", account);
	return cm_dns01_check_propagation(config, st);
}

static bool
check(const CmJson *config, CmSlice secret, CmStatus *st)
{
	CmCloudflare *cf = calloc(1, sizeof(CmCloudflare));
	bool		ok;

	if (cf == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	ok = read_settings(config, secret, cf, NULL, st);
	cm_dns01_api_free(&cf->run.api);
	free(cf);
	return ok;
}

static bool
read_call(CmDns01Run *run, const CmDns01Call *call, CmStatus *st)
{
	/* The zone of an apply is given; its id may stand in the config. */
	char		name[256];
	bool		of_apply = run->zone[0] != '\0';
	CmDns01Id	given;

	snprintf(name, sizeof(name), "%s", of_apply ? run->zone : run->name);
	memcpy(given, run->zone_id, sizeof(given));
	run->zone[0] = run->zone_id[0] = '\0';
	if (!read_settings(call->config, call->secret, (CmCloudflare *) run, name, st))
		return false;
	if (!of_apply)
		return true;
	if (strcmp(run->zone, name) != 0)
		run->zone_id[0] = '\0';
	snprintf(run->zone, sizeof(run->zone), "%s", name);
	if (given[0] != '\0')
		memcpy(run->zone_id, given, sizeof(given));
	return run->zone_id[0] == '\0' || cm_cloudflare_id(run->zone_id) || cm_fail(st, CM_INVALID, "the zone's id is not one");
}

/* ---- answers ---- */

/* True: it is good. False: the call has ended. */
static bool
judged(CmCloudflare *cf, const CmDns01ApiAnswer *answer)
{
	CmDns01Result *result = &cf->run.task.result;

	memset(&result->status, 0, sizeof(result->status));
	result->retry_after = answer->retry_after;
	if (cm_cloudflare_judge(answer, cf->doing, &result->status) == CM_CLOUDFLARE_OK)
		return true;
	cm_dns01_run_finish(&cf->run);
	return false;
}

bool
cm_cloudflare_used_up(const CmDns01ApiAnswer *answer, CmStatus *st)
{
	if (answer->remaining != 0 || answer->retry_after <= 0)
		return false;
	cm_fail(st, CM_LIMIT, "the request limit of Cloudflare's API is used up for %d seconds", (int) answer->retry_after);
	return true;
}

/* True: the call has ended. */
static bool
used_up(CmCloudflare *cf, const CmDns01ApiAnswer *answer)
{
	CmDns01Result *result = &cf->run.task.result;

	memset(&result->status, 0, sizeof(result->status));
	if (!cm_cloudflare_used_up(answer, &result->status))
		return false;
	result->retry_after = answer->retry_after;
	cm_dns01_run_finish(&cf->run);
	return true;
}

/* The array "result" of an answer, or of a member of it; NULL: it is none. */
const CmJson *
cm_cloudflare_array(const CmJson *object, const char *key)
{
	const CmJson *array = cm_json_get(object, key);

	return array != NULL && cm_json_type(array) == CM_JSON_ARRAY ? array : NULL;
}

/* ---- the zone of a name ---- */

static void ask_zone(CmCloudflare *cf);

static void
zone_not_found(CmCloudflare *cf)
{
	CmStatus   *st = &cf->run.task.result.status;
	const char *name = cf->then_apply ? cf->run.zone : cf->run.name;

	memset(st, 0, sizeof(*st));
	cf->run.task.result.retry_after = -1;
	cm_fail(st, CM_REFUSED, "Cloudflare shows this account no active zone that holds \"%.150s\"", name);
	if (cf->inactive[0] != '\0')
		cm_fail_detail(st, "Zone \"%.150s\" is there, but its status is \"%s\".", cf->inactive, cf->inactive_status);
	else
		cm_fail_detail(st, "A token needs Zone > Zone > Read with the zone among its zone resources; or configure \"zone\" and \"zone_id\".");
	cm_dns01_run_finish(&cf->run);
}

/* Takes the active zone of an answer. *active counts them. */
static void
take_zones(CmCloudflare *cf, const CmJson *zones, int *active, CmDns01Id id)
{
	int			i;

	for (i = 0; i < cm_json_length(zones); i++)
	{
		const CmJson *zone = cm_json_at(zones, i);
		const char *name = cm_json_get_string(zone, "name");
		const char *status = cm_json_get_string(zone, "status");
		const char *zone_id = cm_json_get_string(zone, "id");
		char		canonical[256];

		/* A filter that was not obeyed must not lead into another zone. */
		if (name == NULL || zone_id == NULL || !cm_cloudflare_id(zone_id) || !cm_dns01_canonical(name, canonical) ||
			strcmp(canonical, cf->suffix) != 0)
			continue;
		if (status == NULL || strcmp(status, "active") == 0)
		{
			(*active)++;
			snprintf(id, sizeof(CmDns01Id), "%s", zone_id);
		}
		else if (cf->inactive[0] == '\0')
		{
			snprintf(cf->inactive, sizeof(cf->inactive), "%s", canonical);
			cm_clean_text(cf->inactive_status, sizeof(cf->inactive_status), status, strlen(status));
		}
	}
}

static void
on_zones(CmDns01ApiAnswer *answer, void *arg)
{
	CmCloudflare *cf = arg;
	const CmJson *zones;
	CmDns01Id	id = "";
	int			active = 0;
	const char *parent;

	if (!judged(cf, answer))
		return;
	zones = cm_cloudflare_array(answer->json, "result");
	if (zones == NULL)
	{
		cm_dns01_run_fail(&cf->run, CM_PROTOCOL, "Cloudflare's answer has no list of zones");
		return;
	}
	take_zones(cf, zones, &active, id);
	if (active > 1)
	{
		cm_dns01_run_fail(&cf->run, CM_REFUSED, "zone \"%.100s\" is in %d accounts of this credential: configure \"account_id\" or \"zone_id\"",
						   cf->suffix, active);
		return;
	}
	if (active == 1)
	{
		memcpy(cf->run.zone_id, id, sizeof(id));
		if (!cf->then_apply)
			memcpy(cf->run.zone, cf->suffix, sizeof(cf->suffix));
		if (!cf->then_apply)
			cm_dns01_run_finish(&cf->run);
		else if (!used_up(cf, answer))
			cm_cloudflare_apply(cf);
		return;
	}
	parent = cf->then_apply ? NULL : cm_dns01_parent(cf->suffix);
	/* A top-level domain is nobody's zone here. */
	if (parent == NULL || strchr(parent, '.') == NULL)
	{
		zone_not_found(cf);
		return;
	}
	memmove(cf->suffix, parent, strlen(parent) + 1);
	if (!used_up(cf, answer))
		ask_zone(cf);
}

static void
ask_zone(CmCloudflare *cf)
{
	CmDns01ApiRequest request = {.method = "GET"};
	CmBuf		path;

	snprintf(cf->doing, sizeof(cf->doing), "list the zone \"%.200s\"", cf->suffix);
	cm_buf_init(&path, 1024);
	/* Without a filter for the status: a zone that waits for its name servers should be named in the message. */
	cm_buf_append_str(&path, "/zones?name=");
	cm_dns01_api_escape(&path, cf->suffix);
	cm_buf_append_str(&path, "&per_page=50");
	if (cf->account_id[0] != '\0')
		cm_buf_printf(&path, "&account.id=%s", cf->account_id);
	request.path = cm_buf_cstr(&path);
	cm_dns01_run_send(&cf->run, &request, on_zones);
	cm_buf_free(&path);
}

static void
find_first(CmDns01Run *run)
{
	CmCloudflare *cf = (CmCloudflare *) run;
	const char *suffix = run->name;

	if (run->zone[0] != '\0')
	{
		cm_dns01_run_finish(run);
		return;
	}
	if (cf->zones_configured)
	{
		cm_dns01_run_fail(run, CM_INVALID, "\"%.150s\" is in none of the configured zones", run->name);
		return;
	}
	/* _acme-challenge and other labels with an underscore are no zones. */
	while (suffix[0] == '_' && cm_dns01_parent(suffix) != NULL)
		suffix = cm_dns01_parent(suffix);
	snprintf(cf->suffix, sizeof(cf->suffix), "%s", suffix);
	ask_zone(cf);
}

static bool
find_zone(const CmDns01Call *call, CmStatus *st)
{
	return cm_dns01_run_start(call, sizeof(CmCloudflare), read_call, NULL, find_first, st);
}

/* ---- changes ---- */

static void
apply_first(CmDns01Run *run)
{
	CmCloudflare *cf = (CmCloudflare *) run;
	int			i;

	for (i = 0; i < run->count; i++)
	{
		/* An id of the ledger that is none is looked up; one of a record that is to be added means nothing. */
		if (!run->items[i].remove || !cm_cloudflare_id(run->items[i].id))
			run->items[i].id[0] = '\0';
	}
	if (run->zone_id[0] != '\0')
	{
		cm_cloudflare_apply(cf);
		return;
	}
	cf->then_apply = true;
	snprintf(cf->suffix, sizeof(cf->suffix), "%s", run->zone);
	ask_zone(cf);
}

static bool
apply(const CmDns01Call *call, CmStatus *st)
{
	return cm_dns01_run_start(call, sizeof(CmCloudflare), read_call, NULL, apply_first, st);
}

const CmDns01Provider cm_dns01_cloudflare = {
	"cloudflare", check, find_zone, apply, NULL
};
