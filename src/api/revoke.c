/*
 * revoke.c - certmgr.revoke and its kin, unhold, cancel. Runs in backends.
 */
#include "postgres.h"

#include "api/access.h"
#include "api/args.h"
#include "fmgr.h"
#include "lifecycle/revoke.h"
#include "miscadmin.h"
#include "pg/caller.h"
#include "pg/query.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(certmgr_revoke);
PG_FUNCTION_INFO_V1(certmgr_revoke_many);
PG_FUNCTION_INFO_V1(certmgr_revoke_serial);
PG_FUNCTION_INFO_V1(certmgr_revoke_pem);
PG_FUNCTION_INFO_V1(certmgr_revoke_by_key);
PG_FUNCTION_INFO_V1(certmgr_unhold);
PG_FUNCTION_INFO_V1(certmgr_cancel);

/* Arguments number "first" and the next are reason and invalidity date. */
static CmRevocation
revocation_of(FunctionCallInfo fcinfo, int first)
{
	return cm_revocation_of(cm_arg_text(fcinfo, first), PG_ARGISNULL(first + 1) ? 0 : PG_GETARG_TIMESTAMPTZ(first + 1), cm_caller_name());
}

static TimestampTz
revoke_as_owner(int64 id, const CmRevocation *revocation)
{
	CmOwnerScope scope;
	TimestampTz at;

	cm_owner_enter(&scope);
	at = cm_revoke(id, revocation);
	cm_owner_leave(&scope);
	return at;
}

Datum
certmgr_revoke(PG_FUNCTION_ARGS)
{
	CmRevocation revocation = revocation_of(fcinfo, 1);

	cm_arg_not_null(fcinfo, 0, "certificate");
	cm_access_check(PG_GETARG_INT64(0), CM_ACCESS_USE);
	PG_RETURN_TIMESTAMPTZ(revoke_as_owner(PG_GETARG_INT64(0), &revocation));
}

Datum
certmgr_revoke_many(PG_FUNCTION_ARGS)
{
	CmRevocation revocation = revocation_of(fcinfo, 1);
	bool		all = cm_caller_is_operator();
	bool		cas = cm_caller_is_admin();
	CmOwnerScope scope;
	Oid			caller;
	Datum		owners;
	int64		count;

	cm_arg_not_null(fcinfo, 0, "certificates");
	if (array_contains_nulls(PG_GETARG_ARRAYTYPE_P(0)))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array must not contain null values")));
	caller = GetUserId();
	/* As the owner, with our search_path: with the caller's the types in it could be the caller's. */
	cm_owner_enter(&scope);
	owners = all ? cm_datum_text_array(NULL, 0) : cm_revocation_roles(caller);
	count = cm_revoke_many(PG_GETARG_DATUM(0), owners, all, cas, &revocation);
	cm_owner_leave(&scope);
	PG_RETURN_INT64(count);
}

/* What the caller may not see is not there. */
static int64
revoke_found(int64 id, const CmRevocation *revocation)
{
	cm_access_check(id, CM_ACCESS_USE);
	(void) revoke_as_owner(id, revocation);
	return id;
}

Datum
certmgr_revoke_serial(PG_FUNCTION_ARGS)
{
	CmRevocation revocation = revocation_of(fcinfo, 2);
	CmOwnerScope scope;
	int64		id;

	cm_arg_not_null(fcinfo, 0, "ca");
	cm_arg_not_null(fcinfo, 1, "serial");
	cm_owner_enter(&scope);
	id = cm_certificate_by_serial(cm_arg_text(fcinfo, 0), cm_arg_text(fcinfo, 1));
	cm_owner_leave(&scope);
	PG_RETURN_INT64(revoke_found(id, &revocation));
}

Datum
certmgr_revoke_pem(PG_FUNCTION_ARGS)
{
	CmRevocation revocation = revocation_of(fcinfo, 1);
	CmOwnerScope scope;
	int64		id;

	cm_arg_not_null(fcinfo, 0, "certificate");
	cm_owner_enter(&scope);
	id = cm_certificate_by_pem(cm_arg_text(fcinfo, 0));
	cm_owner_leave(&scope);
	PG_RETURN_INT64(revoke_found(id, &revocation));
}

Datum
certmgr_revoke_by_key(PG_FUNCTION_ARGS)
{
	CmRevocation revocation = revocation_of(fcinfo, 2);
	CmOwnerScope scope;
	int64		id;

	cm_arg_not_null(fcinfo, 0, "certificate");
	cm_arg_not_null(fcinfo, 1, "proof");
	cm_owner_enter(&scope);
	id = cm_certificate_by_proof(cm_arg_text(fcinfo, 0), cm_arg_text(fcinfo, 1));
	cm_owner_leave(&scope);
	/* Who has the key may say so, whoever it is. */
	(void) revoke_as_owner(id, &revocation);
	PG_RETURN_INT64(id);
}

Datum
certmgr_unhold(PG_FUNCTION_ARGS)
{
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;
	bool		released;

	cm_access_check(PG_GETARG_INT64(0), CM_ACCESS_USE);
	cm_owner_enter(&scope);
	released = cm_unhold(PG_GETARG_INT64(0), actor);
	cm_owner_leave(&scope);
	PG_RETURN_BOOL(released);
}

Datum
certmgr_cancel(PG_FUNCTION_ARGS)
{
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;

	cm_access_check(PG_GETARG_INT64(0), CM_ACCESS_USE);
	cm_owner_enter(&scope);
	cm_cancel(PG_GETARG_INT64(0), actor);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}
