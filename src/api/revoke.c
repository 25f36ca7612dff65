/*
 * revoke.c - certmgr.revoke and certmgr.cancel. Runs in backends.
 */
#include "postgres.h"

#include "api/access.h"
#include "api/args.h"
#include "fmgr.h"
#include "lifecycle/revoke.h"
#include "pg/caller.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

extern PGDLLEXPORT Datum certmgr_revoke(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum certmgr_cancel(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(certmgr_revoke);
PG_FUNCTION_INFO_V1(certmgr_cancel);

Datum
certmgr_revoke(PG_FUNCTION_ARGS)
{
	char	   *actor = cm_caller_name();
	char	   *reason = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	CmOwnerScope scope;
	TimestampTz at;

	cm_arg_not_null(fcinfo, 0, "certificate");
	(void) cm_access_certificate(PG_GETARG_INT64(0), CM_ACCESS_USE);
	cm_owner_enter(&scope);
	at = cm_revoke(PG_GETARG_INT64(0), reason, actor);
	cm_owner_leave(&scope);
	PG_RETURN_TIMESTAMPTZ(at);
}

Datum
certmgr_cancel(PG_FUNCTION_ARGS)
{
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;

	(void) cm_access_certificate(PG_GETARG_INT64(0), CM_ACCESS_USE);
	cm_owner_enter(&scope);
	cm_cancel(PG_GETARG_INT64(0), actor);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}
