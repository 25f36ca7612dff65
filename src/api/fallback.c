/*
 * fallback.c - certmgr.set_fallback. Sessions only, operators only.
 */
#include "postgres.h"

#include "api/args.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/interval.h"
#include "pg/query.h"
#include "store/audit.h"
#include "store/ca.h"
#include "store/fallback.h"
#include "store/subscriber.h"

PG_FUNCTION_INFO_V1(certmgr_set_fallback);

#define CAS_MAX 8				/* who asks more CAs than that has another problem */

static int64
require_other_acme(const char *name, const CmSubscriberRow *subscriber)
{
	CmCaRow    *ca = cm_ca_require(name, false);

	if (strcmp(ca->type, "acme") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("certificate authority \"%s\" is not an ACME CA", name)));
	if (ca->id == subscriber->ca_id)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("certificate authority \"%s\" is the one that subscriber \"%s\" has already", name, subscriber->name)));
	return ca->id;
}

Datum
certmgr_set_fallback(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	  **cas;
	char	   *actor;
	int			count;
	int64		ids[CAS_MAX];
	Interval   *after;
	TimestampTz now = GetCurrentTimestamp();
	CmSubscriberRow subscriber;
	CmOwnerScope scope;

	cm_caller_require_operator("set the fallback of a subscriber");
	name = cm_arg_name(fcinfo, 0, "subscriber");
	cm_arg_not_null(fcinfo, 1, "cas");
	cm_arg_not_null(fcinfo, 2, "after");
	cas = cm_text_array(PG_GETARG_DATUM(1), &count);
	after = PG_GETARG_INTERVAL_P(2);
	if (count > CAS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("at most %d CAs can step in", CAS_MAX)));
	if (cm_timestamp_plus(now, after) <= now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"after\" must be above zero")));
	actor = cm_caller_name();
	cm_owner_enter(&scope);
	if (!cm_subscriber_row_lock(name, &subscriber))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("subscriber \"%s\" does not exist", name),
				 errhint("SELECT name, state FROM certmgr.subscriber;")));
	if (count > 0 && strcmp(subscriber.ca_type, "acme") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("subscriber \"%s\" has a private CA, which signs at once", name)));
	for (int i = 0; i < count; i++)
	{
		ids[i] = require_other_acme(cas[i], &subscriber);
		for (int j = 0; j < i; j++)
		{
			if (ids[j] == ids[i])
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("certificate authority \"%s\" is named twice", cas[i])));
		}
	}
	cm_fallback_set(subscriber.id, ids, count, after);
	cm_audit(actor, "set-fallback", "subscriber", subscriber.id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}
