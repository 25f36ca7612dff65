/*
 * listener.c - answers to HTTP-01 challenges for front ends, and how the
 * listener fares. Sessions only, also on a standby.
 */
#include "postgres.h"

#include "api/args.h"
#include "funcapi.h"
#include "pg/caller.h"
#include "store/acme_challenge.h"
#include "worker/listener.h"

PG_FUNCTION_INFO_V1(certmgr_http_challenge);
PG_FUNCTION_INFO_V1(certmgr_listener_status);

/* Whoever was granted it may ask for any token: the answers are public. */
Datum
certmgr_http_challenge(PG_FUNCTION_ARGS)
{
	char	   *token = text_to_cstring(PG_GETARG_TEXT_PP(0));
	CmOwnerScope scope;
	char	   *key_authorization;

	cm_owner_enter(&scope);
	key_authorization = cm_acme_challenge_http(token);
	cm_owner_leave(&scope);
	if (key_authorization == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(key_authorization));
}

Datum
certmgr_listener_status(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int kind = 0; kind < CM_LISTENER_KINDS; kind++)
	{
		CmListenerInfo info;
		Datum		values[8];
		bool		nulls[8] = {false};

		if (cm_listener_setting(kind)[0] == '\0')
			continue;
		cm_listener_info(kind, &info);
		values[0] = CStringGetTextDatum(cm_listener_challenge_type(kind));
		values[1] = CStringGetTextDatum(cm_listener_setting(kind));
		values[2] = Int32GetDatum(info.pid);
		nulls[2] = info.pid == 0;
		values[3] = BoolGetDatum(info.listening);
		values[4] = CStringGetTextDatum(info.error);
		nulls[4] = info.error[0] == '\0';
		values[5] = Int32GetDatum(info.challenges);
		values[6] = Int64GetDatum(info.requests);
		values[7] = Int64GetDatum(info.answered);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
