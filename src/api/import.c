/*
 * import.c - certificates from elsewhere into the inventory: for operators.
 * Runs in backends.
 */
#include "postgres.h"

#include "api/args.h"
#include "funcapi.h"
#include "lifecycle/import.h"
#include "pg/caller.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(certmgr_import_certificate);
PG_FUNCTION_INFO_V1(certmgr_import_bundle);

Datum
certmgr_import_certificate(PG_FUNCTION_ARGS)
{
	CmImport	import = {0};
	CmOwnerScope scope;
	int64		id;

	cm_arg_not_null(fcinfo, 0, "certificate");
	import.certificate = cm_arg_text(fcinfo, 0);
	import.private_key = cm_arg_secret(fcinfo, 1);
	import.password = cm_arg_secret(fcinfo, 2);
	import.subscriber = cm_arg_text(fcinfo, 3);
	if (!PG_ARGISNULL(4))
		import.metadata = DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(4)));
	cm_caller_require_operator("import a certificate");
	import.actor = cm_caller_name();
	cm_owner_enter(&scope);
	id = cm_import_certificate(&import);
	cm_owner_leave(&scope);
	PG_RETURN_INT64(id);
}

Datum
certmgr_import_bundle(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CmOwnerScope scope;
	int64	   *ids;
	int			count;
	const char *actor;

	cm_caller_require_operator("import certificates");
	actor = cm_caller_name();
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	cm_owner_enter(&scope);
	ids = cm_import_bundle(text_to_cstring(PG_GETARG_TEXT_PP(0)), actor, &count);
	cm_owner_leave(&scope);
	for (int i = 0; i < count; i++)
	{
		Datum		value = Int64GetDatum(ids[i]);
		bool		null = false;

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &null);
	}
	return (Datum) 0;
}
