/*
 * worker.c - the database worker: a dynamic background worker that the
 * launcher starts when something is due in a database, that drives the engine
 * there, and that leaves after an idle time so that it does not pin the
 * database.
 *
 * It holds no lock between turns. It leaves in good order (exit 0) when it is
 * idle, told to (SIGTERM between transactions, certmgr.worker = off), or when
 * the extension is not there; any ERROR ends it (exit 1), and the launcher
 * starts another after a back-off. SIGTERM within a transaction cancels it as
 * in any session.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "pg/compat.h"
#include "pg/guc.h"
#include "pg/tx.h"
#include "worker/engine.h"
#include "worker/launcher.h"
#include "worker/listener.h"
#include "worker/slot.h"

/* Longest wait of one turn: work that nobody woke us for is found after this time at the latest, as when no worker runs. */
#define TURN_MAX_MS				(60 * 1000)
/* Shortest limit while jobs are in flight: their I/O ends the wait anyway, this is only how late we may notice that all is done. */
#define BUSY_WAIT_MS			1000

static CmWorkerStart start;		/* who we are */
static volatile sig_atomic_t in_loop = false;
static bool extension_in_doubt = false;

/*
 * Between transactions the loop leaves by itself, quietly, and none is begun
 * in the turn that is under way (cm_tx_begin). In a transaction
 * we may sit in a lock that the one who wants us gone holds: die() gets us
 * out of there, and so does a second signal. A signal that comes between a
 * look at the flag and the next wait leaves the latch set, and the wait
 * returns at once (the engine resets the latch after a wait, not before).
 */
static void
handle_sigterm(SIGNAL_ARGS)
{
	int			save_errno = errno;

	if (in_loop && !cm_tx_stop_requested && !IsTransactionState())
		SetLatch(MyLatch);
	else
		die(postgres_signal_arg);
	cm_tx_stop_requested = true;
	errno = save_errno;
}

static void
worker_exit(int code, Datum arg)
{
	cm_slot_exit(&start, code != 0 && !cm_tx_stop_requested);
}

/* DROP EXTENSION drops tables, so it cannot pass without this call. */
static void
relation_changed(Datum arg, Oid relation)
{
	extension_in_doubt = true;
}

/* As an autovacuum worker: whatever the administrator set for sessions must not stop us. */
static void
override_settings(void)
{
	static const char *const settings[][2] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"statement_timeout", "0"},
		{"lock_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"transaction_timeout", "0"},	/* 17 and later */
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
	};
	size_t		i;

	for (i = 0; i < lengthof(settings); i++)
	{
		if (GetConfigOption(settings[i][0], true, false) != NULL)
			SetConfigOption(settings[i][0], settings[i][1], PGC_SUSET, PGC_S_OVERRIDE);
	}
}

/* In a transaction: the version of our extension in this database, or NULL. */
static char *
extension_version(void)
{
	char	   *version = NULL;
	Relation	relation = table_open(ExtensionRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum("certmgr"));
	scan = systable_beginscan(relation, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		datum = heap_getattr(tuple, Anum_pg_extension_extversion, RelationGetDescr(relation), &isnull);

		if (!isnull)
			version = text_to_cstring(DatumGetTextPP(datum));
	}
	systable_endscan(scan);
	table_close(relation, AccessShareLock);
	return version;
}

/* RUNNING when we may work here, otherwise the state to leave with. */
static CmSlotState
check_extension(void)
{
	MemoryContext context = CurrentMemoryContext;
	CmSlotState state = CM_SLOT_RUNNING;
	char	   *version;

	extension_in_doubt = false;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	version = extension_version();
	if (version == NULL)
		state = CM_SLOT_ABSENT;
	else if (strcmp(version, CM_SQL_VERSION) != 0)
	{
		char		error[CM_WORKER_ERROR_SIZE];

		state = CM_SLOT_MISMATCH;
		snprintf(error, sizeof(error), "the extension has version %s, the library is made for %s", version, CM_SQL_VERSION);
		if (cm_slot_error(start.slot, error))
			ereport(LOG,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("certmgr worker cannot work in database %u: %s", start.database, error),
					 errhint("Run ALTER EXTENSION certmgr UPDATE in that database, or restart the server after an update of the library.")));
	}
	CommitTransactionCommand();
	MemoryContextSwitchTo(context);
	return state;
}

/* Does not return, unless somebody asked for work after wakes was read. */
static void
leave(CmSlotState state, uint32 wakes, TimestampTz next_due)
{
	if (state == CM_SLOT_ABSENT)
		cm_listener_forget(start.database);
	if (cm_slot_leave(&start, state, wakes, next_due))
		proc_exit(0);
}

