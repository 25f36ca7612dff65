/*
 * dns01_call.c - see dns01_call.h.
 */
#include "dns01_call.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CALLS_MAX 16

typedef enum Kind
{
	FIND, APPLY, CONFIRM
} Kind;

typedef struct Waiting
{
	bool		done;
	int			count;
	Outcome		outcome;
} Waiting;

static void
on_done(CmDns01Result *result, void *arg)
{
	Waiting    *waiting = arg;
	Outcome    *o = &waiting->outcome;
	int			i;

	assert_false(waiting->done);
	waiting->done = true;
	o->status = result->status;
	o->touched = result->touched;
	o->code = result->status.code;
	o->retry_after = result->retry_after;
	snprintf(o->zone, sizeof(o->zone), "%s", result->zone);
	snprintf(o->zone_id, sizeof(o->zone_id), "%s", result->zone_id);
	snprintf(o->change_id, sizeof(o->change_id), "%s", result->change_id);
	for (i = 0; result->ids != NULL && i < waiting->count && i < OUTCOME_IDS; i++)
		snprintf(o->ids[i], sizeof(o->ids[i]), "%s", result->ids[i]);
	free(result->ids);
}

/* All calls begin at the same moment. */
static void
run_all(const Asked *asked, Kind kind, CmDns01Call *calls, int count, const HttpStep *steps, Outcome *outcomes)
{
	const CmDns01Provider *provider = cm_dns01_provider(asked->type);
	Waiting    *waiting = calloc((size_t) count, sizeof(Waiting));
	CmStatus	st = CM_STATUS_INIT;
	CmLoop	   *loop = cm_loop_create(NULL, &st);
	char		config[4096];
	CmJson	   *json;
	int			i;

	assert_non_null(waiting);
	snprintf(config, sizeof(config), "{\"endpoint\": \"http://127.0.0.1:%d\"%s%s}", http_script_start(steps),
			 asked->config[0] != '\0' ? ", " : "", asked->config);
	json = cm_json_parse(cm_slice(config, strlen(config)), sizeof(config), &st);
	if (json == NULL)
		fail_msg("%s: %s", st.reason, config);
	for (i = 0; i < count; i++)
	{
		CmDns01Call *call = &calls[i];
		bool		ok;

		waiting[i].count = call->count;
		call->loop = loop;
		call->config = json;
		call->secret = cm_slice(asked->secret, strlen(asked->secret));
		call->done = on_done;
		call->arg = &waiting[i];
		ok = kind == FIND ? provider->find_zone(call, &st) : kind == APPLY ? provider->apply(call, &st) : provider->confirm(call, &st);
		if (!ok)
			fail_msg("not started: %s", st.reason);
		assert_false(waiting[i].done);
	}
	cm_json_free(json);
	for (i = 0; i < count; i++)
	{
		while (!waiting[i].done)
		{
			struct pollfd p = {cm_loop_fd(loop), POLLIN, 0};

			poll(&p, 1, (int) cm_loop_timeout(loop));
			cm_loop_dispatch(loop);
		}
		outcomes[i] = waiting[i].outcome;
	}
	assert_int_equal(cm_loop_active(loop), 0);
	cm_loop_destroy(loop);
	free(waiting);
	http_script_end();
}

static Outcome
run(const Asked *asked, Kind kind, CmDns01Call *call, const HttpStep *steps)
{
	Outcome		outcome;

	run_all(asked, kind, call, 1, steps, &outcome);
	return outcome;
}

Outcome
dns01_find(const Asked *asked, const char *name, const HttpStep *steps)
{
	CmDns01Call call = {.name = name};

	return run(asked, FIND, &call, steps);
}

Outcome
dns01_apply(const Asked *asked, const char *zone, const char *zone_id, const CmDns01Record *records, const HttpStep *steps)
{
	CmDns01Call call = {.zone = zone, .zone_id = zone_id, .records = records};

	while (records[call.count].name != NULL)
		call.count++;
	return run(asked, APPLY, &call, steps);
}

Outcome
dns01_confirm(const Asked *asked, const char *zone, const char *change_id, const HttpStep *steps)
{
	CmDns01Call call = {.zone = zone, .change_id = change_id};

	return run(asked, CONFIRM, &call, steps);
}

void
dns01_apply_all(const Asked *asked, const char *zone, const char *zone_id, const CmDns01Record *const *records, int count, const HttpStep *steps,
				Outcome *outcomes)
{
	CmDns01Call calls[CALLS_MAX];

	assert_true(count <= CALLS_MAX);
	memset(calls, 0, sizeof(calls));
	for (int i = 0; i < count; i++)
	{
		calls[i].zone = zone;
		calls[i].zone_id = zone_id;
		calls[i].records = records[i];
		while (records[i][calls[i].count].name != NULL)
			calls[i].count++;
	}
	run_all(asked, APPLY, calls, count, steps, outcomes);
}

void
dns01_confirm_all(const Asked *asked, const char *zone, const char *change_id, int count, const HttpStep *steps, Outcome *outcomes)
{
	CmDns01Call calls[CALLS_MAX];

	assert_true(count <= CALLS_MAX);
	memset(calls, 0, sizeof(calls));
	for (int i = 0; i < count; i++)
	{
		calls[i].zone = zone;
		calls[i].change_id = change_id;
	}
	run_all(asked, CONFIRM, calls, count, steps, outcomes);
}

void
dns01_find_all(const Asked *asked, const char *const *names, int count, const HttpStep *steps, Outcome *outcomes)
{
	CmDns01Call calls[CALLS_MAX];

	assert_true(count <= CALLS_MAX);
	memset(calls, 0, sizeof(calls));
	for (int i = 0; i < count; i++)
		calls[i].name = names[i];
	run_all(asked, FIND, calls, count, steps, outcomes);
}

const char *
dns01_check(const char *type, const char *config, const char *secret)
{
	static CmStatus st;
	CmJson	   *json = cm_json_parse(cm_slice(config, strlen(config)), 100000, NULL);
	bool		ok;

	assert_non_null(json);
	memset(&st, 0, sizeof(st));
	ok = cm_dns01_provider(type)->check(json, cm_slice(secret, strlen(secret)), &st);
	assert_int_equal(ok, st.code == CM_OK);
	cm_json_free(json);
	return st.reason;
}
