/*
 * azure.c - the provider "azure": TXT record sets in public zones of Azure DNS
 * (API 2018-05-01). Configuration and credentials: azure.h.
 *
 * check runs in backends, the calls in the database worker and in CALL
 * certmgr.work(); nothing is locked. A set is read with its etag and written
 * only if it still has that one (If-Match), or still is not there
 * (If-None-Match): nobody's change is lost, and a conflict only means to read
 * again. What may fail: the configuration; Azure saying no, with the missing
 * permission named.
 *
 * Permissions: Microsoft.Network/dnsZones/read and dnsZones/TXT/read, write,
 * delete: the role "DNS Zone Contributor" has them.
 */
#include "dns01/azure.h"

#include "base/host.h"
#include "dns01/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION "api-version=2018-05-01"
#define CONFLICTS_MAX 6
#define CONFLICT_MS 400
/* A hundred zones a page. */
#define PAGES_MAX 100
/* A string of a TXT record. */
#define STRING_MAX 255

typedef struct Task
{
	CmDns01Task task;
	CmAzureSettings settings;
	char		name[256];
	int			pages;
	CmDns01Sets sets;
	char	  **metadata;		/* of each set, JSON: ours to keep */
	int			at;
	int			conflicts;
} Task;

/* ---- tasks ---- */

static void
task_free(CmDns01Task *base)
{
	Task	   *task = (Task *) base;
	int			i;

	for (i = 0; task->metadata != NULL && i < task->sets.count; i++)
		free(task->metadata[i]);
	free(task->metadata);
	cm_azure_settings_free(&task->settings);
	cm_dns01_sets_free(&task->sets);
	free(task);
}

static bool
read_task(CmDns01Task *base, const CmJson *config, CmSlice secret, CmStatus *st)
{
	return cm_azure_settings_read(config, secret, &((Task *) base)->settings, st);
}

static bool
check(const CmJson *config, CmSlice secret, CmStatus *st)
{
	return cm_dns01_task_check(sizeof(Task), config, secret, read_task, task_free, st);
}

static Task *
task_create(const CmDns01Call *call, CmStatus *st)
{
	return cm_dns01_task_create(sizeof(Task), call, read_task, task_free, st);
}

/* path is behind the provider Microsoft.Network, without a query; or a whole URL. */
static bool
call_azure(Task *task, const char *method, const char *path, const char *condition, CmBuf *body, CmDns01ApiDone done, CmStatus *st)
{
	const char *headers[] = {condition, NULL};
	CmDns01ApiRequest request = {.method = method, .headers = headers, .body = body != NULL ? cm_buf_cstr(body) : NULL, .body_len = body != NULL ? body->len : 0};
	CmBuf		whole;
	bool		ok;

	cm_buf_init(&whole, 2048);
	if (strncmp(path, "https://", 8) == 0)
		cm_buf_append_str(&whole, path);
	else
		cm_buf_printf(&whole, "/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Network%s?" API_VERSION, task->settings.subscription, task->settings.group, path);
	request.path = cm_buf_cstr(&whole);
	ok = (!whole.failed || cm_fail(st, CM_LIMIT, "a URL is too long")) &&
		cm_oauth_send(task->task.loop, &task->settings.oauth, &request, done, task, st);
	cm_buf_free(&whole);
	return ok;
}

/* The end, in words. {"error":{"code","message"}}, or the two without "error". */
static void
failed(Task *task, CmDns01ApiAnswer *answer, const char *permission)
{
	const CmJson *error = cm_json_get(answer->json, "error");
	const char *code = cm_json_get_string(error != NULL ? error : answer->json, "code");
	const char *message = cm_json_get_string(error != NULL ? error : answer->json, "message");
	char		shown[400];

	cm_clean_text(shown, sizeof(shown), code != NULL ? code : "no reason given", strlen(code != NULL ? code : "no reason given"));
	if (answer->code == 403)
		cm_fail(&answer->status, CM_REFUSED, "Azure denied access: the identity lacks the permission \"%s\" (%s)", permission, shown);
	else if (answer->code == 401)
		cm_fail(&answer->status, CM_REFUSED, "Azure does not accept the access token: %s", shown);
	else if (answer->status.code == CM_REFUSED && answer->code >= 400)
		cm_fail(&answer->status, CM_REFUSED, "Azure refused the request: %s (HTTP %d)", shown, answer->code);
	if (message != NULL && answer->code >= 400)
	{
		cm_clean_text(shown, sizeof(shown), message, strlen(message));
		cm_fail_detail(&answer->status, "Azure said: %s", shown);
	}
	cm_dns01_task_fail(&task->task, &answer->status, answer->retry_after);
}

