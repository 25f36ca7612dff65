/*
 * wait.c - CALL certmgr.wait(): waits in a session until a certificate is
 * issued or failed. Commits before each wait, so it holds no snapshot and no
 * lock while it waits.
 */
#include "postgres.h"

#include "api/access.h"
#include "api/args.h"
#include "api/wait.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "pg/compat.h"
#include "pg/error.h"
#include "pg/tx.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "worker/shmem.h"

PG_FUNCTION_INFO_V1(certmgr_wait);

/* A private CA on this machine answers in half a second, a public one in ten. */
#define POLL_MIN_MS 50
#define POLL_MAX_MS 500
#define TIMEOUT_MAX_MS (INT64CONST(30) * 86400 * 1000)

int64
cm_interval_ms(const void *interval)
{
	const Interval *value = interval;
	int64		days = value->month * INT64CONST(30) + value->day;

	if (days > 30)
		return TIMEOUT_MAX_MS;
	return Max(0, Min(days * 86400 * 1000 + value->time / 1000, TIMEOUT_MAX_MS));
}

bool
cm_procedure_is_atomic(FunctionCallInfo fcinfo)
{
	return fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) || castNode(CallContext, fcinfo->context)->atomic;
}

void
cm_procedure_require(FunctionCallInfo fcinfo, const char *what)
{
	if (!cm_procedure_is_atomic(fcinfo))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
			 errmsg("%s cannot run inside a transaction block or a function", what),
			 errdetail("It commits while it works, so that other sessions see the results."),
			 errhint("COMMIT first, then CALL it by itself.")));
}

bool
cm_wait_until(bool (*look) (void *arg), void *arg, int64 timeout_ms)
{
	TimestampTz deadline = GetCurrentTimestamp() + timeout_ms * 1000;
	long		pause = POLL_MIN_MS;
	bool		hinted = false;

	while (!look(arg))
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

		if (left <= 0)
			return false;
		if (!cm_worker_preloaded() && !hinted)
			ereport(NOTICE,
					(errmsg("no worker runs, since the library is not preloaded"),
					 errhint("CALL certmgr.work(); in another session, or set shared_preload_libraries.")));
		hinted = true;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, Min(pause, left), PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		pause = Min(pause * 2, POLL_MAX_MS);
	}
	return true;
}

typedef struct Look
{
	int64		id;
	const char *state;			/* NULL: not yet */
	char		message[1000];
} Look;

/* Throws when it never will be issued. */
static bool
look(void *arg)
{
	Look	   *l = arg;
	CmCertificateRow *row;
	char	   *error = NULL;

	cm_tx_begin();
	row = cm_certificate_row_get(l->id, false);
	if (row == NULL)
		error = "it does not exist any more";
	else if (strcmp(row->state, "issued") == 0)
		l->state = "issued";
	else if (strcmp(row->state, "revoked") == 0)
		l->state = "revoked";
	else if (strcmp(row->state, "pending") != 0)
		error = row->status_message != NULL ? row->status_message : row->state;
	if (error != NULL)
		ereport(ERROR,
				(errcode(CM_ERRCODE_REFUSED),
				 errmsg("certificate %lld was not issued", (long long) l->id),
				 errdetail("%s", error),
				 errhint("SELECT * FROM certmgr.order_status WHERE certificate = %lld;", (long long) l->id)));
	if (row->status_message != NULL)
		strlcpy(l->message, row->status_message, sizeof(l->message));
	cm_tx_commit();
	return l->state != NULL;
}

const char *
cm_wait_certificate(int64 id, int64 timeout_ms)
{
	Look		l = {id, NULL, "the worker has not begun yet"};

	if (!cm_wait_until(look, &l, timeout_ms))
		ereport(ERROR,
				(errcode(CM_ERRCODE_NOT_READY),
				 errmsg("certificate %lld is not issued yet", (long long) id),
				 errdetail("%s", l.message),
				 cm_worker_preloaded() ?
				 errhint("It goes on in the background: SELECT * FROM certmgr.order_status WHERE certificate = %lld;", (long long) id) :
				 errhint("No worker runs: CALL certmgr.work(); then SELECT * FROM certmgr.order_status WHERE certificate = %lld;", (long long) id)));
	return l.state;
}

Datum
certmgr_wait(PG_FUNCTION_ARGS)
{
	const char *volatile state = NULL;
	TupleDesc	desc;
	Datum		values[1];
	bool		nulls[1] = {false};
	int64		id;

	cm_arg_not_null(fcinfo, 0, "certificate");
	cm_arg_not_null(fcinfo, 1, "timeout");
	cm_procedure_require(fcinfo, "certmgr.wait()");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	id = PG_GETARG_INT64(0);

	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	cm_access_check(id, CM_ACCESS_USE);
	cm_tx_in_procedure(true);
	PG_TRY();
	{
		state = cm_wait_certificate(id, cm_interval_ms(PG_GETARG_INTERVAL_P(1)));
	}
	PG_FINALLY();
	{
		cm_tx_in_procedure(false);
	}
	PG_END_TRY();
	SPI_finish();

	values[0] = CStringGetTextDatum(state);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
