/*
 * issue.c - SQL functions that issue and renew.
 */
#include "postgres.h"

#include "api/args.h"
#include "lifecycle/issue.h"
#include "pg/query.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(certmgr_issue);
PG_FUNCTION_INFO_V1(certmgr_issue_from);
PG_FUNCTION_INFO_V1(certmgr_renew);

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
	id = cm_issue(cm_arg_text(fcinfo, 0), cm_arg_text(fcinfo, 1));
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
	id = cm_renew(PG_GETARG_INT64(0), cm_arg_text(fcinfo, 1), cm_arg_text(fcinfo, 2));
	call_end(context, old);
	PG_RETURN_INT64(id);
}