/* ---- find_zone ---- */

static void on_zones(CmDns01ApiAnswer *answer, void *arg);

/* The next page is Azure's URL: only one at the same server gets our token. */
static bool
next_page(Task *task, const char *link, CmStatus *st)
{
	const char *endpoint = task->settings.oauth.api.endpoint;
	size_t		len = strlen(endpoint);

	if (task->pages++ == PAGES_MAX || strncmp(link, endpoint, len) != 0 || link[len] != '/' || strlen(link) > 1500 || strpbrk(link, " \r\n\t") != NULL)
		return cm_fail(st, CM_PROTOCOL, "Azure's list of zones goes on at another server, or does not end");
	return call_azure(task, "GET", link, NULL, NULL, on_zones, st);
}

static void
on_zones(CmDns01ApiAnswer *answer, void *arg)
{
	Task	   *task = arg;
	CmDns01Result *result = &task->task.result;
	const CmJson *zones;
	const char *link;
	CmStatus	st = CM_STATUS_INIT;
	int			i;

	if (answer->status.code != CM_OK)
	{
		failed(task, answer, "Microsoft.Network/dnsZones/read");
		return;
	}
	zones = cm_json_get(answer->json, "value");
	for (i = 0; zones != NULL && i < cm_json_length(zones); i++)
	{
		const char *text = cm_json_get_string(cm_json_at(zones, i), "name");
		char		name[256];

		if (text != NULL && cm_dns01_canonical(text, name) && cm_host_in_zone(task->name, name) && strlen(name) > strlen(result->zone))
			memcpy(result->zone, name, sizeof(name));
	}
	link = cm_json_get_string(answer->json, "nextLink");
	if (link != NULL && link[0] != '\0')
	{
		if (!next_page(task, link, &st))
			cm_dns01_task_fail(&task->task, &st, -1);
		return;
	}
	if (result->zone[0] != '\0')
	{
		cm_dns01_task_finish(&task->task);
		return;
	}
	cm_fail(&st, CM_REFUSED, "no DNS zone of resource group \"%s\" holds \"%.120s\"", task->settings.group, task->name);
	cm_dns01_task_fail(&task->task, &st, -1);
}

static bool
find_zone(const CmDns01Call *call, CmStatus *st)
{
	Task	   *task = task_create(call, st);
	CmDns01Result *result;
	bool		sent = false;

	if (task == NULL)
		return false;
	result = &task->task.result;
	if (!cm_dns01_canonical(call->name, task->name))
	{
		task_free(&task->task);
		return cm_fail(st, CM_INVALID, "\"%.100s\" is not a DNS name", call->name);
	}
	if (task->settings.zone[0] == '\0')
		sent = call_azure(task, "GET", "/dnsZones", NULL, NULL, on_zones, &result->status);
	else if (cm_host_in_zone(task->name, task->settings.zone))
		memcpy(result->zone, task->settings.zone, sizeof(result->zone));
	else
		cm_fail(&result->status, CM_REFUSED, "\"%.100s\" is not in zone \"%.100s\"", task->name, task->settings.zone);
	return cm_dns01_task_begin(&task->task, sent, st);
}

/* ---- values: a TXT record is an array of strings; here "a" "b" with \" and \\ escaped ---- */

static bool
quoted_form(CmBuf *out, const char *value)
{
	int			n = 0;

	cm_buf_append_byte(out, '"');
	for (; *value != '\0'; value++)
	{
		if (n++ == STRING_MAX)
		{
			cm_buf_append_str(out, "\" \"");
			n = 1;
		}
		if (*value == '"' || *value == '\\')
			cm_buf_append_byte(out, '\\');
		cm_buf_append_byte(out, (uint8_t) *value);
	}
	return cm_buf_append_byte(out, '"');
}

/* The array's strings, each quoted. */
static bool
quote_strings(CmBuf *out, const CmJson *strings)
{
	int			i;

	for (i = 0; strings != NULL && i < cm_json_length(strings); i++)
	{
		const char *p = cm_json_string(cm_json_at(strings, i));

		if (p == NULL)
			return false;
		cm_buf_append_str(out, i > 0 ? " \"" : "\"");
		for (; *p != '\0'; p++)
		{
			if (*p == '"' || *p == '\\')
				cm_buf_append_byte(out, '\\');
			cm_buf_append_byte(out, (uint8_t) *p);
		}
		cm_buf_append_byte(out, '"');
	}
	return strings != NULL && !out->failed;
}

