/*
 * task.c - see task.h.
 *
 * Runs in the database worker and in CALL certmgr.work(); locks nothing. What
 * may fail: memory; sets with more values than any name server would answer.
 */
#include "dns01/task.h"

#include "crypto/digest.h"
#include "dns01/api.h"

#include <stdlib.h>
#include <string.h>

/* Route 53's limit; others have less. */
#define VALUES_MAX 400

/* ---- tasks ---- */

static void
drop(CmOp *op)
{
	CmDns01Task *task = (CmDns01Task *) op;

	cm_op_end(op);
	cm_timer_cancel(task->timer);
	free(task->result.ids);
	task->free(task);
}

void
cm_dns01_task_init(CmDns01Task *task, const CmDns01Call *call, CmDns01TaskFree free_task)
{
	task->loop = call->loop;
	task->done = call->done;
	task->arg = call->arg;
	task->free = free_task;
	task->result.retry_after = -1;
}

void *
cm_dns01_task_create(size_t size, const CmDns01Call *call, CmDns01TaskRead read, CmDns01TaskFree free_task, CmStatus *st)
{
	CmDns01Task *task = calloc(1, size);

	if (task == NULL)
	{
		cm_fail(st, CM_MEMORY, "out of memory");
		return NULL;
	}
	cm_dns01_task_init(task, call, free_task);
	if (read(task, call->config, call->secret, st))
		return task;
	free_task(task);
	return NULL;
}

bool
cm_dns01_task_check(size_t size, const CmJson *config, CmSlice secret, CmDns01TaskRead read, CmDns01TaskFree free_task, CmStatus *st)
{
	CmDns01Call call = {.config = config, .secret = secret};
	CmDns01Task *task = cm_dns01_task_create(size, &call, read, free_task, st);

	if (task == NULL)
		return false;
	free_task(task);
	return true;
}

void
cm_dns01_task_finish(CmDns01Task *task)
{
	cm_op_end(&task->op);
	task->done(&task->result, task->arg);
	task->free(task);
}

void
cm_dns01_task_fail(CmDns01Task *task, const CmStatus *st, int64_t retry_after)
{
	task->result.status = *st;
	/* A change that came before the one that failed. */
	task->result.touched = task->result.touched || task->result.change_id[0] != '\0';
	task->result.retry_after = retry_after;
	cm_dns01_task_finish(task);
}

static void
on_finish_timer(void *arg)
{
	CmDns01Task *task = arg;

	task->timer = NULL;
	cm_dns01_task_finish(task);
}

bool
cm_dns01_task_begin(CmDns01Task *task, bool sent, CmStatus *st)
{
	if (!sent)
	{
		task->timer = cm_timer_start(task->loop, 0, on_finish_timer, task);
		if (task->timer == NULL)
		{
			task->free(task);
			return cm_fail(st, CM_MEMORY, "out of memory");
		}
	}
	cm_op_begin(&task->op, task->loop, drop);
	return true;
}

static void
on_again_timer(void *arg)
{
	CmDns01Task *task = arg;

	task->timer = NULL;
	task->again(task);
}

void
cm_dns01_task_later(CmDns01Task *task, int64_t ms, void (*again) (CmDns01Task *task))
{
	CmStatus	st = CM_STATUS_INIT;
	uint8_t		random = 0;

	/* Without random bytes everybody waits alike: no reason to fail. */
	(void) cm_random(&random, 1);
	task->again = again;
	task->timer = cm_timer_start(task->loop, ms / 2 + ms * random / 512, on_again_timer, task);
	if (task->timer != NULL)
		return;
	cm_fail(&st, CM_MEMORY, "out of memory");
	cm_dns01_task_fail(task, &st, -1);
}

/* ---- sets ---- */

static void
free_values(char ***values, int *count)
{
	int			i;

	for (i = 0; i < *count; i++)
		free((*values)[i]);
	free(*values);
	*values = NULL;
	*count = 0;
}

