/*
 * explain_order.c - certmgr.explain_order: the story of a certificate's orders
 * at external CAs. Runs in backends; locks nothing. Who may read the
 * certificate may read its story.
 */
#include "postgres.h"

#include "api/access.h"
#include "api/args.h"
#include "funcapi.h"
#include "pg/caller.h"
#include "store/acme_order.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(certmgr_explain_order);

Datum
certmgr_explain_order(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CmOwnerScope scope;
	CmAcmeEvent *events;
	int64		id;
	int			count;
	int			orders;

	cm_arg_not_null(fcinfo, 0, "certificate");
	id = PG_GETARG_INT64(0);
	(void) cm_access_certificate(id, CM_ACCESS_READ);
	cm_owner_enter(&scope);
	orders = cm_acme_order_count(id);
	events = cm_acme_order_events(id, &count);
	cm_owner_leave(&scope);
	if (orders == 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("certificate %lld was not ordered from an external CA", (long long) id)));
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < count; i++)
	{
		Datum		values[2] = {TimestampTzGetDatum(events[i].at), CStringGetTextDatum(events[i].words)};
		bool		nulls[2] = {events[i].at == 0, false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
