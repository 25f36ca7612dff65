/*
 * route53_batch.c - changes TXT record sets of a hosted zone, never those of
 * others in them, for all who want something there at the same moment.
 *
 * Runs in the database worker and in CALL certmgr.work(); nothing is locked.
 * The sets are read, a page at a time; then one change deletes exactly what
 * was read and creates what shall be. A change is all or nothing, and AWS
 * refuses to delete a set that is not what was read, or to create one that is
 * there: so nobody's change is lost, and a conflict only means to read again.
 * Repeated after a lost answer, it reads that there is nothing left to do.
 *
 * One batch of a zone is under way at a time (AWS takes no more), so two tasks
 * that change the same set are merged, or one comes after the other. When a
 * change is refused, the sets that AWS names are read again while the others are
 * written; tasks that come to nothing this way go on without the others, and
 * where AWS names nobody the batch is halved until the culprit is alone.
 */
#include "dns01/api.h"
#include "dns01/route53.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API "/2013-04-01"
/* As many new values of 45 characters are one change (32,000 characters). With values of others it may take two. */
#define BATCH_RECORDS 700
/* Under load a zone is changed once a second: who comes meanwhile goes together, and the account is left with requests for other things. */
#define BATCH_INTERVAL_MS 1000
#define BATCH_BURST 3
/* AWS's most of one list. */
#define PAGE 300
/* In a batch of several the culprit is put apart before CM_ROUTE53_CONFLICTS_MAX. */
#define CONFLICTS_SHARED_MAX 2
#define CONFLICT_MS 400

static void next(CmDns01Batch *base);

static void
go_on(CmRoute53Batch *batch)
{
	next(&batch->batch);
}

static void
fail_all(CmRoute53Batch *batch, const CmStatus *st, int64_t retry_after)
{
	cm_dns01_batch_fail(&batch->batch, st, retry_after);
	cm_dns01_batch_end(&batch->batch);
}

static const CmRoute53Settings *
settings_of(const CmRoute53Batch *batch)
{
	/* All tasks have the same. This one is there until its call ends. */
	return &((const CmRoute53Task *) batch->batch.tasks)->settings;
}

/* ---- which sets, and whose ---- */

static void
forget_sets(CmRoute53Batch *batch)
{
	cm_dns01_sets_free(&batch->sets);
	free(batch->all);
	batch->all = NULL;
}

static void
release(CmDns01Batch *base)
{
	forget_sets((CmRoute53Batch *) base);
}

static int
compare_sets(const void *a, const void *b)
{
	return cm_route53_compare(((const CmRoute53Set *) a)->set->name, ((const CmRoute53Set *) b)->set->name);
}

