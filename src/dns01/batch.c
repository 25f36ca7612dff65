/*
 * batch.c - see batch.h.
 *
 * Runs in the database worker and in CALL certmgr.work(); locks nothing. What
 * may fail: memory. Batches and tasks are operations of their own: when the
 * loop goes, each goes by itself. A ledger row is committed before its task
 * begins, so a task may wait here as long as it likes.
 */
#include "dns01/batch.h"

#include "crypto/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CmDns01Batch *batches;	/* of this process, the oldest first */

/* ---- life ---- */

static void
batch_free(CmDns01Batch *batch)
{
	CmDns01Batch **b = &batches;

	while (*b != batch)
		b = &(*b)->next;
	*b = batch->next;
	for (CmDns01Batch *part = batch->next; part != NULL; part = part->next)
	{
		if (part->part_of == batch)
			part->part_of = NULL;
	}
	cm_op_end(&batch->op);
	cm_timer_cancel(batch->timer);
	if (batch->kind->release != NULL)
		batch->kind->release(batch);
	free(batch);
}

static void
drop(CmOp *op)
{
	batch_free((CmDns01Batch *) op);
}

static bool
same_place(const CmDns01Batch *batch, const CmDns01BatchKind *kind, const CmLoop *loop, const uint8_t place[CM_DNS01_KEY])
{
	return batch->kind == kind && batch->op.loop == loop && memcmp(batch->place, place, CM_DNS01_KEY) == 0;
}

/* Behind that one; NULL: behind all. */
static CmDns01Batch *
batch_create(const CmDns01BatchKind *kind, CmLoop *loop, const uint8_t place[CM_DNS01_KEY], CmDns01Batch *behind)
{
	CmDns01Batch *batch = calloc(1, kind->size);
	CmDns01Batch **b = behind != NULL ? &behind->next : &batches;

	if (batch == NULL)
		return NULL;
	batch->kind = kind;
	memcpy(batch->place, place, CM_DNS01_KEY);
	cm_op_begin(&batch->op, loop, drop);
	while (behind == NULL && *b != NULL)
		b = &(*b)->next;
	batch->next = *b;
	*b = batch;
	return batch;
}

/* ---- turns ---- */

static void
on_turn(void *arg)
{
	CmDns01Batch *batch = arg;

	batch->timer = NULL;
	batch->closed = batch->under_way = true;
	batch->kind->send(batch);
}

/* The oldest batch of that place that waits gets its turn, when there is room for it. What could not even wait for it, for lack of memory. */
static CmDns01Batch *
next_turn(const CmDns01BatchKind *kind, CmLoop *loop, const uint8_t place[CM_DNS01_KEY])
{
	CmDns01Batch *oldest = NULL;
	int			under_way = 0;
	int64_t		ms;

	for (CmDns01Batch *batch = batches; batch != NULL; batch = batch->next)
	{
		if (!same_place(batch, kind, loop, place))
			continue;
		/* One that has its turn coming takes its place already. */
		if (batch->under_way || batch->timer != NULL)
			under_way++;
		else if (oldest == NULL)
			oldest = batch;
	}
	if (oldest == NULL || under_way >= kind->parallel_max)
		return NULL;
	ms = kind->interval_ms > 0 ? cm_dns01_pace(place, kind->interval_ms, kind->burst) : 0;
	oldest->timer = cm_timer_start(loop, ms, on_turn, oldest);
	return oldest->timer == NULL ? oldest : NULL;
}

void
cm_dns01_batch_end(CmDns01Batch *batch)
{
	const CmDns01BatchKind *kind = batch->kind;
	CmLoop	   *loop = batch->op.loop;
	uint8_t		place[CM_DNS01_KEY];

	memcpy(place, batch->place, sizeof(place));
	batch_free(batch);
	batch = next_turn(kind, loop, place);
	if (batch != NULL)
		on_turn(batch);
}

static void
on_again(void *arg)
{
	CmDns01Batch *batch = arg;

	batch->timer = NULL;
	batch->again(batch);
}