/* And back into an array. */
static void
append_strings(CmBuf *out, const char *quoted)
{
	CmBuf		one;
	bool		first = true;

	cm_buf_init(&one, 65536);
	cm_buf_append_byte(out, '[');
	while (*quoted == '"')
	{
		cm_buf_reset(&one);
		for (quoted++; *quoted != '"' && *quoted != '\0'; quoted++)
		{
			if (*quoted == '\\')
				quoted++;
			cm_buf_append_byte(&one, (uint8_t) *quoted);
		}
		if (!first)
			cm_buf_append_byte(out, ',');
		first = false;
		(void) cm_json_quote(out, cm_buf_cstr(&one));
		quoted += *quoted == '"';
		quoted += *quoted == ' ';
	}
	cm_buf_append_byte(out, ']');
	cm_buf_free(&one);
}

/* ---- apply ---- */

static bool next(Task *task, CmStatus *st);

static void
go_on(Task *task)
{
	CmStatus	st = CM_STATUS_INIT;

	if (!next(task, &st))
		cm_dns01_task_fail(&task->task, &st, -1);
}

static void
again(CmDns01Task *base)
{
	go_on((Task *) base);
}

/* Names and texts that somebody attached to the set: a PUT without them takes them away. */
static bool
keep_metadata(Task *task, const CmJson *metadata)
{
	CmBuf		out;
	int			i;

	free(task->metadata[task->at]);
	task->metadata[task->at] = NULL;
	if (metadata == NULL || cm_json_length(metadata) == 0)
		return true;
	cm_buf_init(&out, 65536);
	for (i = 0; i < cm_json_length(metadata); i++)
	{
		const char *text = cm_json_string(cm_json_value(metadata, i));

		cm_buf_append_byte(&out, i == 0 ? '{' : ',');
		(void) cm_json_quote(&out, cm_json_key(metadata, i));
		cm_buf_append_byte(&out, ':');
		(void) cm_json_quote(&out, text != NULL ? text : "");
	}
	cm_buf_append_byte(&out, '}');
	task->metadata[task->at] = out.failed ? NULL : strdup(cm_buf_cstr(&out));
	cm_buf_free(&out);
	return task->metadata[task->at] != NULL;
}

static bool
take_set(Task *task, const CmJson *json, CmStatus *st)
{
	CmDns01Set *set = &task->sets.sets[task->at];
	const CmJson *properties = cm_json_get(json, "properties");
	const CmJson *records = cm_json_get(properties, "TXTRecords");
	const char *etag = cm_json_get_string(json, "etag");
	const char *ttl = cm_json_string(cm_json_get(properties, "TTL"));
	int			i;

	/* It goes into a header. */
	if (etag == NULL || strlen(etag) >= sizeof(set->version) || strpbrk(etag, "\r\n\"") != NULL || ttl == NULL)
		return cm_fail(st, CM_PROTOCOL, "Azure's answer has no etag or TTL of \"%.150s\"", set->name);
	snprintf(set->version, sizeof(set->version), "%s", etag);
	set->ttl = strtol(ttl, NULL, 10);
	set->exists = true;
	for (i = 0; records != NULL && i < cm_json_length(records); i++)
	{
		CmBuf		value;
		bool		ok;

		cm_buf_init(&value, 65536);
		ok = quote_strings(&value, cm_json_get(cm_json_at(records, i), "value")) ? cm_dns01_set_add(set, cm_buf_cstr(&value), st) :
			cm_fail(st, CM_PROTOCOL, "Azure's answer has a TXT value that is none");
		cm_buf_free(&value);
		if (!ok)
			return false;
	}
	return keep_metadata(task, cm_json_get(properties, "metadata")) || cm_fail(st, CM_PROTOCOL, "the metadata of \"%.150s\" are too large", set->name);
}

static void
on_written(CmDns01ApiAnswer *answer, void *arg)
{
	Task	   *task = arg;

	if ((answer->code == 412 || answer->code == 409) && task->conflicts++ < CONFLICTS_MAX)
	{
		/* Somebody was faster: read it again. */
		cm_dns01_task_later(&task->task, CONFLICT_MS * task->conflicts, again);
		return;
	}
	/* A set that shall go and is gone. */
	if (answer->status.code != CM_OK && !(answer->code == 404 && task->sets.sets[task->at].nnew == 0))
	{
		failed(task, answer, task->sets.sets[task->at].nnew == 0 ? "Microsoft.Network/dnsZones/TXT/delete" : "Microsoft.Network/dnsZones/TXT/write");
		return;
	}
	task->task.result.touched = true;
	task->at++;
	go_on(task);
}