/*
 * Returns when there is an extension to work for. A wake-up while we looked
 * may be a CREATE EXTENSION that was committed just then: look again.
 */
static void
find_extension(void)
{
	for (;;)
	{
		uint32		wakes = cm_slot_wakes(start.slot);
		CmSlotState state = check_extension();

		if (state == CM_SLOT_RUNNING)
			return;
		leave(state, wakes, DT_NOEND);
		CHECK_FOR_INTERRUPTS();
		if (cm_tx_stop_requested)
			proc_exit(0);
	}
}

/* How long it may be idle, in ms. One that only looks, or that others wait for, may not. */
static int64
idle_limit(void)
{
	if (start.look || cm_slot_is_crowded())
		return 0;
	return (int64) cm_guc_worker_idle_timeout * 1000;
}

static void
reload_if_asked(void)
{
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

/*
 * Turn after turn. The number of wake-ups is read before a turn, so one that
 * came after the engine looked for work makes leave() refuse.
 */
static void
work(CmEngine *engine)
{
	TimestampTz active = GetCurrentTimestamp();	/* when there was work last */
	TimestampTz next_due = active;
	uint32		wakes = cm_slot_wakes(start.slot);
	int64		wait_ms = 0;

	for (;;)
	{
		uint32		wakes_before = wakes;
		TimestampTz now;

		if (cm_tx_stop_requested)
			proc_exit(0);
		wakes = cm_slot_wakes(start.slot);
		if (!cm_guc_worker_enabled)
			leave(CM_SLOT_IDLE, wakes, next_due);
		AcceptInvalidationMessages();
		if (extension_in_doubt)
			find_extension();
		if (wakes != wakes_before)
		{
			/*
			 * The engine looks for work after its latch was set. The one who
			 * woke us counts first and sets the latch second, and a wait for
			 * a lock may have reset it: set it again, and do not think of
			 * leaving before the turn that looks.
			 */
			active = GetCurrentTimestamp();
			start.look = false;
			SetLatch(MyLatch);
		}

		cm_engine_turn(engine, (long) wait_ms);
		reload_if_asked();
		if (wakes != wakes_before)
		{
			wait_ms = 0;
			continue;
		}

		now = GetCurrentTimestamp();
		next_due = cm_engine_next_due(engine);
		if (cm_engine_in_flight(engine) > 0 || next_due <= now)
		{
			active = now;
			start.look = false;
			wait_ms = Max(idle_limit(), BUSY_WAIT_MS);
		}
		else
		{
			wait_ms = idle_limit() - (now - active) / 1000;
			if (wait_ms <= 0)
				leave(CM_SLOT_IDLE, wakes, next_due);
		}
		wait_ms = Max(0, Min(wait_ms, TURN_MAX_MS));
	}
}

/* The first lines of an ERROR into the slot, for worker_status; the log gets it from whoever catches it. */
static void
remember_error(void)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	ErrorData  *edata = CopyErrorData();

	(void) cm_slot_error(start.slot, edata->message != NULL ? edata->message : "unknown error");
	FreeErrorData(edata);
	MemoryContextSwitchTo(old);
}

/* Connected, settings in place: look whether we have anything to do here, then work. */
static void
run(void)
{
	CmEngine   *engine;

	MemoryContextSwitchTo(AllocSetContextCreate(TopMemoryContext, "certmgr worker", ALLOCSET_DEFAULT_SIZES));
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	find_extension();
	engine = cm_engine_create();
	in_loop = true;
	(void) cm_slot_error(start.slot, "");
	work(engine);
}

void
cm_database_worker_main(Datum arg)
{
	memcpy(&start, MyBgworkerEntry->bgw_extra, sizeof(start));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, handle_sigterm);

	/* Signals are blocked: whoever wants us gone finds our pid from here on, or we find his block. */
	if (!cm_slot_enter(&start))
		proc_exit(0);
	before_shmem_exit(worker_exit, (Datum) 0);
	BackgroundWorkerUnblockSignals();

	PG_TRY();
	{
		BackgroundWorkerInitializeConnectionByOid(start.database, InvalidOid, 0);
		pgstat_report_appname("certmgr worker");
		pgstat_report_activity(STATE_IDLE, NULL);
		override_settings();
		run();
	}
	PG_CATCH();
	{
		remember_error();
		PG_RE_THROW();
	}
	PG_END_TRY();
}
