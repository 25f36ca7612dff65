/*
 * gcloud.c - the provider "gcloud": TXT records in managed zones of Google
 * Cloud DNS (API v1). Configuration and credentials: gcloud.h.
 *
 * check runs in backends, the calls in the database worker and in CALL
 * certmgr.work(); nothing is locked. One change deletes exactly the sets that
 * were read and adds what shall be: Google refuses it when one of them is not
 * what was read, so nobody's change is lost, and a conflict only means to read
 * again. What may fail: the configuration; Google saying no, with the missing
 * permission named.
 *
 * Permissions: dns.managedZones.list (with managed_zone: .get),
 * dns.resourceRecordSets.list, .create, .delete, dns.changes.create, .get: the
 * role roles/dns.admin has them all.
 */
#include "dns01/gcloud.h"

#include "base/host.h"
#include "dns01/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFLICTS_MAX 6
#define CONFLICT_MS 400

typedef struct Task
{
	CmDns01Task task;
	CmGcloudSettings settings;
	char		name[256];
	const char *suffix;			/* whose zone is asked for */
	bool		other_kind;
	bool		then_apply;
	CmDns01Sets sets;
	int			at;
	int			conflicts;
	char		change[64];		/* confirm */
} Task;

/* ---- tasks ---- */

static void
task_free(CmDns01Task *base)
{
	Task	   *task = (Task *) base;

	cm_gcloud_settings_free(&task->settings);
	cm_dns01_sets_free(&task->sets);
	free(task);
}

