/*
 * launcher.c - the static background worker that sees to it that each database
 * with the extension has a worker when there is work. Exists only with
 * shared_preload_libraries; connects to no database, reads pg_database, and
 * sleeps until the first thing is due or a session or a worker sets its latch.
 * Not started on a standby before its promotion.
 *
 * Takes a lock on a database only if it is free, so a DROP DATABASE that waits
 * never stops the others. An ERROR (out of memory, say) ends the process; the
 * postmaster starts it again after five seconds and all state that matters is
 * in the slots.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "pg/compat.h"
#include "pg/guc.h"
#include "pg/wake.h"
#include "worker/launcher.h"
#include "worker/listener.h"
#include "worker/slot.h"
#include "worker/static_worker.h"

/* The longest sleep: new databases, dropped ones and those closed by hand in pg_database are noticed by the scan. */
#define SCAN_MS					(60 * 1000)
/* While databases found no slot, slots may become free any time. */
#define SCAN_CROWDED_MS			1000
/* After a minute of it, it is not just the first look at many databases. */
#define CROWDED_SCANS			60
/* Somebody works on the database as such. Callbacks at commit wake us before the locks are gone, so look again soon. */
#define LOCKED_RETRY_MS			100
/* The server had no worker slot free. Ours wake us when they leave, others' do not. */
#define NO_WORKER_RETRY_MS		1000

/* A start under way: the server's handle for it, valid while epoch is the slot's. */
typedef struct Pending
{
	BackgroundWorkerHandle *handle;
	uint32		epoch;
} Pending;

static Pending *pending;		/* one a slot */
static List *seen = NIL;		/* databases that had their turn in a scan */
static TimestampTz next_scan = 0;
static TimestampTz register_after = 0;
static bool crowded = false;
static uint32 exits_seen = 0;

void
cm_worker_init(void)
{
	if (IsBinaryUpgrade)
		return;

	cm_shmem_install();
	cm_hooks_install();
	cm_wake_hook = cm_slot_wake;

	cm_static_worker_register("certmgr launcher", "cm_launcher_main");
	cm_listener_register();
}

/* ---- what is in pg_database ---- */

/*
 * Looks at every database: those that are gone lose their slot, those never
 * seen get one, so that a worker looks into them. Databases that do not fit
 * stay unseen and make the next scan come soon.
 */
static void
scan_databases(TimestampTz now)
{
	MemoryContext context = CurrentMemoryContext;
	Oid		   *known = palloc(sizeof(Oid) * cm_slot_max());
	int			nknown = cm_slot_databases(known);	/* before the snapshot: a slot made later is for a database it may not see */
	List	   *existing = NIL;
	bool		all_placed = true;
	static int	crowded_scans = 0;
	Relation	relation;
	TableScanDesc scan;
	HeapTuple	tuple;
	ListCell   *cell;
	int			i;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while (HeapTupleIsValid(tuple = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old = MemoryContextSwitchTo(context);

		existing = lappend_oid(existing, form->oid);
		if (list_member_oid(seen, form->oid))
			;
		else if (!form->datallowconn || form->datistemplate)
			;					/* unseen, so that it is looked at when that changes */
		else if (cm_slot_place(form->oid))
		{
			MemoryContextSwitchTo(TopMemoryContext);
			seen = lappend_oid(seen, form->oid);
		}
		else
			all_placed = false;
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);

	for (i = 0; i < nknown; i++)
	{
		if (!list_member_oid(existing, known[i]))
		{
			cm_slot_free(known[i]);
			cm_listener_forget(known[i]);
		}
	}
	foreach(cell, seen)
	{
		if (!list_member_oid(existing, lfirst_oid(cell)))
			seen = foreach_delete_current(seen, cell);
	}

	crowded_scans = all_placed ? 0 : crowded_scans + 1;
	if (crowded_scans == CROWDED_SCANS)
		ereport(LOG,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("more than %d databases need a certmgr worker", cm_slot_max()),
				 errhint("Increase \"certmgr.max_databases\" and restart the server.")));
	next_scan = TimestampTzPlusMilliseconds(now, all_placed ? SCAN_MS : SCAN_CROWDED_MS);
	list_free(existing);
	pfree(known);
}

typedef enum Fitness
{
	FIT,
	GONE,
	NO_CONNECTIONS,
	TEMPLATE,
	INVALID
} Fitness;

/* In a transaction. The index is used if this process could load it, as in GetDatabaseTupleByOid(). */
static Fitness
database_fitness(Oid database)
{
	Fitness		fitness = GONE;
	Relation	relation = table_open(DatabaseRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_database_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(database));
	scan = systable_beginscan(relation, DatabaseOidIndexId, criticalSharedRelcachesBuilt, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

		if (form->datconnlimit == DATCONNLIMIT_INVALID_DB)
			fitness = INVALID;
		else if (!form->datallowconn)
			fitness = NO_CONNECTIONS;
		else if (form->datistemplate)
			fitness = TEMPLATE;
		else
			fitness = FIT;
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return fitness;
}

/*
 * In a transaction: the lock a connecting session takes, but without waiting.
 * Held until the worker is registered, so that whoever locks the database
 * after that finds the slot "starting" and blocks it.
 */
static bool
lock_database(Oid database)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
	return LockAcquire(&tag, RowExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* ---- starting workers ---- */

static bool
register_worker(const CmWorkerStart *start)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	BackgroundWorker worker;
	BackgroundWorkerHandle *handle = NULL;
	bool		registered;

	StaticAssertStmt(sizeof(CmWorkerStart) <= BGW_EXTRALEN, "a start must fit into bgw_extra");

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION | CM_BGWORKER_INTERRUPTIBLE;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, "certmgr", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "cm_database_worker_main", sizeof(worker.bgw_function_name));
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "certmgr worker for database %u", start->database);
	strlcpy(worker.bgw_type, "certmgr worker", sizeof(worker.bgw_type));
	memcpy(worker.bgw_extra, start, sizeof(*start));
	worker.bgw_notify_pid = MyProcPid;

	if (pending[start->slot].handle != NULL)
	{
		pfree(pending[start->slot].handle);
		pending[start->slot].handle = NULL;
	}
	registered = RegisterDynamicBackgroundWorker(&worker, &handle);
	if (registered)
	{
		pending[start->slot].handle = handle;
		pending[start->slot].epoch = start->epoch;
	}
	MemoryContextSwitchTo(old);
	return registered;
}

