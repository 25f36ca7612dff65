/*
 * engine.c - see engine.h. Runs in the database worker and in CALL
 * certmgr.work(). Holds row locks of jobs and orders within its transactions
 * only; waits with none open. One job that throws is put back with its reason;
 * an ERROR outside of jobs ends the engine, and its leases are given back by
 * the next one.
 */
#include "postgres.h"

#include "lifecycle/challenge.h"
#include "lifecycle/claim.h"
#include "miscadmin.h"
#include "pg/compat.h"
#include "pg/guc.h"
#include "pg/tx.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "store/acme_certificate.h"
#include "store/acme_exchange.h"
#include "store/crl.h"
#include "store/instance.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/engine_internal.h"
#include "worker/engine_net.h"

#define MESSAGE_SIZE 900
/* Jobs that are due and yet not to be had are another engine's: not asked for more often than this. */
#define BUSY_MS 1000

CmEngine *
cm_engine_create(void)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "certmgr engine", ALLOCSET_DEFAULT_SIZES);
	CmEngine   *engine = MemoryContextAllocZero(context, sizeof(CmEngine));

	engine->context = context;
	engine->turn_context = AllocSetContextCreate(context, "certmgr turn", ALLOCSET_DEFAULT_SIZES);
	engine->loop = cm_engine_loop_create();
	engine->clients.context = context;
	engine->clients.loop = engine->loop;
	engine->next_due = DT_NOEND;
	engine->look = true;
	return engine;
}

void
cm_engine_destroy(CmEngine *engine)
{
	cm_engine_unlock(engine);
	/* Sessions know their requests; they go before the loop. No callback is called. */
	cm_acme_clients_close(&engine->clients);
	cm_loop_destroy(engine->loop);
	MemoryContextDelete(engine->context);
}

int
cm_engine_in_flight(const CmEngine *engine)
{
	return engine->in_flight;
}

TimestampTz
cm_engine_next_due(const CmEngine *engine)
{
	return engine->next_due;
}

int64
cm_engine_done(const CmEngine *engine)
{
	return engine->done;
}

static void
unlink_work(CmWork **list, CmWork *work)
{
	while (*list != work)
		list = &(*list)->next;
	*list = work->next;
	work->next = NULL;
}

/* On the event loop. */
static void
work_finished(CmWork *work)
{
	CmEngine   *engine = work->engine;

	unlink_work(&engine->running, work);
	work->next = engine->finished;
	engine->finished = work;
}

void
cm_engine_release(CmEngine *engine)
{
	CmWork	   *lists[2] = {engine->running, engine->finished};

	if (engine->in_flight == 0)
		return;
	cm_tx_begin();
	for (int i = 0; i < 2; i++)
	{
		for (CmWork *work = lists[i]; work != NULL; work = work->next)
			cm_job_release(&work->job);
	}
	cm_tx_commit();
}

/* ---- one transaction: outcomes, claims, next steps ---- */

typedef struct Advance
{
	CmWork	   *work;
	bool		io;
} Advance;

static void
advance(void *arg)
{
	Advance    *a = arg;

	a->io = cm_work_advance(a->work);
}

/* Puts the work on *start, or frees it when the job was released. */
static void
advance_work(CmEngine *engine, CmWork *work, CmWork **start)
{
	Advance		a = {work, false};
	char		message[MESSAGE_SIZE];

	engine->done++;
	if (!cm_tx_try(advance, &a, message, sizeof(message)))
	{
		ereport(LOG,
				(errmsg("certmgr job \"%s\" of %lld failed: %s", work->job.kind, (long long) work->job.target_id, message)));
		cm_work_crashed(work, message);
		a.io = false;
	}
	if (a.io)
	{
		work->next = *start;
		*start = work;
		return;
	}
	engine->in_flight--;
	/* There may be a place now for one that waits. */
	engine->look = engine->look || engine->held;
	cm_work_free(work);
}

/* What this engine has under way already: a CA that takes few orders at a time gets no more. */
static void
list_flying(const CmEngine *engine, const CmWork *start, CmClaim *wanted)
{
	const CmWork *lists[] = {engine->running, engine->finished, start};

	wanted->flying = palloc(sizeof(CmJobRow *) * Max(engine->in_flight, 1));
	for (int i = 0; i < lengthof(lists); i++)
	{
		for (const CmWork *work = lists[i]; work != NULL && wanted->flying_count < engine->in_flight; work = work->next)
			wanted->flying[wanted->flying_count++] = &work->job;
	}
}

/* Jobs of which nothing but the database is needed go to *crls. */
static int
claim(CmEngine *engine, TimestampTz now, CmWork **start, CmJobRow **crls, int *ncrls)
{
	int			room = cm_guc_max_orders - engine->in_flight;
	int			count = 0;
	CmClaim		wanted = {now, cm_after_ms(CM_LEASE_MS), room, cm_guc_max_orders};
	CmJobRow   *jobs;

	if (room <= 0)
		return 0;
	list_flying(engine, *start, &wanted);
	jobs = cm_claim(&wanted, &count);
	engine->held = wanted.held;
	*crls = palloc(sizeof(CmJobRow) * Max(count, 1));
	for (int i = 0; i < count; i++)
	{
		CmWork	   *work;

		if (strcmp(jobs[i].kind, "crl") == 0 || strcmp(jobs[i].kind, "ocsp") == 0)
		{
			(*crls)[(*ncrls)++] = jobs[i];
			continue;
		}
		work = cm_work_create(engine->context, &jobs[i], &engine->clients);
		work->engine = engine;
		work->on_finished = work_finished;
		engine->in_flight++;
		advance_work(engine, work, start);
	}
	return count;
}