static bool
read_task(CmDns01Task *base, const CmJson *config, CmSlice secret, CmStatus *st)
{
	return cm_gcloud_settings_read(config, secret, &((Task *) base)->settings, st);
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

/* path is behind the project. */
static bool
call_google(Task *task, const char *method, const char *path, CmBuf *body, CmDns01ApiDone done, CmStatus *st)
{
	CmBuf		whole;
	CmDns01ApiRequest request = {.method = method, .body = body != NULL ? cm_buf_cstr(body) : NULL, .body_len = body != NULL ? body->len : 0};
	bool		ok;

	cm_buf_init(&whole, 2048);
	cm_buf_printf(&whole, "/dns/v1/projects/%s%s", task->settings.project, path);
	request.path = cm_buf_cstr(&whole);
	ok = cm_oauth_send(task->task.loop, &task->settings.oauth, &request, done, task, st);
	cm_buf_free(&whole);
	return ok;
}

/* {"error":{"code","message","errors":[{"reason"}]}} */
static const char *
reason_of(const CmDns01ApiAnswer *answer)
{
	const CmJson *errors = cm_json_get(cm_json_get(answer->json, "error"), "errors");
	const char *reason = errors != NULL && cm_json_length(errors) > 0 ? cm_json_get_string(cm_json_at(errors, 0), "reason") : NULL;

	return reason != NULL ? reason : "";
}

/* The end, in words. "permission" is what the call needs. */
static void
failed(Task *task, CmDns01ApiAnswer *answer, const char *permission)
{
	const char *message = cm_json_get_string(cm_json_get(answer->json, "error"), "message");
	const char *reason = reason_of(answer);
	char		shown[400];

	cm_clean_text(shown, sizeof(shown), reason, strlen(reason));
	if (answer->status.code == CM_REFUSED && (strcmp(reason, "rateLimitExceeded") == 0 || strcmp(reason, "userRateLimitExceeded") == 0 ||
											  strcmp(reason, "quotaExceeded") == 0))
		cm_fail(&answer->status, CM_LIMIT, "Google asks to slow down: %s", shown);
	else if (answer->code == 403)
		cm_fail(&answer->status, CM_REFUSED, "Google denied access: the service account lacks the permission \"%s\"", permission);
	else if (answer->code == 401)
		cm_fail(&answer->status, CM_REFUSED, "Google does not accept the access token");
	else if (answer->code >= 400 && answer->status.code == CM_REFUSED)
		cm_fail(&answer->status, CM_REFUSED, "Google refused the request: %s (HTTP %d)", shown[0] != '\0' ? shown : "no reason given", answer->code);
	if (message != NULL && answer->code >= 400)
	{
		cm_clean_text(shown, sizeof(shown), message, strlen(message));
		cm_fail_detail(&answer->status, "Google said: %s", shown);
	}
	cm_dns01_task_fail(&task->task, &answer->status, answer->retry_after);
}

static void
protocol_error(Task *task, const char *what)
{
	CmStatus	st = CM_STATUS_INIT;

	cm_fail(&st, CM_PROTOCOL, "Google's answer has no %s", what);
	cm_dns01_task_fail(&task->task, &st, -1);
}

/* ---- find_zone ---- */

static bool next(Task *task, CmStatus *st);

static void
go_on(Task *task)
{
	CmStatus	st = CM_STATUS_INIT;

	if (!next(task, &st))
		cm_dns01_task_fail(&task->task, &st, -1);
}

static void
found(Task *task)
{
	if (task->then_apply)
		go_on(task);
	else
		cm_dns01_task_finish(&task->task);
}

/* Takes a zone that holds the name and is of the kind that is wanted. */
static bool
take_zone(Task *task, const CmJson *zone)
{
	CmDns01Result *result = &task->task.result;
	const char *id = cm_json_get_string(zone, "name");
	const char *dns_name = cm_json_get_string(zone, "dnsName");
	const char *visibility = cm_json_get_string(zone, "visibility");
	char		name[256];
	char		checked[CM_GCLOUD_NAME_MAX + 1];

	if (id == NULL || dns_name == NULL || !cm_dns01_canonical(dns_name, name) || !cm_host_in_zone(task->name, name) ||
		!cm_gcloud_name("name", id, "", checked, NULL))
		return false;
	if ((visibility != NULL && strcmp(visibility, "private") == 0) != task->settings.private_zone)
	{
		task->other_kind = true;
		return false;
	}
	memcpy(result->zone, name, sizeof(name));
	memcpy(result->zone_id, checked, sizeof(checked));
	return true;
}

static void on_zones(CmDns01ApiAnswer *answer, void *arg);

static bool
ask_zones(Task *task, CmStatus *st)
{
	CmBuf		path;
	bool		ok;

	cm_buf_init(&path, 1024);
	if (task->settings.managed_zone[0] != '\0')
		cm_buf_printf(&path, "/managedZones/%s", task->settings.managed_zone);
	else
	{
		cm_buf_append_str(&path, "/managedZones?dnsName=");
		(void) cm_dns01_api_escape(&path, task->suffix);
		cm_buf_append_byte(&path, '.');
	}
	ok = call_google(task, "GET", cm_buf_cstr(&path), NULL, on_zones, st);
	cm_buf_free(&path);
	return ok;
}

static void
no_zone(Task *task)
{
	const CmGcloudSettings *s = &task->settings;
	CmStatus	st = CM_STATUS_INIT;

	if (s->managed_zone[0] != '\0')
		cm_fail(&st, CM_REFUSED, "managed zone \"%s\" does not hold \"%.150s\", or is not %s", s->managed_zone, task->name, s->private_zone ? "private" : "public");
	else
		cm_fail(&st, CM_REFUSED, "no %s managed zone of project \"%s\" holds \"%.120s\"", s->private_zone ? "private" : "public", s->project, task->name);
	if (task->other_kind)
		cm_fail_detail(&st, "There is a %s one: see \"private_zone\" in the provider's configuration.", s->private_zone ? "public" : "private");
	cm_dns01_task_fail(&task->task, &st, -1);
}

static void
on_zones(CmDns01ApiAnswer *answer, void *arg)
{
	Task	   *task = arg;
	const CmJson *zones;
	CmStatus	st = CM_STATUS_INIT;
	int			n = 0;
	int			i;

	if (answer->status.code != CM_OK)
	{
		failed(task, answer, task->settings.managed_zone[0] != '\0' ? "dns.managedZones.get" : "dns.managedZones.list");
		return;
	}
	if (task->settings.managed_zone[0] != '\0')
	{
		if (take_zone(task, answer->json))
			found(task);
		else
			no_zone(task);
		return;
	}
	/* Of one name there are a few at most: one public, and private ones for networks. */
	zones = cm_json_get(answer->json, "managedZones");
	for (i = 0; zones != NULL && i < cm_json_length(zones); i++)
		n += take_zone(task, cm_json_at(zones, i));
	if (n == 1)
		found(task);
	else if (n > 1)
	{
		cm_fail(&st, CM_REFUSED, "there are %d managed zones \"%.120s\" in project \"%s\"", n, task->task.result.zone, task->settings.project);
		cm_fail_detail(&st, "Say by \"managed_zone\" in the provider's configuration which one it is.");
		cm_dns01_task_fail(&task->task, &st, -1);
	}
	else if ((task->suffix = cm_dns01_parent(task->suffix)) == NULL)
		no_zone(task);
	else if (!ask_zones(task, &st))
		cm_dns01_task_fail(&task->task, &st, -1);
}

static bool
find_zone(const CmDns01Call *call, CmStatus *st)
{
	Task	   *task = task_create(call, st);

	if (task == NULL)
		return false;
	if (!cm_dns01_canonical(call->name, task->name))
	{
		task_free(&task->task);
		return cm_fail(st, CM_INVALID, "\"%.100s\" is not a DNS name", call->name);
	}
	task->suffix = task->name;
	return cm_dns01_task_begin(&task->task, ask_zones(task, &task->task.result.status), st);
}

/* ---- apply ---- */

static void
again(CmDns01Task *base)
{
	go_on((Task *) base);
}

static bool
take_set(CmDns01Set *set, const CmJson *rrset, CmStatus *st)
{
	const CmJson *values = cm_json_get(rrset, "rrdatas");
	const char *ttl = cm_json_string(cm_json_get(rrset, "ttl"));
	int			i;

	if (values == NULL || ttl == NULL)
	{
		cm_fail(st, CM_REFUSED, "the TXT records at \"%.150s\" have a routing policy", set->name);
		return cm_fail_detail(st, "Take them away, or delegate the name by a CNAME record.");
	}
	set->ttl = strtol(ttl, NULL, 10);
	for (i = 0; i < cm_json_length(values); i++)
	{
		const char *value = cm_json_string(cm_json_at(values, i));

		if (value == NULL || !cm_dns01_set_add(set, value, st))
			return value != NULL ? false : cm_fail(st, CM_PROTOCOL, "Google's answer has a TXT value that is none");
	}
	return true;
}

static void
on_read(CmDns01ApiAnswer *answer, void *arg)
{
	Task	   *task = arg;
	CmDns01Set *set = &task->sets.sets[task->at];
	const CmJson *rrsets;
	CmStatus	st = CM_STATUS_INIT;

	if (answer->status.code != CM_OK)
	{
		failed(task, answer, "dns.resourceRecordSets.list");
		return;
	}
	rrsets = cm_json_get(answer->json, "rrsets");
	if ((rrsets != NULL && cm_json_length(rrsets) > 0 && !take_set(set, cm_json_at(rrsets, 0), &st)) ||
		!cm_dns01_set_compute(&task->sets, set, cm_dns01_quote, &st))
	{
		cm_dns01_task_fail(&task->task, &st, -1);
		return;
	}
	task->at++;
	go_on(task);
}

static bool
read_set(Task *task, CmStatus *st)
{
	CmDns01Set *set = &task->sets.sets[task->at];
	CmBuf		path;
	bool		ok;

	cm_dns01_set_clear(set);
	cm_buf_init(&path, 2048);
	cm_buf_printf(&path, "/managedZones/%s/rrsets?type=TXT&name=", task->task.result.zone_id);
	(void) cm_dns01_api_escape(&path, set->name);
	cm_buf_append_byte(&path, '.');
	ok = call_google(task, "GET", cm_buf_cstr(&path), NULL, on_read, st);
	cm_buf_free(&path);
	return ok;
}

static void
append_set(CmBuf *out, const char *name, long ttl, char *const *values, int count)
{
	char		absolute[258];
	int			i;

	if (count == 0)
		return;
	if (out->len > 0 && out->data[out->len - 1] != '[')
		cm_buf_append_byte(out, ',');
	snprintf(absolute, sizeof(absolute), "%s.", name);
	cm_buf_append_str(out, "{\"name\":");
	/* Where a CNAME leads to is a stranger's word: DNS has names with quotes in them. */
	(void) cm_json_quote(out, absolute);
	cm_buf_printf(out, ",\"type\":\"TXT\",\"ttl\":%ld,\"rrdatas\":[", ttl);
	for (i = 0; i < count; i++)
	{
		if (i > 0)
			cm_buf_append_byte(out, ',');
		(void) cm_json_quote(out, values[i]);
	}
	cm_buf_append_str(out, "]}");
}

/* True when there is something to change. */
static bool
build_change(const Task *task, CmBuf *out)
{
	bool		any = false;
	int			i;

	cm_buf_append_str(out, "{\"deletions\":[");
	for (i = 0; i < task->sets.count; i++)
	{
		const CmDns01Set *set = &task->sets.sets[i];

		any |= set->changed;
		if (set->changed)
			append_set(out, set->name, set->ttl, set->old_values, set->nold);
	}
	cm_buf_append_str(out, "],\"additions\":[");
	for (i = 0; i < task->sets.count; i++)
	{
		const CmDns01Set *set = &task->sets.sets[i];

		if (set->changed)
			append_set(out, set->name, set->exists ? set->ttl : task->settings.ttl, set->new_values, set->nnew);
	}
	cm_buf_append_str(out, "]}");
	return any;
}

static bool
is_conflict(const CmDns01ApiAnswer *answer)
{
	const char *reason = reason_of(answer);

	return answer->code == 412 || answer->code == 409 || strcmp(reason, "alreadyExists") == 0 || strcmp(reason, "conditionNotMet") == 0 ||
		(answer->code == 404 && strstr(reason, "notFound") != NULL &&
		 strstr(cm_json_get_string(cm_json_get(answer->json, "error"), "message") != NULL ? cm_json_get_string(cm_json_get(answer->json, "error"), "message") : "",
				"deletions") != NULL);
}

static void
on_written(CmDns01ApiAnswer *answer, void *arg)
{
	Task	   *task = arg;
	CmDns01Result *result = &task->task.result;
	const char *id;
	const char *status;

	if (answer->status.code == CM_REFUSED && is_conflict(answer) && task->conflicts++ < CONFLICTS_MAX)
	{
		task->at = 0;
		cm_dns01_task_later(&task->task, CONFLICT_MS * task->conflicts, again);
		return;
	}
	if (answer->status.code != CM_OK)
	{
		failed(task, answer, "dns.changes.create");
		return;
	}
	id = cm_json_get_string(answer->json, "id");
	status = cm_json_get_string(answer->json, "status");
	if (id == NULL || strlen(id) >= sizeof(task->change) || id[strspn(id, "0123456789abcdefABCDEF-")] != '\0')
	{
		protocol_error(task, "change id");
		return;
	}
	if (status == NULL || strcmp(status, "done") != 0)
		snprintf(result->change_id, sizeof(result->change_id), "%s", id);
	cm_dns01_task_finish(&task->task);
}

/* Reads the next set; after the last one, writes the change. */
static bool
next(Task *task, CmStatus *st)
{
	CmBuf		body;
	char		path[200];
	bool		ok;

	if (task->at < task->sets.count)
		return read_set(task, st);
	cm_buf_init(&body, 4 * 1024 * 1024);
	if (!build_change(task, &body))
	{
		cm_buf_free(&body);
		cm_dns01_task_finish(&task->task);
		return true;
	}
	snprintf(path, sizeof(path), "/managedZones/%s/changes", task->task.result.zone_id);
	ok = (!body.failed || cm_fail(st, CM_LIMIT, "a change of record sets is too large, or has text that is not UTF-8")) &&
		call_google(task, "POST", path, &body, on_written, st);
	cm_buf_free(&body);
	return ok;
}

static bool
apply(const CmDns01Call *call, CmStatus *st)
{
	Task	   *task = task_create(call, st);
	CmDns01Result *result;
	const char *id;
	char		checked[CM_GCLOUD_NAME_MAX + 1];
	bool		sent;

	if (task == NULL)
		return false;
	result = &task->task.result;
	if (!cm_dns01_canonical(call->zone, task->name) || !cm_dns01_sets_create(&task->sets, call->records, call->count, st))
	{
		if (task->name[0] == '\0')
			cm_fail(st, CM_INVALID, "zone \"%.100s\" is not a DNS name", call->zone);
		task_free(&task->task);
		return false;
	}
	id = call->zone_id != NULL && call->zone_id[0] != '\0' ? call->zone_id : task->settings.managed_zone;
	if (cm_gcloud_name("zone", id, "", checked, NULL))
	{
		memcpy(result->zone, task->name, sizeof(task->name));
		memcpy(result->zone_id, checked, sizeof(checked));
		sent = next(task, &result->status);
	}
	else
	{
		task->then_apply = true;
		task->suffix = task->name;
		sent = ask_zones(task, &result->status);
	}
	return cm_dns01_task_begin(&task->task, sent, st);
}

/* ---- confirm ---- */

static void
on_change(CmDns01ApiAnswer *answer, void *arg)
{
	Task	   *task = arg;
	const char *status = cm_json_get_string(answer->json, "status");
	CmStatus	st = CM_STATUS_INIT;

	/* One that Google has forgotten was done long ago. */
	if (answer->status.code != CM_OK && answer->code != 404)
		failed(task, answer, "dns.changes.get");
	else if (answer->code == 404 || (status != NULL && strcmp(status, "done") == 0))
		cm_dns01_task_finish(&task->task);
	else
	{
		cm_fail(&st, CM_REFUSED, "Google has change %s not at all its servers yet", task->change);
		cm_dns01_task_fail(&task->task, &st, -1);
	}
}

static bool
confirm(const CmDns01Call *call, CmStatus *st)
{
	Task	   *task = task_create(call, st);
	const char *zone;
	char		checked[CM_GCLOUD_NAME_MAX + 1];
	char		path[200];

	if (task == NULL)
		return false;
	zone = call->zone_id != NULL && call->zone_id[0] != '\0' ? call->zone_id : task->settings.managed_zone;
	if (!cm_gcloud_name("zone", zone, "", checked, st) || strlen(call->change_id) >= sizeof(task->change) ||
		call->change_id[strspn(call->change_id, "0123456789abcdefABCDEF-")] != '\0')
	{
		task_free(&task->task);
		return cm_fail(st, CM_INVALID, "this is not the id of a change");
	}
	snprintf(task->change, sizeof(task->change), "%s", call->change_id);
	snprintf(path, sizeof(path), "/managedZones/%s/changes/%s", checked, task->change);
	return cm_dns01_task_begin(&task->task, call_google(task, "GET", path, NULL, on_change, &task->task.result.status), st);
}

const CmDns01Provider cm_dns01_gcloud = {
	"gcloud", check, find_zone, apply, confirm
};