/* All databases wait until a worker slot is free; those that have an idle worker give it up. */
static void
note_no_worker(const CmWorkerStart *start, TimestampTz now)
{
	cm_slot_not_started(start);
	register_after = TimestampTzPlusMilliseconds(now, NO_WORKER_RETRY_MS);
	if (!crowded)
		ereport(LOG,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("could not start the certmgr worker for database %u: no background worker slot is free", start->database),
				 errdetail("It is tried again every second; this message is not repeated meanwhile."),
				 errhint("Increase \"max_worker_processes\" if that lasts.")));
	crowded = true;
	cm_slot_crowded(true);
}

/* Leaves the slot in a state that is not due now, or returns false. */
static bool
start_worker(CmWorkerStart *start, TimestampTz now)
{
	bool		go_on = true;

	StartTransactionCommand();
	if (!lock_database(start->database))
		cm_slot_postpone(start->database, TimestampTzPlusMilliseconds(now, LOCKED_RETRY_MS));
	else
	{
		TimestampTz again = TimestampTzPlusMilliseconds(now, SCAN_MS);

		switch (database_fitness(start->database))
		{
			case GONE:
				cm_slot_free(start->database);
				break;
			case NO_CONNECTIONS:
				cm_slot_closed(start->database, again, "the database does not accept connections");
				break;
			case TEMPLATE:
				cm_slot_closed(start->database, again, "the database is a template");
				break;
			case INVALID:
				cm_slot_closed(start->database, again, "the database is invalid, its DROP DATABASE was interrupted");
				break;
			case FIT:
				if (cm_slot_starting(start) && !register_worker(start))
				{
					note_no_worker(start, now);
					go_on = false;
				}
				break;
		}
	}
	CommitTransactionCommand();
	return go_on;
}

/* Starts that ended before the worker could say so in its slot: fork failed, library gone, out of slots of another kind. */
static void
settle_starts(void)
{
	int			i;

	for (i = 0; i < cm_slot_max(); i++)
	{
		pid_t		pid;

		if (pending[i].handle == NULL)
			continue;
		if (cm_slot_is_starting(i, pending[i].epoch))
		{
			if (GetBackgroundWorkerPid(pending[i].handle, &pid) != BGWH_STOPPED)
				continue;
			cm_slot_start_failed(i, pending[i].epoch);
		}
		pfree(pending[i].handle);
		pending[i].handle = NULL;
	}
}

static void
start_due_workers(TimestampTz now)
{
	CmWorkerStart start;
	uint32		exits = cm_slot_exits();

	if (exits != exits_seen)
	{
		exits_seen = exits;
		register_after = 0;
	}
	if (now < register_after)
		return;

	while (cm_slot_due(now, &start))
	{
		CHECK_FOR_INTERRUPTS();
		if (!start_worker(&start, now))
			return;
	}
	if (crowded)
	{
		crowded = false;
		cm_slot_crowded(false);
	}
}

/* ---- the process ---- */

static void
launcher_exit(int code, Datum arg)
{
	cm_slot_launcher(false);
}

static void
sleep_until_due(uint32 wait_event)
{
	TimestampTz until = next_scan;
	TimestampTz now;
	long		ms;

	if (cm_guc_worker_enabled)
		until = Min(until, Max(cm_slot_first_due(), register_after));
	now = GetCurrentTimestamp();
	ms = TimestampDifferenceMilliseconds(now, until);

	/* The clock may have been set back: never sleep longer than between two scans. */
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, Min(ms, SCAN_MS), wait_event);
	ResetLatch(MyLatch);
}

void
cm_launcher_main(Datum arg)
{
	uint32		wait_event;

	cm_static_worker_begin("certmgr launcher");
	pending = MemoryContextAllocZero(TopMemoryContext, sizeof(Pending) * cm_slot_max());
	wait_event = cm_wait_event_new("CertmgrLauncher");
	before_shmem_exit(launcher_exit, 0);
	cm_slot_launcher(true);
	cm_slot_adopt_starts();
	cm_slot_crowded(false);

	for (;;)
	{
		TimestampTz now;

		(void) cm_static_worker_interrupts();
		now = GetCurrentTimestamp();
		if (cm_slot_take_overflow())
		{
			/* A session found no slot for its database: have them all looked at again. */
			list_free(seen);
			seen = NIL;
			next_scan = now;
		}
		if (now >= next_scan || TimestampDifferenceExceeds(now, next_scan, SCAN_MS))
			scan_databases(now);
		settle_starts();
		if (cm_guc_worker_enabled)
			start_due_workers(now);
		sleep_until_due(wait_event);
	}
}
