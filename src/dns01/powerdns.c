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
 * that server's interface allows.
 *
 * config: endpoint (without /api/v1), server_id, notify, ttl, trust_anchors,
 * timeout; what propagation.c reads. secret: the API key.
 */
#include "base/host.h"
#include "dns01/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TTL 60
/* Rounds of read, replace, read again for one name before somebody should look who else writes there. */
#define ROUNDS_MAX 6
/* Between the rounds, more each time, so that two writers get out of step. */
#define ROUND_MS 40
/* Until a name is free that another call of this process works on. */
#define BUSY_MS 20
/* Values of one set: more do not fit into a DNS answer. */
#define VALUES_MAX 1000

typedef struct PowerDns
{
	CmDns01Run run;
	char		server_id[64];
	bool		notify;
	int			ttl;
	const char *suffix;			/* zone walk: the part of run.name that is asked for */
	bool		secondary;		/* zone walk: a zone is there that cannot be written */
	bool		removing;		/* the half of the call that is under way: removals go first */
	bool		replace;		/* no EXTEND and PRUNE here */
	bool		notified;
	int			rounds;
	char		name[256];		/* the name that is being replaced; "": none */
	bool		written;		/* it was; now it is read again */
	struct PowerDns *busy_next; /* those with a name that is being replaced */
} PowerDns;

/* Calls of this process that replace a set: a list, since there are few. */
static PowerDns *busy;

static void apply_next(PowerDns *pd);
static void replace_name(CmDns01Run *run);

/* ---- configuration ---- */

static bool
read_server_id(const CmJson *config, PowerDns *pd, CmStatus *st)
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
read_settings(const CmJson *config, CmSlice secret, PowerDns *pd, CmStatus *st)
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
	PowerDns   *pd = calloc(1, sizeof(PowerDns));
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
	return read_settings(call->config, call->secret, (PowerDns *) run, st);
}

/* ---- answers ---- */

/* Ends the call with what the server said no to. */
static void
refused(PowerDns *pd, const CmDns01ApiAnswer *answer, const char *doing)
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
static void
put_zone_path(CmBuf *path, const PowerDns *pd)
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

static void ask_zone(PowerDns *pd);

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
	PowerDns   *pd = arg;
	int			found;

	if (answer->status.code != CM_OK)
	{
		refused(pd, answer, "list its zones");
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
ask_zone(PowerDns *pd)
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
	PowerDns   *pd = (PowerDns *) run;

	pd->suffix = run->name;
	/* _acme-challenge and other labels with an underscore are no zones. */
	while (pd->suffix[0] == '_' && cm_dns01_parent(pd->suffix) != NULL)
		pd->suffix = cm_dns01_parent(pd->suffix);
	ask_zone(pd);
}

static bool
find_zone(const CmDns01Call *call, CmStatus *st)
{
	return cm_dns01_run_start(call, sizeof(PowerDns), read_call, NULL, find_first, st);
}

/* ---- changes, one value at a time (4.9 and later) ---- */

static void
put_content(CmBuf *body, const char *content, bool disabled)
{
	cm_buf_append_str(body, "{\"content\":");
	cm_json_quote(body, content);
	cm_buf_printf(body, ",\"disabled\":%s}", disabled ? "true" : "false");
}

static void
put_value(CmBuf *body, const char *value)
{
	CmBuf		content;

	cm_buf_init(&content, 16384);
	cm_dns01_quote(&content, value);
	put_content(body, cm_buf_cstr(&content), false);
	cm_buf_free(&content);
}

static void
put_rrset_head(CmBuf *body, const char *name, const char *changetype, int ttl)
{
	char		absolute[258];

	snprintf(absolute, sizeof(absolute), "%s.", name);
	cm_buf_append_str(body, "{\"name\":");
	cm_json_quote(body, absolute);
	cm_buf_printf(body, ",\"type\":\"TXT\",\"changetype\":\"%s\",\"ttl\":%d,\"records\":[", changetype, ttl);
}

