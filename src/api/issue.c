/*
 * issue.c - SQL functions that issue and renew.
 */
#include "postgres.h"

#include "api/access.h"
#include "api/args.h"
#include "api/wait.h"
#include "access/htup_details.h"
#include "base/encode.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lifecycle/issue.h"
#include "pg/caller.h"
#include "pg/own.h"
#include "pg/query.h"
#include "store/certificate_row.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

PG_FUNCTION_INFO_V1(certmgr_issue);
PG_FUNCTION_INFO_V1(certmgr_issue_from);
PG_FUNCTION_INFO_V1(certmgr_renew);
PG_FUNCTION_INFO_V1(certmgr_issue_now);

/* Each call in a memory context of its own, so that a SELECT that issues a million needs no more than one that issues one, and keys are freed at once. */
static MemoryContext
call_begin(MemoryContext *context)
{
	*context = AllocSetContextCreate(CurrentMemoryContext, "certmgr call", ALLOCSET_DEFAULT_SIZES);
	return MemoryContextSwitchTo(*context);
}

static void
call_end(MemoryContext context, MemoryContext old)
{
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

Datum
certmgr_issue(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	MemoryContext old = call_begin(&context);
	int64		id;

	cm_arg_not_null(fcinfo, 0, "subscriber");
	id = cm_issue(cm_arg_text(fcinfo, 0), cm_arg_text(fcinfo, 1), PG_ARGISNULL(2) ? 0 : PG_GETARG_TIMESTAMPTZ(2));
	call_end(context, old);
	PG_RETURN_INT64(id);
}

Datum
certmgr_issue_from(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	MemoryContext old = call_begin(&context);
	CmIssueFrom request = {0};
	int64		id;

	cm_arg_not_null(fcinfo, 0, "ca");
	request.ca = cm_arg_text(fcinfo, 0);
	request.subject = cm_arg_text(fcinfo, 1);
	if (!PG_ARGISNULL(2))
		request.sans = cm_text_array(PG_GETARG_DATUM(2), &request.san_count);
	request.csr = cm_arg_text(fcinfo, 3);
	request.lifetime = PG_ARGISNULL(4) ? NULL : PG_GETARG_INTERVAL_P(4);
	request.key_algorithm = cm_arg_text(fcinfo, 5);
	if (!PG_ARGISNULL(6))
		request.usages = cm_text_array(PG_GETARG_DATUM(6), &request.usage_count);
	request.template = cm_arg_text(fcinfo, 7);
	request.not_before = PG_ARGISNULL(8) ? 0 : PG_GETARG_TIMESTAMPTZ(8);
	id = cm_issue_from(&request);
	call_end(context, old);
	PG_RETURN_INT64(id);
}

Datum
certmgr_renew(PG_FUNCTION_ARGS)
{
	MemoryContext context;
	MemoryContext old = call_begin(&context);
	int64		id;

	cm_arg_not_null(fcinfo, 0, "certificate");
	cm_arg_not_null(fcinfo, 1, "key");
	/* To somebody who may not see it it does not exist; who sees it is told what he lacks. */
	cm_access_check(PG_GETARG_INT64(0), CM_ACCESS_READ);
	id = cm_renew(PG_GETARG_INT64(0), cm_arg_text(fcinfo, 1), cm_arg_text(fcinfo, 2));
	call_end(context, old);
	PG_RETURN_INT64(id);
}

/* ---- CALL issue_now(subscriber, csr, INOUT id, INOUT certificate, not_before) ---- */

static char *
pem_of(int64 id)
{
	CmOwnerScope scope;
	CmCertificateRow *row;
	CmBuf	   *pem = cm_own_buf(0);

	PushActiveSnapshot(GetTransactionSnapshot());
	cm_owner_enter(&scope);
	row = cm_certificate_row_get(id, false);
	cm_owner_leave(&scope);
	PopActiveSnapshot();
	if (row == NULL || row->der.len == 0 || !cm_pem_encode(pem, "CERTIFICATE", row->der.data, row->der.len))
		return NULL;
	return pstrdup(cm_buf_cstr(pem));
}

Datum
certmgr_issue_now(PG_FUNCTION_ARGS)
{
	MemoryContext context = CurrentMemoryContext;
	TupleDesc	desc;
	Datum		values[2] = {0};
	bool		nulls[2] = {0};
	char	   *subscriber;
	char	   *csr;
	char	   *pem;
	int64		id;

	cm_arg_not_null(fcinfo, 0, "subscriber");
	if (cm_procedure_is_atomic(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_TERMINATION),
				 errmsg("issue_now() commits, which cannot be done inside a transaction block or a function"),
				 errhint("Use certmgr.issue(), and read the certificate after COMMIT.")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "unexpected result type");
	subscriber = cm_arg_text(fcinfo, 0);
	csr = cm_arg_text(fcinfo, 1);

	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	id = cm_issue(subscriber, csr, PG_ARGISNULL(4) ? 0 : PG_GETARG_TIMESTAMPTZ(4));
	SPI_commit();
	pem = pem_of(id);
	MemoryContextSwitchTo(context);
	values[0] = Int64GetDatum(id);
	nulls[1] = pem == NULL;
	if (pem != NULL)
		values[1] = CStringGetTextDatum(pem);
	else
		ereport(NOTICE,
				(errmsg("certificate %lld is ordered from an external CA", (long long) id),
				 errhint("CALL certmgr.wait(%lld);", (long long) id)));
	SPI_finish();
	MemoryContextSwitchTo(context);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}