static bool
append_value(char ***values, int *count, const char *value, CmStatus *st)
{
	char	  **grown;

	if (*count == VALUES_MAX)
		return cm_fail(st, CM_LIMIT, "there are more than %d TXT values at one name", VALUES_MAX);
	grown = realloc(*values, (size_t) (*count + 1) * sizeof(char *));
	if (grown == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	*values = grown;
	grown[*count] = strdup(value);
	if (grown[*count] == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	(*count)++;
	return true;
}

void
cm_dns01_set_clear(CmDns01Set *set)
{
	free_values(&set->old_values, &set->nold);
	free_values(&set->new_values, &set->nnew);
	set->exists = set->changed = false;
	set->ttl = 0;
	set->version[0] = '\0';
}

bool
cm_dns01_set_add(CmDns01Set *set, const char *value, CmStatus *st)
{
	set->exists = true;
	return append_value(&set->old_values, &set->nold, value, st);
}

static int
find_value(char *const *values, int count, const char *value)
{
	int			i = 0;

	while (i < count && !cm_dns01_same_value(values[i], value))
		i++;
	return i;
}

static bool
change(CmDns01Set *set, const CmDnsUpdate *record, CmDns01Form form, CmStatus *st)
{
	int			at = find_value(set->new_values, set->nnew, record->value);
	CmBuf		value;
	bool		ok;

	if (record->remove && at < set->nnew)
	{
		free(set->new_values[at]);
		memmove(&set->new_values[at], &set->new_values[at + 1], (size_t) (set->nnew - at - 1) * sizeof(char *));
		set->nnew--;
		set->changed = true;
		return true;
	}
	if (record->remove || at < set->nnew)
		return true;
	cm_buf_init(&value, 16384);
	ok = form(&value, record->value) ? append_value(&set->new_values, &set->nnew, cm_buf_cstr(&value), st) : cm_fail(st, CM_LIMIT, "a TXT value is too long");
	cm_buf_free(&value);
	set->changed = true;
	return ok;
}

bool
cm_dns01_set_compute(const CmDns01Sets *sets, CmDns01Set *set, CmDns01Form form, CmStatus *st)
{
	int			i;

	free_values(&set->new_values, &set->nnew);
	set->changed = false;
	for (i = 0; i < set->nold; i++)
	{
		if (!append_value(&set->new_values, &set->nnew, set->old_values[i], st))
			return false;
	}
	for (i = 0; i < sets->nrecords; i++)
	{
		if (strcmp(sets->records[i].name, set->name) == 0 && !change(set, &sets->records[i], form, st))
			return false;
	}
	return true;
}

static CmDns01Set *
set_of(CmDns01Sets *sets, const char *name)
{
	int			i = 0;

	while (i < sets->count && strcmp(sets->sets[i].name, name) != 0)
		i++;
	if (i == sets->count)
	{
		memcpy(sets->sets[i].name, name, strlen(name) + 1);
		sets->count++;
	}
	return &sets->sets[i];
}

static bool
copy_record(CmDns01Sets *sets, const CmDns01Record *record, CmStatus *st)
{
	CmDnsUpdate *copy = &sets->records[sets->nrecords++];
	char		name[256];

	if (!cm_dns01_canonical(record->name, name))
		return cm_fail(st, CM_INVALID, "\"%.100s\" is not a DNS name", record->name);
	copy->name = strdup(name);
	copy->value = strdup(record->value);
	copy->remove = record->remove;
	if (copy->name == NULL || copy->value == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	(void) set_of(sets, name);
	return true;
}

bool
cm_dns01_sets_create(CmDns01Sets *sets, const CmDns01Record *records, int count, CmStatus *st)
{
	int			i;

	if (count < 1)
		return cm_fail(st, CM_INVALID, "there are no records to write");
	sets->records = calloc((size_t) count, sizeof(CmDnsUpdate));
	sets->sets = calloc((size_t) count, sizeof(CmDns01Set));
	if (sets->records == NULL || sets->sets == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	for (i = 0; i < count; i++)
	{
		if (!copy_record(sets, &records[i], st))
			return false;
	}
	return true;
}

void
cm_dns01_sets_free(CmDns01Sets *sets)
{
	int			i;

	for (i = 0; i < sets->nrecords; i++)
	{
		free((void *) (uintptr_t) sets->records[i].name);
		free((void *) (uintptr_t) sets->records[i].value);
	}
	for (i = 0; i < sets->count; i++)
		cm_dns01_set_clear(&sets->sets[i]);
	free(sets->records);
	free(sets->sets);
	memset(sets, 0, sizeof(*sets));
}

bool
cm_dns01_quote(CmBuf *out, const char *value)
{
	int			n = 0;

	cm_buf_append_byte(out, '"');
	for (; *value != '\0'; value++)
	{
		uint8_t		c = (uint8_t) *value;

		if (n++ == 255)
		{
			cm_buf_append_str(out, "\" \"");
			n = 1;
		}
		if (c == '"' || c == '\\')
			cm_buf_append_byte(out, '\\');
		if (c < 0x20 || c >= 0x7f)
			cm_buf_printf(out, "\\%03o", c);
		else
			cm_buf_append_byte(out, c);
	}
	return cm_buf_append_byte(out, '"');
}