/* Is the item the first of its name and kind that is not done? */
static bool
leads(const PowerDns *pd, int at)
{
	const CmDns01Item *items = pd->run.items;
	int			i;

	for (i = 0; i < at; i++)
	{
		if (!items[i].done && items[i].remove == items[at].remove && strcmp(items[i].name, items[at].name) == 0)
			return false;
	}
	return true;
}

static void
put_changes(CmBuf *body, const PowerDns *pd)
{
	const CmDns01Item *items = pd->run.items;
	bool		first = true;
	int			i;
	int			j;

	cm_buf_append_str(body, "{\"rrsets\":[");
	for (i = 0; i < pd->run.count; i++)
	{
		if (items[i].done || items[i].remove != pd->removing || !leads(pd, i))
			continue;
		cm_buf_append_str(body, first ? "" : ",");
		first = false;
		put_rrset_head(body, items[i].name, pd->removing ? "PRUNE" : "EXTEND", pd->ttl);
		for (j = i; j < pd->run.count; j++)
		{
			if (items[j].done || items[j].remove != pd->removing || strcmp(items[j].name, items[i].name) != 0)
				continue;
			cm_buf_append_str(body, j > i ? "," : "");
			put_value(body, items[j].value);
		}
		cm_buf_append_str(body, "]}");
	}
	cm_buf_append_str(body, "]}");
}

static void
on_changed(CmDns01ApiAnswer *answer, void *arg)
{
	PowerDns   *pd = arg;
	const char *said = cm_json_get_string(answer->json, "error");
	int			i;

	if (answer->status.code == CM_OK)
	{
		for (i = 0; i < pd->run.count; i++)
			pd->run.items[i].done = pd->run.items[i].done || pd->run.items[i].remove == pd->removing;
	}
	else if (answer->code == 422 && said != NULL && strcasestr(said, "changetype") != NULL)
		pd->replace = true;
	else
	{
		refused(pd, answer, "change the zone");
		return;
	}
	apply_next(pd);
}

static void
send_changes(PowerDns *pd)
{
	CmBuf		path;
	CmBuf		body;

	cm_buf_init(&path, 1024);
	cm_buf_init(&body, 1024 * 1024);
	put_zone_path(&path, pd);
	put_changes(&body, pd);
	cm_dns01_run_send_json(&pd->run, "PATCH", cm_buf_cstr(&path), &body, on_changed);
	cm_buf_free(&path);
}

/* ---- changes of whole sets ---- */

static void
leave_name(PowerDns *pd)
{
	PowerDns  **at;

	for (at = &busy; *at != NULL; at = &(*at)->busy_next)
	{
		if (*at == pd)
		{
			*at = pd->busy_next;
			break;
		}
	}
	pd->name[0] = '\0';
	pd->written = false;
	pd->rounds = 0;
}

static void
release(CmDns01Run *run)
{
	leave_name((PowerDns *) run);
}

/* Takes a name, unless another call works on it. */
static bool
enter_name(PowerDns *pd, const char *name)
{
	const PowerDns *other;

	for (other = busy; other != NULL; other = other->busy_next)
	{
		if (strcmp(other->name, name) == 0 && strcmp(other->run.api.endpoint, pd->run.api.endpoint) == 0)
			return false;
	}
	snprintf(pd->name, sizeof(pd->name), "%s", name);
	pd->busy_next = busy;
	busy = pd;
	return true;
}

/* The TXT set of the name that is being replaced; NULL: there is none. */
static const CmJson *
set_in(const PowerDns *pd, const CmJson *zone)
{
	const CmJson *rrsets = cm_json_get(zone, "rrsets");
	int			i;

	for (i = 0; i < cm_json_length(rrsets); i++)
	{
		const CmJson *set = cm_json_at(rrsets, i);
		const char *name = cm_json_get_string(set, "name");
		const char *type = cm_json_get_string(set, "type");
		char		canonical[256];

		if (name != NULL && type != NULL && strcmp(type, "TXT") == 0 && cm_dns01_canonical(name, canonical) &&
			strcmp(canonical, pd->name) == 0)
			return set;
	}
	return NULL;
}