static void
start_all(CmEngine *engine, CmWork *start)
{
	CmWork	   *next;

	for (; start != NULL; start = next)
	{
		next = start->next;
		start->next = engine->running;
		engine->running = start;
		cm_work_start(start);
	}
}

/* What a transaction found out, and what is to be done after it. */
static void
transact(CmEngine *engine)
{
	TimestampTz now = GetCurrentTimestamp();
	CmWork	   *start = NULL;
	CmJobRow   *crls = NULL;
	int			ncrls = 0;
	int			claimed = 0;
	int			renewals = 0;
	bool		due = engine->look || engine->next_due <= now;

	pgstat_report_activity(STATE_RUNNING, "certmgr: jobs");
	cm_tx_begin();
	MemoryContextSwitchTo(engine->turn_context);
	cm_acme_clients_turn(&engine->clients, engine->turn_context);
	cm_engine_lock(engine);
	if (engine->look)
		engine->paused = !cm_instance_adopted();
	engine->look = false;
	engine->looked_at = now;
	/* The listener lost them with shared memory when the server was started again. */
	if (!engine->paused && !engine->published)
	{
		cm_challenge_publish_all();
		engine->published = true;
	}

	while (engine->finished != NULL)
	{
		CmWork	   *work = engine->finished;

		engine->finished = work->next;
		work->next = NULL;
		advance_work(engine, work, &start);
	}
	if (due && !engine->paused)
	{
		cm_crl_changes_schedule();
		claimed = claim(engine, now, &start, &crls, &ncrls);
	}
	cm_acme_exchange_flush();
	if (!engine->paused)
		cm_engine_prune(engine, now);
	cm_tx_commit();
	/* Law L1: only now, that the intent is committed. */
	start_all(engine, start);

	for (int i = 0; i < ncrls; i++)
		cm_engine_revocation(engine, &crls[i]);
	if (due && !engine->paused)
		renewals = cm_engine_renew(engine, now);

	engine->next_due = DT_NOEND;
	if (!engine->paused)
	{
		TimestampTz renewal;

		cm_tx_begin();
		engine->next_due = cm_job_next_due();
		renewal = cm_renewal_next();
		cm_tx_commit();
		engine->next_due = Min(engine->next_due, renewal);
		if (due && (claimed == 0 || engine->held) && renewals == 0 && engine->next_due <= now)
			engine->next_due = cm_after_ms(BUSY_MS);
		/* More old rows than one portion. */
		if (engine->prune_at <= now)
			engine->next_due = Min(engine->next_due, now);
	}
	pgstat_report_activity(STATE_IDLE, NULL);
	MemoryContextReset(engine->turn_context);
}

/* ---- waiting ---- */

/* Nobody sees 20 ms before a first request over a network; each look costs two transactions. */
#define LOOK_PAUSE_MS 20

static long
wait_time(const CmEngine *engine, long max_wait_ms)
{
	int64		ms = max_wait_ms;
	int64		timer = cm_loop_timeout(engine->loop);

	if (engine->finished != NULL)
		return 0;
	/* Whatever our caller does next waits for that look. */
	if (engine->look)
		ms = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), TimestampTzPlusMilliseconds(engine->looked_at, LOOK_PAUSE_MS + 1));
	if (timer >= 0)
		ms = Min(ms, timer);
	if (engine->next_due != DT_NOEND && engine->in_flight < cm_guc_max_orders)
		ms = Min(ms, TimestampDifferenceMilliseconds(GetCurrentTimestamp(), engine->next_due));
	return (long) Max(ms, 0);
}

void
cm_engine_wait(CmEngine *engine, long max_wait_ms)
{
	static uint32 wait_event = 0;
	int			events;

	if (wait_event == 0)
		wait_event = cm_wait_event_new("CertmgrEngine");
	/* Once a look is wanted nobody needs to wake us for it again: thousands a second would. Signals wait for these milliseconds too. */
	events = WaitLatchOrSocket(MyLatch, (engine->look ? 0 : WL_LATCH_SET) | WL_EXIT_ON_PM_DEATH | WL_TIMEOUT | WL_SOCKET_READABLE,
							   cm_loop_fd(engine->loop), wait_time(engine, max_wait_ms), wait_event);
	if (events & WL_LATCH_SET)
	{
		ResetLatch(MyLatch);
		engine->look = true;
	}
	cm_loop_dispatch(engine->loop);
}

/* Somebody woke us. Thousands a second may: then one look serves for all of them, a moment later. */
static bool
wants_look(const CmEngine *engine)
{
	return engine->look && TimestampDifferenceExceeds(engine->looked_at, GetCurrentTimestamp(), LOOK_PAUSE_MS);
}

void
cm_engine_turn(CmEngine *engine, long max_wait_ms)
{
	CHECK_FOR_INTERRUPTS();
	if (wants_look(engine) || engine->finished != NULL ||
		(engine->next_due <= GetCurrentTimestamp() && engine->in_flight < cm_guc_max_orders))
		transact(engine);
	cm_engine_wait(engine, max_wait_ms);
}
