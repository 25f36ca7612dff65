/*
 * crl.c - certmgr.crl and certmgr.refresh_crl. Runs in backends. Reading needs
 * no master key; the first CRL of a CA is signed by who asks for it.
 */
#include "postgres.h"

#include "api/access.h"
#include "fmgr.h"
#include "lifecycle/crl.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/query.h"
#include "store/ca.h"
#include "store/crl.h"
#include "utils/builtins.h"

extern PGDLLEXPORT Datum certmgr_crl(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum certmgr_refresh_crl(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(certmgr_crl);
PG_FUNCTION_INFO_V1(certmgr_refresh_crl);

Datum
certmgr_crl(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;
	int64		ca_id;
	CmSlice		der;
	TimestampTz next_refresh;

	cm_owner_enter(&scope);
	ca_id = cm_ca_require(name, false)->id;
	if (!cm_crl_row_newest(ca_id, &der))
	{
		(void) cm_crl_refresh_for(ca_id, actor, &next_refresh);
		if (!cm_crl_row_newest(ca_id, &der))
			elog(ERROR, "CRL of CA \"%s\" was not stored", name);
	}
	cm_owner_leave(&scope);
	PG_RETURN_DATUM(cm_datum_bytea(der.data, der.len));
}

Datum
certmgr_refresh_crl(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;
	int64		ca_id;
	TimestampTz next_refresh;
	int64		number;

	cm_caller_require_operator("sign a CRL");
	cm_owner_enter(&scope);
	ca_id = cm_ca_require(name, false)->id;
	number = cm_crl_refresh_for(ca_id, actor, &next_refresh);
	cm_owner_leave(&scope);
	PG_RETURN_INT64(number);
}
