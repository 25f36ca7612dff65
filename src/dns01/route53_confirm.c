/*
 * route53_confirm.c - has a change reached all name servers of Route 53?
 *
 * Runs in the database worker and in CALL certmgr.work(); nothing is locked.
 * Many orders share a change, and ask at different moments: what was answered
 * last is remembered, for good when the change is through, else for a second.
 */
#include "dns01/route53.h"

#include <stdio.h>
#include <string.h>

/* Changes that are under way at the same moment: two a second for a minute. Forgotten ones are asked about once more. */
#define CHANGES 128
#define PENDING_MS 1000

typedef struct Change
{
	uint8_t		account[CM_DNS01_KEY];
	char		id[CM_ROUTE53_ZONE_ID_MAX + 1]; /* "": free */
	bool		in_sync;
	int64_t		asked;
} Change;

static Change changes[CHANGES];
static int	next_change;

static Change *
find_change(const CmRoute53Task *task, const char *id)
{
	for (int i = 0; i < CHANGES; i++)
	{
		if (strcmp(changes[i].id, id) == 0 && memcmp(changes[i].account, task->settings.account, CM_DNS01_KEY) == 0)
			return &changes[i];
	}
	return NULL;
}

static void
remember(const CmRoute53Task *task, const char id[CM_ROUTE53_ZONE_ID_MAX + 1], bool in_sync)
{
	Change	   *change = find_change(task, id);

	if (change == NULL)
	{
		change = &changes[next_change++ % CHANGES];
		memcpy(change->account, task->settings.account, CM_DNS01_KEY);
		memcpy(change->id, id, sizeof(change->id));
	}
	change->in_sync = in_sync;
	change->asked = cm_monotonic_ms();
}

/* The first of the task's changes. */
static bool
first_change(CmRoute53Task *task, char id[CM_ROUTE53_ZONE_ID_MAX + 1], CmStatus *st)
{
	size_t		len = strcspn(task->changes, ",");

	task->behind = (int) len + (task->changes[len] == ',');
	task->changes[len] = '\0';
	return cm_route53_id(task->changes, "/change/", id) || cm_fail(st, CM_INVALID, "this is not the id of a change");
}

static void
drop_change(CmRoute53Task *task)
{
	size_t		len = (size_t) task->behind;

	memmove(task->changes, task->changes + len, sizeof(task->changes) - len);
	memset(task->changes + sizeof(task->changes) - len, 0, len);
}

static bool
pending(const char *id, CmStatus *st)
{
	return cm_fail(st, CM_REFUSED, "Route 53 has change %s not at all its servers yet", id);
}

static void on_change(CmAwsAnswer *answer, void *arg);

/* Asks about the first change that is not known to be through. False: nothing is left to be asked, st says what is known. */
bool
cm_route53_confirm(CmRoute53Task *task, CmStatus *st)
{
	char		id[CM_ROUTE53_ZONE_ID_MAX + 1];
	char		path[100];
	const Change *change;

	while (task->changes[0] != '\0')
	{
		if (!first_change(task, id, st))
			return false;
		change = find_change(task, id);
		if (change == NULL || (!change->in_sync && cm_monotonic_ms() - change->asked >= PENDING_MS))
		{
			snprintf(path, sizeof(path), "/2013-04-01/change/%s", id);
			return cm_route53_call(task->task.loop, &task->settings, "GET", path, NULL, "route53:GetChange", on_change, task, st);
		}
		if (!change->in_sync)
			return pending(id, st);
		drop_change(task);
	}
	return false;
}

static void
on_change(CmAwsAnswer *answer, void *arg)
{
	CmRoute53Task *task = arg;
	CmStatus   *st = &task->task.result.status;
	char		id[CM_ROUTE53_ZONE_ID_MAX + 1] = "";
	const char *status;
	bool		in_sync;

	/* One that AWS has forgotten was in sync long ago. */
	if (answer->status.code != CM_OK && strcmp(answer->code, "NoSuchChange") != 0)
	{
		cm_dns01_task_fail(&task->task, &answer->status, answer->retry_after);
		return;
	}
	status = answer->status.code == CM_OK ? cm_xml_text(answer->xml, "ChangeInfo/Status") : "INSYNC";
	in_sync = status != NULL && strcmp(status, "INSYNC") == 0;
	if (cm_route53_id(task->changes, "/change/", id))
		remember(task, id, in_sync);
	if (!in_sync)
		(void) pending(id, st);
	else
	{
		drop_change(task);
		if (cm_route53_confirm(task, st))
			return;
	}
	cm_dns01_task_finish(&task->task);
}