static bool
make_sets(CmRoute53Batch *batch, CmStatus *st)
{
	CmDns01Record *records = calloc((size_t) batch->batch.records, sizeof(CmDns01Record));
	int			count = 0;
	bool		ok;

	if (records == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	for (const CmDns01Task *task = batch->batch.tasks; task != NULL; task = task->next)
	{
		const CmDns01Sets *own = &((const CmRoute53Task *) task)->sets;

		for (int i = 0; i < own->nrecords; i++, count++)
		{
			records[count].name = own->records[i].name;
			records[count].value = own->records[i].value;
			records[count].remove = own->records[i].remove;
		}
	}
	ok = cm_dns01_sets_create(&batch->sets, records, count, st);
	free(records);
	if (!ok)
		return false;
	batch->all = calloc((size_t) batch->sets.count, sizeof(CmRoute53Set));
	if (batch->all == NULL)
		return cm_fail(st, CM_MEMORY, "out of memory");
	for (int i = 0; i < batch->sets.count; i++)
		batch->all[i].set = &batch->sets.sets[i];
	qsort(batch->all, (size_t) batch->sets.count, sizeof(CmRoute53Set), compare_sets);
	return true;
}

static bool
touches(const CmDns01Task *task, const CmRoute53Set *set)
{
	const CmDns01Sets *own = &((const CmRoute53Task *) task)->sets;

	for (int i = 0; i < own->count; i++)
	{
		if (strcmp(own->sets[i].name, set->set->name) == 0)
			return true;
	}
	return false;
}

/* Has the task a set with ... ? */
static bool
has_set(const CmRoute53Batch *batch, const CmDns01Task *task, bool (*is) (const CmRoute53Set *set))
{
	for (int i = 0; i < batch->sets.count; i++)
	{
		if (is(&batch->all[i]) && touches(task, &batch->all[i]))
			return true;
	}
	return false;
}

static bool
is_open(const CmRoute53Set *set)
{
	return !set->done;
}

static bool
is_sent(const CmRoute53Set *set)
{
	return set->sent;
}

static bool
is_hopeless(const CmRoute53Set *set)
{
	return set->conflicts > CONFLICTS_SHARED_MAX;
}

/* ---- reading ---- */

/* One set cannot be changed. Whoever wants it alone is told so; several may be at odds with each other. */
static void
set_failed(CmRoute53Batch *batch, const CmRoute53Set *set, const CmStatus *st)
{
	CmDns01Task *culprit = NULL;
	int			count = 0;

	for (CmDns01Task *task = batch->batch.tasks; task != NULL; task = task->next)
	{
		if (!touches(task, set))
			continue;
		culprit = task;
		count++;
	}
	if (count > 1)
	{
		cm_dns01_batch_split(&batch->batch);
		return;
	}
	/* What it wants besides goes with it. */
	forget_sets(batch);
	cm_dns01_batch_leave(&batch->batch, culprit);
	cm_dns01_task_fail(culprit, st, -1);
	go_on(batch);
}

static void
on_read(CmAwsAnswer *answer, void *arg)
{
	CmRoute53Batch *batch = arg;
	CmStatus	st = CM_STATUS_INIT;
	int			bad;

	if (answer->status.code == CM_LIMIT && answer->code[0] == '\0' && answer->retry_after < 0 && !batch->one_by_one)
		batch->one_by_one = true;	/* not AWS's word: the page is larger than what we read */
	else if (answer->status.code != CM_OK)
	{
		fail_all(batch, &answer->status, answer->retry_after);
		return;
	}
	else if (!cm_route53_take_sets(batch, answer->xml, &bad, &st))
	{
		set_failed(batch, &batch->all[bad], &st);
		return;
	}
	go_on(batch);
}

/* Lists from the first set on that is not known. Who had a conflict is asked for alone: there the list's order is not trusted. */
static bool
read_sets(CmRoute53Batch *batch, CmStatus *st)
{
	const CmRoute53Set *first;
	CmBuf		escaped;
	char		path[1000];
	int			unknown = 0;

	for (int i = batch->sets.count - 1; i >= 0; i--)
	{
		if (batch->all[i].known || batch->all[i].done)
			continue;
		batch->reading = i;
		unknown++;
	}
	first = &batch->all[batch->reading];
	cm_buf_init(&escaped, 1024);
	(void) cm_dns01_api_escape(&escaped, first->set->name);
	snprintf(path, sizeof(path), API "/hostedzone/%s/rrset?maxitems=%d&name=%s.&type=TXT", batch->batch.tasks->result.zone_id,
			 unknown > 1 && first->conflicts == 0 && !batch->one_by_one ? PAGE : 1, cm_buf_cstr(&escaped));
	cm_buf_free(&escaped);
	return cm_route53_call(batch->batch.op.loop, settings_of(batch), "GET", path, NULL, "route53:ListResourceRecordSets", on_read, batch, st);
}

static void
read_again(CmDns01Batch *base)
{
	CmRoute53Batch *batch = (CmRoute53Batch *) base;
	CmStatus	st = CM_STATUS_INIT;

	batch->pause_ms = 0;
	if (!read_sets(batch, &st))
		fail_all(batch, &st, -1);
}

/* ---- writing ---- */

/* Remembers a change that is under way. One id in nearly all cases; the oldest of many are through before the last. */
static void
add_change_id(CmDns01Result *result, const char *id)
{
	size_t		len = strlen(result->change_id);

	if (len + strlen(id) + 2 > sizeof(result->change_id))
		len = 0;
	snprintf(result->change_id + len, sizeof(result->change_id) - len, "%s%s", len > 0 ? "," : "", id);
}

static void
take_change(CmRoute53Batch *batch, const CmXml *xml)
{
	const char *id_text = cm_xml_text(xml, "ChangeInfo/Id");
	const char *status = cm_xml_text(xml, "ChangeInfo/Status");
	char		id[CM_ROUTE53_ZONE_ID_MAX + 1];
	bool		under_way = id_text != NULL && cm_route53_id(id_text, "/change/", id) && (status == NULL || strcmp(status, "INSYNC") != 0);

	for (CmDns01Task *task = batch->batch.tasks; task != NULL; task = task->next)
	{
		if (!has_set(batch, task, is_sent))
			continue;
		/* Whatever becomes of its other sets. */
		task->result.touched = true;
		if (under_way)
			add_change_id(&task->result, id);
	}
	for (int i = 0; i < batch->sets.count; i++)
	{
		batch->all[i].done = batch->all[i].done || batch->all[i].sent;
		batch->all[i].sent = false;
	}
}

/* Tasks whose sets come to nothing leave the others. False: the batch has ended. */
static bool
put_apart(CmRoute53Batch *batch)
{
	CmDns01Batch *apart = NULL;
	CmDns01Task *task;
	CmDns01Task *following;
	int			hopeless = 0;

	for (task = batch->batch.tasks; task != NULL; task = task->next)
		hopeless += has_set(batch, task, is_hopeless);
	if (hopeless == 0)
		return true;
	if (hopeless == batch->batch.ntasks)
	{
		cm_dns01_batch_split(&batch->batch);
		return false;
	}
	for (task = batch->batch.tasks; task != NULL; task = following)
	{
		following = task->next;
		if (has_set(batch, task, is_hopeless))
			cm_dns01_batch_move(&batch->batch, task, &apart);
	}
	forget_sets(batch);
	batch->pause_ms = 0;
	return true;
}

/* Somebody changed a set since we read it, or there is a set that AWS will not have. */
static void
refused(CmRoute53Batch *batch, const CmAwsAnswer *answer)
{
	bool		alone = batch->batch.ntasks == 1;
	bool		named = cm_route53_take_culprits(batch, answer->xml);
	int			conflicts = 0;

	if (!named && !alone)
	{
		cm_dns01_batch_split(&batch->batch);
		return;
	}
	for (int i = 0; i < batch->sets.count; i++)
	{
		CmRoute53Set *set = &batch->all[i];

		if (!named && set->sent)
			cm_route53_conflict(set);
		if (!set->known && !set->done && set->conflicts > conflicts)
			conflicts = set->conflicts;
		set->sent = false;
	}
	batch->pause_ms = (int64_t) CONFLICT_MS * conflicts;
	if (alone && conflicts > CM_ROUTE53_CONFLICTS_MAX)
		fail_all(batch, &answer->status, answer->retry_after);
	else if (alone || put_apart(batch))
		go_on(batch);
}

static void
on_written(CmAwsAnswer *answer, void *arg)
{
	CmRoute53Batch *batch = arg;

	if (answer->status.code == CM_OK)
	{
		take_change(batch, answer->xml);
		go_on(batch);
	}
	else if (answer->status.code == CM_REFUSED && strcmp(answer->code, "InvalidChangeBatch") == 0)
		refused(batch, answer);
	else if (answer->status.code == CM_REFUSED && batch->batch.ntasks > 1 && !cm_aws_bad_keys(answer) && strcmp(answer->code, "NoSuchHostedZone") != 0)
		cm_dns01_batch_split(&batch->batch);	/* a policy may allow some names only */
	else
		fail_all(batch, &answer->status, answer->retry_after);
}

static bool
write_sets(CmRoute53Batch *batch, CmStatus *st)
{
	const CmRoute53Settings *settings = settings_of(batch);
	char		path[200];
	CmBuf		body;
	bool		ok;

	cm_buf_init(&body, 4 * 1024 * 1024);
	cm_route53_put_change(batch, settings->ttl, &body);
	snprintf(path, sizeof(path), API "/hostedzone/%s/rrset/", batch->batch.tasks->result.zone_id);
	ok = (!body.failed || cm_fail(st, CM_LIMIT, "a change of record sets is too large")) &&
		cm_route53_call(batch->batch.op.loop, settings, "POST", path, cm_buf_cstr(&body), "route53:ChangeResourceRecordSets", on_written, batch, st);
	cm_buf_free(&body);
	return ok;
}

/* ---- the batch ---- */

/* Tasks whose sets all are what they shall be need not wait for the others. */
static void
finish_tasks(CmRoute53Batch *batch)
{
	CmDns01Task *following;

	for (CmDns01Task *task = batch->batch.tasks; task != NULL; task = following)
	{
		following = task->next;
		if (has_set(batch, task, is_open))
			continue;
		cm_dns01_batch_leave(&batch->batch, task);
		cm_dns01_task_finish(task);
	}
}

/* Writes what is known, else reads, else ends. */
static bool
step(CmRoute53Batch *batch, CmStatus *st)
{
	bool		unknown = false;

	for (int i = 0; i < batch->sets.count; i++)
	{
		unknown = unknown || (!batch->all[i].known && !batch->all[i].done);
		/* Before anything was written, all is read: one change instead of one a page. After a conflict the others go first. */
		if (batch->all[i].known && !batch->all[i].done && batch->pause_ms > 0)
			return write_sets(batch, st);
	}
	if (!unknown)
		return write_sets(batch, st);
	if (batch->pause_ms == 0)
		return read_sets(batch, st);
	return cm_dns01_batch_later(&batch->batch, batch->pause_ms, read_again) || cm_fail(st, CM_MEMORY, "out of memory");
}

static void
next(CmDns01Batch *base)
{
	CmRoute53Batch *batch = (CmRoute53Batch *) base;
	CmStatus	st = CM_STATUS_INIT;

	if (batch->all != NULL)
		finish_tasks(batch);
	if (base->tasks == NULL)
		cm_dns01_batch_end(base);
	else if ((batch->all == NULL && !make_sets(batch, &st)) || !step(batch, &st))
		fail_all(batch, &st, -1);
}

static bool
place_of(const CmRoute53Task *task, uint8_t place[CM_DNS01_KEY])
{
	char		account[2 * CM_DNS01_KEY + 1];
	char		ttl[16];
	const char *texts[] = {account, task->task.result.zone_id, ttl};

	for (int i = 0; i < CM_DNS01_KEY; i++)
		snprintf(&account[2 * i], 3, "%02x", task->settings.account[i]);
	snprintf(ttl, sizeof(ttl), "%d", task->settings.ttl);
	return cm_dns01_key(place, texts, 3);
}

bool
cm_route53_change(CmRoute53Task *task, CmStatus *st)
{
	static const CmDns01BatchKind kind = {sizeof(CmRoute53Batch), BATCH_RECORDS, 1, BATCH_INTERVAL_MS, BATCH_BURST, next, release};
	uint8_t		place[CM_DNS01_KEY];

	return (place_of(task, place) && cm_dns01_batch_join(&kind, &task->task, task->sets.nrecords, place)) || cm_fail(st, CM_MEMORY, "out of memory");
}
