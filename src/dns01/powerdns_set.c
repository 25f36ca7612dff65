/*
 * powerdns_set.c - changes of TXT sets at a PowerDNS that only replaces whole
 * sets, or wants to be told their TTL: read, change, write, read again.
 *
 * Runs in the database worker and in CALL certmgr.work(). A name is worked on by
 * one call of this process at a time; nothing else is locked. What may fail: see
 * powerdns.c, which says what this can and cannot promise.
 */
#include "dns01/powerdns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rounds of read, replace, read again for one name before somebody should look who else writes there. */
#define ROUNDS_MAX 6
/* Between the rounds, more each time, so that two writers get out of step. */
#define ROUND_MS 40
/* Values of one set: more do not fit into a DNS answer. */
#define VALUES_MAX 1000

/* Calls of this process that replace a set: a list, since there are few. */
static CmPowerDns *busy;

void
cm_powerdns_leave(CmPowerDns *pd)
{
	CmPowerDns  **at;

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

void
cm_powerdns_release(CmDns01Run *run)
{
	cm_powerdns_leave((CmPowerDns *) run);
}

/* Takes a name, unless another call works on it. */
bool
cm_powerdns_enter(CmPowerDns *pd, const char *name)
{
	const CmPowerDns *other;

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
set_in(const CmPowerDns *pd, const CmJson *zone)
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
item_of(const CmPowerDns *pd, const char *content)
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
satisfied(const CmPowerDns *pd, const CmJson *records)
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

/* A set that is there keeps its TTL. */
static int
ttl_of(const CmPowerDns *pd, const CmJson *set)
{
	const char *ttl = cm_json_string(cm_json_get(set, "ttl"));
	long		old_ttl = ttl != NULL ? strtol(ttl, NULL, 10) : -1;

	return old_ttl >= 0 && old_ttl <= INT32_MAX ? (int) old_ttl : pd->ttl;
}

/* The new set: what others have there, as they wrote it, and our values. Returns how many. */
static int
put_set(CmBuf *body, const CmPowerDns *pd, const CmJson *set)
{
	const CmJson *records = cm_json_get(set, "records");
	int			count = 0;
	int			i;

	cm_powerdns_put_head(body, pd->name, "REPLACE", ttl_of(pd, set));
	for (i = 0; i < cm_json_length(records); i++)
	{
		const CmJson *record = cm_json_at(records, i);
		const char *content = cm_json_get_string(record, "content");

		if (content == NULL || item_of(pd, content) != NULL)
			continue;
		cm_buf_append_str(body, count++ > 0 ? "," : "");
		cm_powerdns_put_content(body, content, cm_json_bool(cm_json_get(record, "disabled"), false));
	}
	for (i = 0; i < pd->run.count; i++)
	{
		const CmDns01Item *item = &pd->run.items[i];

		if (item->done || item->remove || strcmp(item->name, pd->name) != 0)
			continue;
		cm_buf_append_str(body, count++ > 0 ? "," : "");
		cm_powerdns_put_value(body, item->value);
	}
	cm_buf_append_str(body, "]}");
	return count;
}

static void
on_replaced(CmDns01ApiAnswer *answer, void *arg)
{
	CmPowerDns   *pd = arg;

	if (answer->status.code != CM_OK)
	{
		cm_powerdns_refused(pd, answer, "change the zone");
		return;
	}
	pd->written = true;
	cm_powerdns_replace(&pd->run);
}

/* The whole set anew; without a value left: none. */
static void
put_replacement(CmBuf *body, const CmPowerDns *pd, const CmJson *set)
{
	CmBuf		rrset;

	cm_buf_init(&rrset, 1024 * 1024);
	if (put_set(&rrset, pd, set) == 0)
	{
		cm_buf_reset(&rrset);
		cm_powerdns_put_head(&rrset, pd->name, "DELETE", pd->ttl);
		cm_buf_append_str(&rrset, "]}");
	}
	cm_buf_append_str(body, "{\"rrsets\":[");
	cm_buf_append_str(body, cm_buf_cstr(&rrset));
	cm_buf_append_str(body, "]}");
	body->failed = body->failed || rrset.failed;
	cm_buf_free(&rrset);
}

static void
send_set(CmPowerDns *pd, const CmJson *set)
{
	CmBuf		path;
	CmBuf		body;

	cm_buf_init(&path, 1024);
	cm_buf_init(&body, 1024 * 1024);
	cm_powerdns_put_path(&path, pd);
	if (pd->by_ttl)
		cm_powerdns_put_changes(&body, pd, pd->name, ttl_of(pd, set));
	else
		put_replacement(&body, pd, set);
	cm_dns01_run_send_json(&pd->run, "PATCH", cm_buf_cstr(&path), &body, on_replaced);
	cm_buf_free(&path);
}

static void
on_set(CmDns01ApiAnswer *answer, void *arg)
{
	CmPowerDns   *pd = arg;
	const CmJson *set;
	int			i;

	if (answer->status.code != CM_OK)
	{
		cm_powerdns_refused(pd, answer, "show the zone");
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
		cm_powerdns_leave(pd);
		cm_powerdns_apply(pd);
	}
	else if (pd->rounds++ == ROUNDS_MAX)
		cm_dns01_run_fail(&pd->run, CM_NETWORK, "somebody else keeps replacing the TXT records at \"%.150s\"", pd->name);
	else if (pd->written)
	{
		/* Overwritten in between: once more, from what is there now. */
		pd->written = false;
		cm_dns01_run_later(&pd->run, ROUND_MS * pd->rounds, cm_powerdns_replace);
	}
	else
		send_set(pd, set);
}

/* Reads the set of the name: before it is written, and after. */
void
cm_powerdns_replace(CmDns01Run *run)
{
	CmPowerDns   *pd = (CmPowerDns *) run;
	CmDns01ApiRequest request = {.method = "GET", .max_answer = (size_t) 8 * 1024 * 1024};
	CmBuf		path;

	cm_buf_init(&path, 2000);
	cm_powerdns_put_path(&path, pd);
	cm_buf_append_str(&path, "?rrset_name=");
	cm_dns01_api_escape(&path, pd->name);
	cm_buf_append_str(&path, ".&rrset_type=TXT");
	request.path = cm_buf_cstr(&path);
	cm_dns01_run_send(&pd->run, &request, on_set);
	cm_buf_free(&path);
}