/* The item of the name that has this content; NULL: the value is somebody else's. */
static const CmDns01Item *
item_of(const PowerDns *pd, const char *content)
{
	int			i;

	for (i = 0; i < pd->run.count; i++)
	{
		const CmDns01Item *item = &pd->run.items[i];

		if (!item->done && strcmp(item->name, pd->name) == 0 && cm_dns01_same_value(content, item->value))
			return item;
	}
	return NULL;
}

static bool
contains(const CmJson *records, const char *value)
{
	int			i;

	for (i = 0; i < cm_json_length(records); i++)
	{
		const CmJson *record = cm_json_at(records, i);
		const char *content = cm_json_get_string(record, "content");

		if (content != NULL && !cm_json_bool(cm_json_get(record, "disabled"), false) && cm_dns01_same_value(content, value))
			return true;
	}
	return false;
}

/* Is the set as wanted? */
static bool
satisfied(const PowerDns *pd, const CmJson *records)
{
	int			i;

	for (i = 0; i < pd->run.count; i++)
	{
		const CmDns01Item *item = &pd->run.items[i];

		if (!item->done && strcmp(item->name, pd->name) == 0 && contains(records, item->value) == item->remove)
			return false;
	}
	return true;
}

/* The new set: what others have there, as they wrote it, and our values. Returns how many. */
static int
put_set(CmBuf *body, const PowerDns *pd, const CmJson *set)
{
	const CmJson *records = cm_json_get(set, "records");
	const char *ttl = cm_json_string(cm_json_get(set, "ttl"));
	long		old_ttl = ttl != NULL ? strtol(ttl, NULL, 10) : -1;
	int			count = 0;
	int			i;

	/* A set that is there keeps its TTL. */
	put_rrset_head(body, pd->name, "REPLACE", old_ttl >= 0 && old_ttl <= INT32_MAX ? (int) old_ttl : pd->ttl);
	for (i = 0; i < cm_json_length(records); i++)
	{
		const CmJson *record = cm_json_at(records, i);
		const char *content = cm_json_get_string(record, "content");

		if (content == NULL || item_of(pd, content) != NULL)
			continue;
		cm_buf_append_str(body, count++ > 0 ? "," : "");
		put_content(body, content, cm_json_bool(cm_json_get(record, "disabled"), false));
	}
	for (i = 0; i < pd->run.count; i++)
	{
		const CmDns01Item *item = &pd->run.items[i];

		if (item->done || item->remove || strcmp(item->name, pd->name) != 0)
			continue;
		cm_buf_append_str(body, count++ > 0 ? "," : "");
		put_value(body, item->value);
	}
	cm_buf_append_str(body, "]}");
	return count;
}

static void
on_replaced(CmDns01ApiAnswer *answer, void *arg)
{
	PowerDns   *pd = arg;

	if (answer->status.code != CM_OK)
	{
		refused(pd, answer, "change the zone");
		return;
	}
	pd->written = true;
	replace_name(&pd->run);
}

static void
send_set(PowerDns *pd, const CmJson *set)
{
	CmBuf		path;
	CmBuf		body;
	CmBuf		rrset;

	cm_buf_init(&path, 1024);
	cm_buf_init(&body, 1024 * 1024);
	cm_buf_init(&rrset, 1024 * 1024);
	put_zone_path(&path, pd);
	if (put_set(&rrset, pd, set) == 0)
	{
		cm_buf_reset(&rrset);
		put_rrset_head(&rrset, pd->name, "DELETE", pd->ttl);
		cm_buf_append_str(&rrset, "]}");
	}
	cm_buf_append_str(&body, "{\"rrsets\":[");
	cm_buf_append_str(&body, cm_buf_cstr(&rrset));
	cm_buf_append_str(&body, "]}");
	body.failed = body.failed || rrset.failed;
	cm_buf_free(&rrset);
	cm_dns01_run_send_json(&pd->run, "PATCH", cm_buf_cstr(&path), &body, on_replaced);
	cm_buf_free(&path);
}

