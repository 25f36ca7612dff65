/*
 * worker.c - the worker as SQL sees it: CALL certmgr.work(), its slots, what
 * the server has, adopting rows. Sessions only.
 */
#include "postgres.h"

#include "api/args.h"
#include "api/wait.h"
#include "commands/dbcommands.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lifecycle/master_key.h"
#include "miscadmin.h"
#include "pg/caller.h"
#include "pg/guc.h"
#include "pg/tx.h"
#include "pg/wake.h"
#include "store/audit.h"
#include "store/instance.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/engine_internal.h"
#include "worker/shmem.h"

PG_FUNCTION_INFO_V1(certmgr_work);
PG_FUNCTION_INFO_V1(certmgr_wake);
PG_FUNCTION_INFO_V1(certmgr_adopt);
PG_FUNCTION_INFO_V1(certmgr_worker_slots);
PG_FUNCTION_INFO_V1(certmgr_server_status);

/* The longest pause between two looks at an order: work() stays for those, and not for what is due in an hour. */
#define STAY_US (INT64CONST(20) * USECS_PER_SEC)

static void
work_until(CmEngine *engine, TimestampTz deadline)
{
	for (;;)
	{
		TimestampTz now;

		/* Without waiting: what came of it decides whether there is anything to wait for. */
		cm_engine_turn(engine, 0);
		now = GetCurrentTimestamp();
		if (now >= deadline)
			break;
		if (cm_engine_in_flight(engine) == 0 && cm_engine_next_due(engine) > Min(now + STAY_US, deadline))
			break;
		cm_engine_wait(engine, Min(TimestampDifferenceMilliseconds(now, deadline), 60000));
	}
}

Datum
certmgr_work(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	CmEngine   *volatile engine = NULL;
	volatile int64 done = 0;
	volatile bool paused = false;
	TupleDesc	desc;
	Datum		values[1];
	bool		nulls[1] = {false};

	cm_arg_not_null(fcinfo, 0, "timeout");
	cm_caller_require_operator("do the worker's work");
	cm_procedure_require(fcinfo, "certmgr.work()");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	SPI_commit();

	context = AllocSetContextCreate(TopMemoryContext, "certmgr.work()", ALLOCSET_DEFAULT_SIZES);
	cm_tx_in_procedure(true);
	PG_TRY();
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		engine = cm_engine_create();
		work_until(engine, GetCurrentTimestamp() + cm_interval_ms(PG_GETARG_INTERVAL_P(0)) * 1000);
		cm_engine_release(engine);
		done = cm_engine_done(engine);
		paused = engine->paused;
		MemoryContextSwitchTo(old);
	}
	PG_FINALLY();
	{
		cm_tx_in_procedure(false);
		if (engine != NULL)
			cm_engine_destroy(engine);
		/* Also after an ERROR or Ctrl-C: it is a child of TopMemoryContext, which nobody else empties. */
		MemoryContextDelete(context);
	}
	PG_END_TRY();
	SPI_finish();

	if (paused)
		ereport(NOTICE,
				(errmsg("nothing was done: the rows of this database belong to another cluster or database"),
				 errhint("SELECT certmgr.adopt(); unless the original still runs.")));
	values[0] = Int64GetDatum(done);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

Datum
certmgr_wake(PG_FUNCTION_ARGS)
{
	cm_wake_at_commit();
	PG_RETURN_VOID();
}

Datum
certmgr_adopt(PG_FUNCTION_ARGS)
{
	CmOwnerScope scope;
	char	   *actor;

	cm_caller_require_admin("adopt the rows of this database");
	actor = cm_caller_name();
	cm_owner_enter(&scope);
	cm_instance_adopt();
	cm_audit(actor, "adopt", "database", (int64) MyDatabaseId, NULL);
	cm_wake_at_commit();
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}

Datum
certmgr_worker_slots(PG_FUNCTION_ARGS)
{
	int			max = Max(cm_guc_max_databases, 1);
	CmWorkerSlotInfo *slots = palloc0(sizeof(CmWorkerSlotInfo) * max);
	int			count = cm_worker_slots(slots, max);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < count; i++)
	{
		char	   *name = get_database_name(slots[i].database);
		Datum		values[6];
		bool		nulls[6] = {false};

		values[0] = name != NULL ? DirectFunctionCall1(namein, CStringGetDatum(name)) : (Datum) 0;
		nulls[0] = name == NULL;
		values[1] = CStringGetTextDatum(slots[i].state);
		values[2] = Int32GetDatum(slots[i].pid);
		nulls[2] = slots[i].pid == 0;
		values[3] = TimestampTzGetDatum(slots[i].next_due);
		values[4] = Int32GetDatum(slots[i].failures);
		values[5] = TimestampTzGetDatum(slots[i].not_before);
		nulls[5] = slots[i].not_before == 0;
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
certmgr_server_status(PG_FUNCTION_ARGS)
{
	CmStatus	st = CM_STATUS_INIT;
	CmOwnerScope scope;
	int			pid = cm_worker_launcher_pid();
	TupleDesc	desc;
	const char *problem = cm_guc_weak_key_problem();
	Datum		values[5];
	bool		nulls[5] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = BoolGetDatum(cm_worker_preloaded());
	values[1] = Int32GetDatum(pid);
	nulls[1] = pid == 0;
	if (cm_master_key_load(&st))
		values[2] = CStringGetTextDatum("ok");
	else
	{
		cm_master_key_tell_path(&st);
		values[2] = CStringGetTextDatum(cm_status_words(&st));
	}
	cm_owner_enter(&scope);
	values[3] = BoolGetDatum(cm_instance_adopted());
	cm_owner_leave(&scope);
	nulls[4] = problem == NULL && cm_guc_weak_key_file[0] == '\0';
	if (!nulls[4])
		values[4] = CStringGetTextDatum(problem != NULL ? problem : "ok");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
