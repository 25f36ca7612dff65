/*
 * subscriber.c - certmgr.create_subscriber, alter_subscriber, drop_subscriber:
 * arguments into a CmSubscriberChange. Runs in backends; operators only.
 */
#include "postgres.h"

#include "api/args.h"
#include "fmgr.h"
#include "lifecycle/subscriber.h"
#include "pg/caller.h"
#include "pg/query.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

extern PGDLLEXPORT Datum certmgr_create_subscriber(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum certmgr_alter_subscriber(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum certmgr_drop_subscriber(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(certmgr_create_subscriber);
PG_FUNCTION_INFO_V1(certmgr_alter_subscriber);
PG_FUNCTION_INFO_V1(certmgr_drop_subscriber);

/* sans, lifetime, key_algorithm, auto_renew, renew_before, usages, owner follow each other in both functions. */
static void
common_args(FunctionCallInfo fcinfo, int n, CmSubscriberChange *change)
{
	change->has_sans = !PG_ARGISNULL(n);
	if (change->has_sans)
		change->sans = cm_text_array(PG_GETARG_DATUM(n), &change->san_count);
	change->lifetime = PG_ARGISNULL(n + 1) ? NULL : PG_GETARG_INTERVAL_P(n + 1);
	change->key_algorithm = cm_arg_text(fcinfo, n + 2);
	change->has_auto_renew = !PG_ARGISNULL(n + 3);
	change->auto_renew = change->has_auto_renew && PG_GETARG_BOOL(n + 3);
	change->renew_before = PG_ARGISNULL(n + 4) ? NULL : PG_GETARG_INTERVAL_P(n + 4);
	change->has_usages = !PG_ARGISNULL(n + 5);
	if (change->has_usages)
		change->usages = cm_text_array(PG_GETARG_DATUM(n + 5), &change->usage_count);
	change->owner = cm_arg_text(fcinfo, n + 6);
}

/* template, profile and partial_issue are the last ones of both. */
static void
last_args(FunctionCallInfo fcinfo, CmSubscriberChange *change)
{
	change->template = cm_arg_text(fcinfo, 10);
	change->profile = cm_arg_text(fcinfo, 11);
	change->has_partial_issue = !PG_ARGISNULL(12);
	change->partial_issue = change->has_partial_issue && PG_GETARG_BOOL(12);
}

Datum
certmgr_create_subscriber(PG_FUNCTION_ARGS)
{
	CmSubscriberChange change = {0};
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;
	int64		id;

	cm_caller_require_operator("create a subscriber");
	cm_arg_not_null(fcinfo, 0, "name");
	change.name = cm_arg_text(fcinfo, 0);
	cm_arg_not_null(fcinfo, 1, "ca");
	change.ca = cm_arg_text(fcinfo, 1);
	change.subject = cm_arg_text(fcinfo, 2);
	common_args(fcinfo, 3, &change);
	last_args(fcinfo, &change);
	cm_owner_enter(&scope);
	id = cm_subscriber_create(&change, actor);
	cm_owner_leave(&scope);
	PG_RETURN_INT64(id);
}

Datum
certmgr_alter_subscriber(PG_FUNCTION_ARGS)
{
	CmSubscriberChange change = {0};
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;

	cm_caller_require_operator("alter a subscriber");
	cm_arg_not_null(fcinfo, 0, "name");
	change.name = cm_arg_text(fcinfo, 0);
	change.subject = cm_arg_text(fcinfo, 1);
	common_args(fcinfo, 2, &change);
	change.state = cm_arg_text(fcinfo, 9);
	last_args(fcinfo, &change);
	cm_owner_enter(&scope);
	cm_subscriber_alter(&change, actor);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}

Datum
certmgr_drop_subscriber(PG_FUNCTION_ARGS)
{
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;

	cm_caller_require_operator("drop a subscriber");
	cm_owner_enter(&scope);
	cm_subscriber_drop(text_to_cstring(PG_GETARG_TEXT_PP(0)), actor);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}