static void
on_set(CmDns01ApiAnswer *answer, void *arg)
{
	PowerDns   *pd = arg;
	const CmJson *set;
	int			i;

	if (answer->status.code != CM_OK)
	{
		refused(pd, answer, "show the zone");
		return;
	}
	if (answer->json == NULL || cm_json_type(answer->json) != CM_JSON_OBJECT)
	{
		cm_dns01_run_fail(&pd->run, CM_PROTOCOL, "PowerDNS's answer is no zone");
		return;
	}
	set = set_in(pd, answer->json);
	if (cm_json_length(cm_json_get(set, "records")) > VALUES_MAX)
	{
		cm_dns01_run_fail(&pd->run, CM_LIMIT, "there are more than %d TXT values at \"%.150s\"", VALUES_MAX, pd->name);
		return;
	}
	if (satisfied(pd, cm_json_get(set, "records")))
	{
		for (i = 0; i < pd->run.count; i++)
			pd->run.items[i].done = pd->run.items[i].done || strcmp(pd->run.items[i].name, pd->name) == 0;
		leave_name(pd);
		apply_next(pd);
	}
	else if (pd->rounds++ == ROUNDS_MAX)
		cm_dns01_run_fail(&pd->run, CM_NETWORK, "somebody else keeps replacing the TXT records at \"%.150s\"", pd->name);
	else if (pd->written)
	{
		/* Overwritten in between: once more, from what is there now. */
		pd->written = false;
		cm_dns01_run_later(&pd->run, ROUND_MS * pd->rounds, replace_name);
	}
	else
		send_set(pd, set);
}

/* Reads the set of the name: before it is written, and after. */
static void
replace_name(CmDns01Run *run)
{
	PowerDns   *pd = (PowerDns *) run;
	CmDns01ApiRequest request = {.method = "GET", .max_answer = (size_t) 8 * 1024 * 1024};
	CmBuf		path;

	cm_buf_init(&path, 2000);
	put_zone_path(&path, pd);
	cm_buf_append_str(&path, "?rrset_name=");
	cm_dns01_api_escape(&path, pd->name);
	cm_buf_append_str(&path, ".&rrset_type=TXT");
	request.path = cm_buf_cstr(&path);
	cm_dns01_run_send(&pd->run, &request, on_set);
	cm_buf_free(&path);
}

/* ---- the order of things ---- */

static void
on_notified(CmDns01ApiAnswer *answer, void *arg)
{
	PowerDns   *pd = arg;

	if (answer->status.code != CM_OK)
	{
		refused(pd, answer, "notify the secondary servers");
		return;
	}
	pd->notified = true;
	apply_next(pd);
}

static void
send_notify(PowerDns *pd)
{
	CmBuf		path;
	CmBuf		body;

	cm_buf_init(&path, 1024);
	cm_buf_init(&body, 16);
	put_zone_path(&path, pd);
	cm_buf_append_str(&path, "/notify");
	cm_buf_append_str(&body, "{}");
	cm_dns01_run_send_json(&pd->run, "PUT", cm_buf_cstr(&path), &body, on_notified);
	cm_buf_free(&path);
}

static void
wait_for_name(CmDns01Run *run)
{
	apply_next((PowerDns *) run);
}

static void
apply_next(PowerDns *pd)
{
	CmDns01Item *next = NULL;
	int			i;

	/* Removals first: a set never grows needlessly. */
	for (i = 0; i < pd->run.count; i++)
	{
		CmDns01Item *item = &pd->run.items[i];

		if (!item->done && (next == NULL || (item->remove && !next->remove)))
			next = item;
	}
	if (next == NULL)
	{
		if (pd->notify && !pd->notified)
			send_notify(pd);
		else
			cm_dns01_run_finish(&pd->run);
		return;
	}
	pd->removing = next->remove;
	if (!pd->replace)
		send_changes(pd);
	else if (enter_name(pd, next->name))
		replace_name(&pd->run);
	else
		cm_dns01_run_later(&pd->run, BUSY_MS, wait_for_name);
}

static void
apply_first(CmDns01Run *run)
{
	apply_next((PowerDns *) run);
}

static bool
apply(const CmDns01Call *call, CmStatus *st)
{
	return cm_dns01_run_start(call, sizeof(PowerDns), read_call, release, apply_first, st);
}

const CmDns01Provider cm_dns01_powerdns = {
	"powerdns", check, find_zone, apply, NULL
};
