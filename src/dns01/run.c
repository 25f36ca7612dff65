/*
 * run.c - one call of a provider under way, for providers asked over HTTP.
 *
 * Runs in the database worker and in CALL certmgr.work(); locks nothing. What
 * may fail: memory, names that are none. A run is an operation of the loop (see
 * task.h): when the loop goes, it goes; requests under way are operations of
 * their own.
 */
#include "dns01/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A value of one TXT record as DNS carries it is at most 64 KiB; ACME's have 43 characters. */
#define VALUE_MAX 4096

static void
run_free(CmDns01Task *task)
{
	CmDns01Run *run = (CmDns01Run *) task;
	int			i;

	if (run->release != NULL)
		run->release(run);
	for (i = 0; i < run->count; i++)
	{
		free(run->items[i].name);
		free(run->items[i].value);
		free(run->items[i].domain);
		free(run->items[i].key_authorization);
	}
	free(run->items);
	cm_dns01_api_free(&run->api);
	free(run);
}

/* ---- arguments ---- */

static bool
copy_id(CmDns01Id dst, const char *src, const char *what, CmStatus *st)
{
	if (src == NULL)
		src = "";
	if (strlen(src) >= sizeof(CmDns01Id))
		return cm_fail(st, CM_LIMIT, "%s is longer than %zu characters", what, sizeof(CmDns01Id) - 1);
	memcpy(dst, src, strlen(src) + 1);
	return true;
}

static bool
copy_name(char dst[256], const char *src, CmStatus *st)
{
	char		shown[100];

	if (src == NULL || cm_dns01_canonical(src, dst))
		return true;
	cm_clean_text(shown, sizeof(shown), src, strlen(src));
	return cm_fail(st, CM_INVALID, "\"%s\" is not a DNS name", shown);
}

static bool
copy_record(CmDns01Item *item, const CmDns01Record *record, CmStatus *st)
{
	char		name[256] = "";

	if (!copy_name(name, record->name, st) || !copy_id(item->id, record->id, "a record's id", st))
		return false;
	if (strlen(record->value) > VALUE_MAX)
		return cm_fail(st, CM_LIMIT, "a TXT value is longer than %d bytes", VALUE_MAX);
	item->remove = record->remove;
	item->name = strdup(name);
	item->value = strdup(record->value);
	item->domain = record->domain != NULL ? strdup(record->domain) : NULL;
	item->key_authorization = record->key_authorization != NULL ? strdup(record->key_authorization) : NULL;
	return (item->name != NULL && item->value != NULL && (record->domain == NULL || item->domain != NULL) &&
			(record->key_authorization == NULL || item->key_authorization != NULL)) || cm_fail(st, CM_MEMORY, "out of memory");
}

static bool
copy_arguments(CmDns01Run *run, const CmDns01Call *call, CmStatus *st)
{
	if (!copy_name(run->zone, call->zone, st) || !copy_name(run->name, call->name, st) ||
		!copy_id(run->zone_id, call->zone_id, "a zone's id", st) || !copy_id(run->change_id, call->change_id, "a change's id", st))
		return false;
	if (call->count == 0)
		return true;
	run->items = calloc((size_t) call->count, sizeof(CmDns01Item));
	if (run->items == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	for (; run->count < call->count; run->count++)
	{
		if (!copy_record(&run->items[run->count], &call->records[run->count], st))
		{
			run->count++;
			return false;
		}
	}
	return true;
}

/* ---- life ---- */

static void
next_step(CmDns01Task *task)
{
	CmDns01Run *run = (CmDns01Run *) task;

	run->step(run);
}

static void
first_step(void *arg)
{
	CmDns01Run *run = arg;

	run->task.timer = NULL;
	run->step(run);
}

bool
cm_dns01_run_start(const CmDns01Call *call, size_t size, bool (*read) (CmDns01Run *run, const CmDns01Call *call, CmStatus *st),
				   void (*release) (CmDns01Run *run), CmDns01Step first, CmStatus *st)
{
	CmDns01Run *run = calloc(1, size);

	if (run == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	cm_dns01_task_init(&run->task, call, run_free);
	run->release = release;
	run->step = first;
	if (!copy_arguments(run, call, st) || !read(run, call, st))
	{
		run_free(&run->task);
		return false;
	}
	/* From the loop, so that done is never called inside the function that starts the call. */
	run->task.timer = cm_timer_start(call->loop, 0, first_step, run);
	if (run->task.timer == NULL)
	{
		run_free(&run->task);
		return cm_fail(st, CM_MEMORY, "out of memory");
	}
	return cm_dns01_task_begin(&run->task, true, st);
}

void
cm_dns01_run_finish(CmDns01Run *run)
{
	CmDns01Result *result = &run->task.result;
	int			i;

	snprintf(result->zone, sizeof(result->zone), "%s", run->zone);
	memcpy(result->zone_id, run->zone_id, sizeof(result->zone_id));
	for (i = 0; i < run->count; i++)
		result->touched = result->touched || run->items[i].done;
	/* After a failure, too: some records may be there. Without memory the ids are looked up when the records go. */
	if (run->count > 0 && (result->ids = calloc((size_t) run->count, sizeof(CmDns01Id))) != NULL)
	{
		for (i = 0; i < run->count; i++)
			memcpy(result->ids[i], run->items[i].id, sizeof(CmDns01Id));
	}
	cm_dns01_task_finish(&run->task);
}

void
cm_dns01_run_fail(CmDns01Run *run, CmCode code, const char *fmt,...)
{
	char		text[sizeof(run->task.result.status.reason)];
	va_list		args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	memset(&run->task.result.status, 0, sizeof(run->task.result.status));
	cm_fail(&run->task.result.status, code, "%s", text);
	cm_dns01_run_finish(run);
}

void
cm_dns01_run_later(CmDns01Run *run, int64_t ms, CmDns01Step step)
{
	run->step = step;
	cm_dns01_task_later(&run->task, ms, next_step);
}

/* ---- requests ---- */

void
cm_dns01_run_send(CmDns01Run *run, const CmDns01ApiRequest *request, CmDns01ApiDone answered)
{
	CmStatus	st = CM_STATUS_INIT;

	if (cm_dns01_api_send(run->task.loop, &run->api, request, answered, run, &st))
		return;
	run->task.result.status = st;
	cm_dns01_run_finish(run);
}

void
cm_dns01_run_send_json(CmDns01Run *run, const char *method, const char *path, CmBuf *body, CmDns01ApiDone answered)
{
	CmDns01ApiRequest request = {.method = method, .path = path};

	if (body->failed)
	{
		cm_buf_free(body);
		cm_dns01_run_fail(run, CM_LIMIT, "a request for the DNS provider is too long, or not UTF-8");
		return;
	}
	request.body = cm_buf_cstr(body);
	request.body_len = body->len;
	cm_dns01_run_send(run, &request, answered);
	cm_buf_free(body);
}

void
cm_dns01_run_judged(CmDns01Run *run, const CmDns01ApiAnswer *answer)
{
	run->task.result.status = answer->status;
	run->task.result.retry_after = answer->retry_after;
}

CmDns01Item *
cm_dns01_run_next(CmDns01Run *run)
{
	int			i;

	for (i = 0; i < run->count; i++)
	{
		if (!run->items[i].done)
			return &run->items[i];
	}
	return NULL;
}
