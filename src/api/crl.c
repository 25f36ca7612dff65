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
#include "store/crl.h"
#include "utils/builtins.h"

extern PGDLLEXPORT Datum certmgr_crl(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum certmgr_refresh_crl(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(certmgr_crl);
PG_FUNCTION_INFO_V1(certmgr_refresh_crl);

static void
find_ca(const char *name, CmCrlIssuer *ca)
{
	if (!cm_crl_issuer_find(name, ca))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("certificate authority \"%s\" does not exist", name),
				 errhint("SELECT name, type, state FROM certmgr.ca lists them.")));
}

Datum
certmgr_crl(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;
	CmCrlIssuer ca;
	CmSlice		der;
	TimestampTz next_refresh;

	cm_owner_enter(&scope);
	find_ca(name, &ca);
	if (!cm_crl_row_newest(ca.id, &der))
	{
		(void) cm_crl_refresh_for(ca.id, actor, &next_refresh);
		if (!cm_crl_row_newest(ca.id, &der))
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
	CmCrlIssuer ca;
	TimestampTz next_refresh;
	int64		number;

	cm_caller_require_operator("sign a CRL");
	cm_owner_enter(&scope);
	find_ca(name, &ca);
	number = cm_crl_refresh_for(ca.id, actor, &next_refresh);
	cm_owner_leave(&scope);
	PG_RETURN_INT64(number);
}