static void
set_path(const Task *task, char *dst, size_t size)
{
	const char *zone = task->task.result.zone;
	const char *name = task->sets.sets[task->at].name;
	size_t		relative = strlen(name) > strlen(zone) ? strlen(name) - strlen(zone) - 1 : 0;
	CmBuf		escaped;
	char		part[256];

	snprintf(part, sizeof(part), "%.*s", (int) relative, name);
	cm_buf_init(&escaped, 2048);
	(void) cm_dns01_api_escape(&escaped, relative > 0 ? part : "@");
	snprintf(dst, size, "/dnsZones/%s/TXT/%s", zone, cm_buf_cstr(&escaped));
	cm_buf_free(&escaped);
}

static bool
write_set(Task *task, CmStatus *st)
{
	const CmDns01Set *set = &task->sets.sets[task->at];
	char		path[1200];
	char		condition[200];
	CmBuf		body;
	int			i;
	bool		ok;

	set_path(task, path, sizeof(path));
	snprintf(condition, sizeof(condition), set->exists ? "If-Match: %s" : "If-None-Match: *", set->version);
	if (set->nnew == 0)
		return call_azure(task, "DELETE", path, condition, NULL, on_written, st);
	cm_buf_init(&body, 1024 * 1024);
	cm_buf_printf(&body, "{\"properties\":{%s%s%s\"TTL\":%ld,\"TXTRecords\":[", task->metadata[task->at] != NULL ? "\"metadata\":" : "",
				  task->metadata[task->at] != NULL ? task->metadata[task->at] : "", task->metadata[task->at] != NULL ? "," : "",
				  set->exists ? set->ttl : task->settings.ttl);
	for (i = 0; i < set->nnew; i++)
	{
		cm_buf_append_str(&body, i > 0 ? ",{\"value\":" : "{\"value\":");
		append_strings(&body, set->new_values[i]);
		cm_buf_append_byte(&body, '}');
	}
	cm_buf_append_str(&body, "]}}");
	ok = (!body.failed || cm_fail(st, CM_LIMIT, "a record set is too large")) && call_azure(task, "PUT", path, condition, &body, on_written, st);
	cm_buf_free(&body);
	return ok;
}

static void
on_read(CmDns01ApiAnswer *answer, void *arg)
{
	Task	   *task = arg;
	CmDns01Set *set = &task->sets.sets[task->at];
	const CmJson *error = cm_json_get(answer->json, "error");
	const char *code = cm_json_get_string(error != NULL ? error : answer->json, "code");
	CmStatus	st = CM_STATUS_INIT;
	bool		ok;

	/* Another 404 is the zone's (ParentResourceNotFound) or the group's. */
	if (answer->status.code != CM_OK && !(answer->code == 404 && (code == NULL || strcmp(code, "NotFound") == 0)))
	{
		failed(task, answer, "Microsoft.Network/dnsZones/TXT/read");
		return;
	}
	ok = (answer->code == 404 || take_set(task, answer->json, &st)) && cm_dns01_set_compute(&task->sets, set, quoted_form, &st);
	if (ok && !set->changed)
	{
		task->task.result.touched = true;
		task->at++;
		go_on(task);
	}
	else if (!ok || !write_set(task, &st))
		cm_dns01_task_fail(&task->task, &st, -1);
}

/* Reads the next set, to write it then. */
static bool
next(Task *task, CmStatus *st)
{
	char		path[1200];

	if (task->at == task->sets.count)
	{
		cm_dns01_task_finish(&task->task);
		return true;
	}
	cm_dns01_set_clear(&task->sets.sets[task->at]);
	set_path(task, path, sizeof(path));
	return call_azure(task, "GET", path, NULL, NULL, on_read, st);
}

static bool
apply(const CmDns01Call *call, CmStatus *st)
{
	Task	   *task = task_create(call, st);
	int			i;
	bool		ok;

	if (task == NULL)
		return false;
	ok = cm_dns01_canonical(call->zone, task->task.result.zone) ? cm_dns01_sets_create(&task->sets, call->records, call->count, st) :
		cm_fail(st, CM_INVALID, "zone \"%.100s\" is not a DNS name", call->zone);
	for (i = 0; ok && i < task->sets.count; i++)
		ok = cm_host_in_zone(task->sets.sets[i].name, task->task.result.zone) || cm_fail(st, CM_INVALID, "\"%.150s\" is not in the zone", task->sets.sets[i].name);
	if (ok)
	{
		task->metadata = calloc((size_t) task->sets.count, sizeof(char *));
		ok = task->metadata != NULL || cm_fail(st, CM_MEMORY, "out of memory");
	}
	if (!ok)
	{
		task_free(&task->task);
		return false;
	}
	return cm_dns01_task_begin(&task->task, next(task, &task->task.result.status), st);
}

const CmDns01Provider cm_dns01_azure = {
	"azure", check, find_zone, apply, NULL
};
