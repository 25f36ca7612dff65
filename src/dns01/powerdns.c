/*
 * powerdns.c - the provider "powerdns": the HTTP API of a PowerDNS
 * authoritative server.
 *
 * check runs in backends, find_zone and apply in the database worker and in
 * CALL certmgr.work(). What may fail: the configuration, the network, and what
 * the server says no to.
 *
 * Servers from 4.9 on add and take away single values (changetypes EXTEND and
 * PRUNE), which nobody can race. Older ones only replace a whole set: it is
 * read, changed, written, and read again to see that our change is in it. Calls
 * of this process for one name do that one after the other; a foreign writer in
 * between is found when it overwrote us, not when we overwrote it. That is what
 * that server's interface allows. Servers from 5.1 on want the TTL of the set
 * with each value: where it is another than ours the set is read first.
 *
 * config: endpoint (without /api/v1), server_id, notify, ttl, trust_anchors,
 * timeout; what propagation.c reads. secret: the API key.
 */
#include "dns01/powerdns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TTL 60
/* Until a name is free that another call of this process works on. */
#define BUSY_MS 20

/* ---- configuration ---- */

static bool
read_server_id(const CmJson *config, CmPowerDns *pd, CmStatus *st)
{
	const char *id;

	if (!cm_dns01_text(config, "server_id", &id, st))
		return false;
	if (id == NULL)
		id = "localhost";
	if (id[0] == '\0' || strlen(id) >= sizeof(pd->server_id) ||
		id[strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_")] != '\0')
		return cm_fail(st, CM_INVALID, "\"server_id\" is not the id of a server; PowerDNS's is \"localhost\"");
	memcpy(pd->server_id, id, strlen(id) + 1);
	return true;
}

static bool
read_settings(const CmJson *config, CmSlice secret, CmPowerDns *pd, CmStatus *st)
{
	static const char *const keys[] = {"server_id", "notify", "ttl", CM_DNS01_API_KEYS, CM_DNS01_PROPAGATION_KEYS, NULL};
	const CmJson *notify;

	if (!cm_dns01_known_keys(config, keys, st) || !cm_dns01_api_read(config, NULL, &pd->run.api, st) ||
		!cm_dns01_api_secret(&secret, "PowerDNS's API key", st) || !cm_dns01_api_header(&pd->run.api, "X-API-Key", secret, st) ||
		!read_server_id(config, pd, st) || !cm_dns01_number(config, "ttl", 0, 604800, DEFAULT_TTL, &pd->ttl, st))
		return false;
	notify = cm_json_get(config, "notify");
	if (notify != NULL && cm_json_type(notify) != CM_JSON_BOOL)
		return cm_fail(st, CM_INVALID, "\"notify\" must be true or false");
	pd->notify = cm_json_bool(notify, false);
	return cm_dns01_check_propagation(config, st);
}

static bool
check(const CmJson *config, CmSlice secret, CmStatus *st)
{
	CmPowerDns   *pd = calloc(1, sizeof(CmPowerDns));
	bool		ok;

	if (pd == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	ok = read_settings(config, secret, pd, st);
	cm_dns01_api_free(&pd->run.api);
	free(pd);
	return ok;
}

static bool
read_call(CmDns01Run *run, const CmDns01Call *call, CmStatus *st)
{
	return read_settings(call->config, call->secret, (CmPowerDns *) run, st);
}

/* ---- answers ---- */

/* Ends the call with what the server said no to. */
void
cm_powerdns_refused(CmPowerDns *pd, const CmDns01ApiAnswer *answer, const char *doing)
{
	CmStatus   *st = &pd->run.task.result.status;
	const char *said = cm_json_get_string(answer->json, "error");
	char		words[160] = "";

	cm_dns01_run_judged(&pd->run, answer);
	if (st->code != CM_REFUSED)
	{
		cm_dns01_run_finish(&pd->run);
		return;
	}
	/* Some versions answer plain text. */
	if (said != NULL)
		cm_clean_text(words, sizeof(words), said, strlen(said));
	else
		cm_clean_text(words, sizeof(words), (const char *) answer->body.data, answer->body.len);
	cm_fail(st, CM_REFUSED, "PowerDNS refused to %s", doing);
	if (answer->code == 401 || answer->code == 403)
		cm_fail_detail(st, "It answered HTTP %d: check the secret (api-key in pdns.conf) and webserver-allow-from.", answer->code);
	else if (answer->code == 404 && pd->run.zone[0] == '\0')
		cm_fail_detail(st, "It answered HTTP 404: check \"endpoint\" and \"server_id\", and api=yes in pdns.conf.");
	else
		cm_fail_detail(st, "It answered HTTP %d: %s", answer->code, words[0] != '\0' ? words : "nothing more.");
	cm_dns01_run_finish(&pd->run);
}

/* The zone's path. PowerDNS's ids are names with a final dot, other characters as =XX. */
void
cm_powerdns_put_path(CmBuf *path, const CmPowerDns *pd)
{
	const char *c;

	cm_buf_printf(path, "/api/v1/servers/%s/zones/", pd->server_id);
	for (c = pd->run.zone; *c != '\0'; c++)
	{
		if ((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '.' || *c == '-' || *c == '_')
			cm_buf_append_byte(path, (uint8_t) *c);
		else
			cm_buf_printf(path, "=%02X", (uint8_t) *c);
	}
	cm_buf_append_byte(path, '.');
}

/* ---- the zone of a name ---- */

static void ask_zone(CmPowerDns *pd);

/* 1: the zone is in the answer. -1: it is, but as a secondary. */
static int
zone_in(const CmJson *zones, const char *wanted)
{
	int			found = 0;
	int			i;

	for (i = 0; i < cm_json_length(zones); i++)
	{
		const CmJson *zone = cm_json_at(zones, i);
		const char *name = cm_json_get_string(zone, "name");
		const char *kind = cm_json_get_string(zone, "kind");
		char		canonical[256];

		/* Old versions do not know the filter and list all zones. */
		if (name == NULL || !cm_dns01_canonical(name, canonical) || strcmp(canonical, wanted) != 0)
			continue;
		if (kind == NULL || (strcmp(kind, "Slave") != 0 && strcmp(kind, "Secondary") != 0 && strcmp(kind, "Consumer") != 0))
			return 1;
		found = -1;
	}
	return found;
}

static void
on_zones(CmDns01ApiAnswer *answer, void *arg)
{
	CmPowerDns   *pd = arg;
	int			found;

	if (answer->status.code != CM_OK)
	{
		cm_powerdns_refused(pd, answer, "list its zones");
		return;
	}
	if (answer->json == NULL || cm_json_type(answer->json) != CM_JSON_ARRAY)
	{
		cm_dns01_run_fail(&pd->run, CM_PROTOCOL, "the answer of \"endpoint\" is no list of zones of PowerDNS");
		return;
	}
	found = zone_in(answer->json, pd->suffix);
	if (found > 0)
	{
		snprintf(pd->run.zone, sizeof(pd->run.zone), "%s", pd->suffix);
		cm_dns01_run_finish(&pd->run);
		return;
	}
	pd->secondary = pd->secondary || found < 0;
	pd->suffix = cm_dns01_parent(pd->suffix);
	if (pd->suffix != NULL)
	{
		ask_zone(pd);
		return;
	}
	if (pd->secondary)
		cm_dns01_run_fail(&pd->run, CM_REFUSED, "the zone of \"%.150s\" is secondary at this PowerDNS: give the API of its primary server",
						   pd->run.name);
	else
		cm_dns01_run_fail(&pd->run, CM_REFUSED, "this PowerDNS has no zone that holds \"%.150s\"", pd->run.name);
}

static void
ask_zone(CmPowerDns *pd)
{
	/* Room for every zone of a server that does not know the filter. */
	CmDns01ApiRequest request = {.method = "GET", .max_answer = (size_t) 8 * 1024 * 1024};
	CmBuf		path;

	cm_buf_init(&path, 1500);
	cm_buf_printf(&path, "/api/v1/servers/%s/zones?zone=", pd->server_id);
	cm_dns01_api_escape(&path, pd->suffix);
	cm_buf_append_byte(&path, '.');
	request.path = cm_buf_cstr(&path);
	cm_dns01_run_send(&pd->run, &request, on_zones);
	cm_buf_free(&path);
}

static void
find_first(CmDns01Run *run)
{
	CmPowerDns   *pd = (CmPowerDns *) run;

	pd->suffix = run->name;
	/* _acme-challenge and other labels with an underscore are no zones. */
	while (pd->suffix[0] == '_' && cm_dns01_parent(pd->suffix) != NULL)
		pd->suffix = cm_dns01_parent(pd->suffix);
	ask_zone(pd);
}

static bool
find_zone(const CmDns01Call *call, CmStatus *st)
{
	return cm_dns01_run_start(call, sizeof(CmPowerDns), read_call, NULL, find_first, st);
}

/* ---- changes, one value at a time (4.9 and later) ---- */

void
cm_powerdns_put_content(CmBuf *body, const char *content, bool disabled)
{
	cm_buf_append_str(body, "{\"content\":");
	cm_json_quote(body, content);
	cm_buf_printf(body, ",\"disabled\":%s}", disabled ? "true" : "false");
}

void
cm_powerdns_put_value(CmBuf *body, const char *value)
{
	CmBuf		content;

	cm_buf_init(&content, 16384);
	cm_dns01_quote(&content, value);
	cm_powerdns_put_content(body, cm_buf_cstr(&content), false);
	cm_buf_free(&content);
}

void
cm_powerdns_put_head(CmBuf *body, const char *name, const char *changetype, int ttl)
{
	char		absolute[258];

	snprintf(absolute, sizeof(absolute), "%s.", name);
	cm_buf_append_str(body, "{\"name\":");
	cm_json_quote(body, absolute);
	cm_buf_printf(body, ",\"type\":\"TXT\",\"changetype\":\"%s\",\"ttl\":%d,\"records\":[", changetype, ttl);
}

/* The server takes exactly one record a set here, and any number of sets of the same name. */
void
cm_powerdns_put_changes(CmBuf *body, const CmPowerDns *pd, const char *name, int ttl)
{
	const CmDns01Item *items = pd->run.items;
	bool		first = true;
	int			i;

	cm_buf_append_str(body, "{\"rrsets\":[");
	for (i = 0; i < pd->run.count; i++)
	{
		if (items[i].done || (name != NULL && strcmp(items[i].name, name) != 0))
			continue;
		cm_buf_append_str(body, first ? "" : ",");
		first = false;
		cm_powerdns_put_head(body, items[i].name, items[i].remove ? "PRUNE" : "EXTEND", ttl);
		cm_powerdns_put_value(body, items[i].value);
		cm_buf_append_str(body, "]}");
	}
	cm_buf_append_str(body, "]}");
}

static void
on_changed(CmDns01ApiAnswer *answer, void *arg)
{
	CmPowerDns   *pd = arg;
	const char *said = cm_json_get_string(answer->json, "error");
	int			i;

	if (answer->status.code == CM_OK)
	{
		for (i = 0; i < pd->run.count; i++)
			pd->run.items[i].done = true;
	}
	else if (answer->code == 422 && said != NULL && strcasestr(said, "changetype") != NULL)
		pd->replace = true;
	else if (answer->code == 422 && said != NULL && strcasestr(said, "different TTL") != NULL)
		pd->replace = pd->by_ttl = true;
	else
	{
		cm_powerdns_refused(pd, answer, "change the zone");
		return;
	}
	cm_powerdns_apply(pd);
}

static void
send_changes(CmPowerDns *pd)
{
	CmBuf		path;
	CmBuf		body;

	cm_buf_init(&path, 1024);
	cm_buf_init(&body, 1024 * 1024);
	cm_powerdns_put_path(&path, pd);
	cm_powerdns_put_changes(&body, pd, NULL, pd->ttl);
	cm_dns01_run_send_json(&pd->run, "PATCH", cm_buf_cstr(&path), &body, on_changed);
	cm_buf_free(&path);
}

/* ---- the order of things ---- */

static void
on_notified(CmDns01ApiAnswer *answer, void *arg)
{
	CmPowerDns   *pd = arg;

	if (answer->status.code != CM_OK)
	{
		cm_powerdns_refused(pd, answer, "notify the secondary servers");
		return;
	}
	pd->notified = true;
	cm_powerdns_apply(pd);
}

static void
send_notify(CmPowerDns *pd)
{
	CmBuf		path;
	CmBuf		body;

	cm_buf_init(&path, 1024);
	cm_buf_init(&body, 16);
	cm_powerdns_put_path(&path, pd);
	cm_buf_append_str(&path, "/notify");
	cm_buf_append_str(&body, "{}");
	cm_dns01_run_send_json(&pd->run, "PUT", cm_buf_cstr(&path), &body, on_notified);
	cm_buf_free(&path);
}

static void
wait_for_name(CmDns01Run *run)
{
	cm_powerdns_apply((CmPowerDns *) run);
}

void
cm_powerdns_apply(CmPowerDns *pd)
{
	CmDns01Item *next = cm_dns01_run_next(&pd->run);

	if (next == NULL)
	{
		if (pd->notify && !pd->notified)
			send_notify(pd);
		else
			cm_dns01_run_finish(&pd->run);
		return;
	}
	if (!pd->replace)
		send_changes(pd);
	else if (cm_powerdns_enter(pd, next->name))
		cm_powerdns_replace(&pd->run);
	else
		cm_dns01_run_later(&pd->run, BUSY_MS, wait_for_name);
}

static void
apply_first(CmDns01Run *run)
{
	cm_powerdns_apply((CmPowerDns *) run);
}

static bool
apply(const CmDns01Call *call, CmStatus *st)
{
	return cm_dns01_run_start(call, sizeof(CmPowerDns), read_call, cm_powerdns_release, apply_first, st);
}

const CmDns01Provider cm_dns01_powerdns = {
	"powerdns", check, find_zone, apply, NULL
};