bool
cm_dns01_batch_later(CmDns01Batch *batch, int64_t ms, void (*again) (CmDns01Batch *batch))
{
	uint8_t		random = 0;

	/* Without random bytes everybody waits alike: no reason to fail. */
	(void) cm_random(&random, 1);
	batch->again = again;
	batch->timer = cm_timer_start(batch->op.loop, ms / 2 + ms * random / 512, on_again, batch);
	return batch->timer != NULL;
}

/* ---- tasks ---- */

static void
append(CmDns01Batch *batch, CmDns01Task *task, int records)
{
	CmDns01Task **t = &batch->tasks;

	while (*t != NULL)
		t = &(*t)->next;
	*t = task;
	task->next = NULL;
	task->records = records;
	batch->ntasks++;
	batch->records += records;
}

bool
cm_dns01_batch_join(const CmDns01BatchKind *kind, CmDns01Task *task, int records, const uint8_t place[CM_DNS01_KEY])
{
	CmDns01Batch *last = NULL;
	CmDns01Batch *batch;

	for (batch = batches; batch != NULL; batch = batch->next)
	{
		if (same_place(batch, kind, task->loop, place))
			last = batch;
	}
	/* Not into an earlier one that has room: who comes later is not served before others. */
	if (last != NULL && !last->closed && last->records + records <= kind->records_max)
	{
		append(last, task, records);
		return true;
	}
	batch = batch_create(kind, task->loop, place, NULL);
	if (batch == NULL)
		return false;
	append(batch, task, records);
	/* Not at once: nobody is told anything inside the function that starts a call. */
	if (next_turn(kind, task->loop, place) != batch)
		return true;
	batch_free(batch);
	return false;
}

void
cm_dns01_batch_leave(CmDns01Batch *batch, CmDns01Task *task)
{
	CmDns01Task **t = &batch->tasks;

	while (*t != task)
		t = &(*t)->next;
	*t = task->next;
	task->next = NULL;
	batch->ntasks--;
	batch->records -= task->records;
}

/* The last batch that was made of tasks of this one, or itself. */
static CmDns01Batch *
last_part(CmDns01Batch *batch)
{
	CmDns01Batch *last = batch;

	for (CmDns01Batch *b = batch->next; b != NULL; b = b->next)
	{
		if (b->part_of == batch)
			last = b;
	}
	return last;
}

void
cm_dns01_batch_move(CmDns01Batch *batch, CmDns01Task *task, CmDns01Batch **to)
{
	CmStatus	st = CM_STATUS_INIT;

	cm_dns01_batch_leave(batch, task);
	/* Before those who came later. */
	if (*to == NULL && (*to = batch_create(batch->kind, batch->op.loop, batch->place, last_part(batch))) != NULL)
	{
		(*to)->closed = true;
		(*to)->part_of = batch;
	}
	if (*to != NULL)
	{
		append(*to, task, task->records);
		return;
	}
	cm_fail(&st, CM_MEMORY, "out of memory");
	cm_dns01_task_fail(task, &st, -1);
}

void
cm_dns01_batch_split(CmDns01Batch *batch)
{
	CmDns01Batch *halves[2] = {NULL, NULL};
	int			first = batch->ntasks / 2;

	for (int i = 0; batch->tasks != NULL; i++)
		cm_dns01_batch_move(batch, batch->tasks, &halves[i >= first]);
	cm_dns01_batch_end(batch);
}

void
cm_dns01_batch_fail(CmDns01Batch *batch, const CmStatus *st, int64_t retry_after)
{
	while (batch->tasks != NULL)
	{
		CmDns01Task *task = batch->tasks;

		cm_dns01_batch_leave(batch, task);
		cm_dns01_task_fail(task, st, retry_after);
	}
}

/* ---- keys ---- */

bool
cm_dns01_key(uint8_t key[CM_DNS01_KEY], const char *const *texts, int count)
{
	CmBuf		all;
	bool		ok;

	/* Trust anchors are the largest. */
	cm_buf_init_secret(&all, 2 * 1024 * 1024);
	for (int i = 0; i < count; i++)
	{
		cm_buf_printf(&all, "%zu ", texts[i] != NULL ? strlen(texts[i]) + 1 : 0);
		cm_buf_append_str(&all, texts[i] != NULL ? texts[i] : "");
	}
	ok = !all.failed && cm_sha256(cm_slice(all.data, all.len), key);
	cm_buf_free(&all);
	return ok;
}
