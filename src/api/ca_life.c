/*
 * ca_life.c - SQL functions for a CA that exists: imported, renewed,
 * cross-signed, its issuers and chains. Backends; administrators only.
 */
#include "postgres.h"

#include "api/args.h"
#include "api/ca_args.h"
#include "lifecycle/ca.h"
#include "pg/caller.h"

PG_FUNCTION_INFO_V1(certmgr_import_ca);
PG_FUNCTION_INFO_V1(certmgr_renew_ca);
PG_FUNCTION_INFO_V1(certmgr_cross_sign);
PG_FUNCTION_INFO_V1(certmgr_activate_ca_issuer);
PG_FUNCTION_INFO_V1(certmgr_set_chain);

static int64
arg_certificate(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? CM_ISSUER_ACTIVE : PG_GETARG_INT64(n);
}

Datum
certmgr_import_ca(PG_FUNCTION_ARGS)
{
	CmCaImport	import = {{0}};
	CmOwnerScope scope;
	int64		id;

	cm_caller_require_admin("import a certificate authority");
	import.as.name = cm_arg_name(fcinfo, 0, "name");
	cm_arg_not_null(fcinfo, 1, "certificate");
	cm_arg_not_null(fcinfo, 5, "crl_lifetime");
	import.certificate = cm_arg_text(fcinfo, 1);
	import.private_key = cm_arg_secret(fcinfo, 2);
	import.chain = cm_arg_text(fcinfo, 3);
	import.password = cm_arg_secret(fcinfo, 4);
	import.as.crl_lifetime = PG_GETARG_INTERVAL_P(5);
	cm_arg_crl_lifetime(import.as.crl_lifetime);
	import.as.crl_url = cm_arg_text(fcinfo, 6);
	import.as.ca_issuers_url = cm_arg_text(fcinfo, 7);
	import.as.ocsp_url = cm_arg_text(fcinfo, 8);
	import.as.signature_algorithm = cm_arg_text(fcinfo, 9);
	import.as.crl_ca_url = cm_arg_text(fcinfo, 10);
	import.as.actor = cm_caller_name();
	cm_owner_enter(&scope);
	id = cm_ca_import(&import);
	cm_owner_leave(&scope);
	PG_RETURN_INT64(id);
}

Datum
certmgr_renew_ca(PG_FUNCTION_ARGS)
{
	CmCaRenew	renew = {0};
	CmOwnerScope scope;
	int64		id;

	cm_caller_require_admin("renew a certificate authority");
	renew.name = cm_arg_name(fcinfo, 0, "ca");
	cm_arg_not_null(fcinfo, 1, "new_key");
	cm_arg_not_null(fcinfo, 3, "activate");
	renew.new_key = PG_GETARG_BOOL(1);
	renew.lifetime = PG_ARGISNULL(2) ? NULL : PG_GETARG_INTERVAL_P(2);
	renew.activate = PG_GETARG_BOOL(3);
	renew.key_algorithm = cm_arg_text(fcinfo, 4);
	renew.signature_algorithm = cm_arg_text(fcinfo, 5);
	renew.actor = cm_caller_name();
	cm_owner_enter(&scope);
	id = cm_ca_renew(&renew);
	cm_owner_leave(&scope);
	if (id == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(id);
}

Datum
certmgr_cross_sign(PG_FUNCTION_ARGS)
{
	CmCrossSign cross = {0};
	CmOwnerScope scope;
	int64		id;

	cm_caller_require_admin("cross-sign a certificate authority");
	cross.name = cm_arg_name(fcinfo, 0, "ca");
	cross.by = cm_arg_name(fcinfo, 1, "by");
	cross.lifetime = PG_ARGISNULL(2) ? NULL : PG_GETARG_INTERVAL_P(2);
	cross.certificate = arg_certificate(fcinfo, 3);
	cross.by_certificate = arg_certificate(fcinfo, 4);
	cross.template = cm_arg_text(fcinfo, 5);
	cross.path_length = PG_ARGISNULL(6) ? -1 : PG_GETARG_INT32(6);
	if (!PG_ARGISNULL(6) && (cross.path_length < 0 || cross.path_length > 100))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path_length must be between 0 and 100"),
				 errhint("NULL means that of the CA's certificate.")));
	cross.actor = cm_caller_name();
	cm_owner_enter(&scope);
	id = cm_ca_cross_sign(&cross);
	cm_owner_leave(&scope);
	PG_RETURN_INT64(id);
}

Datum
certmgr_activate_ca_issuer(PG_FUNCTION_ARGS)
{
	char	   *actor = cm_caller_name();
	char	   *name;
	CmOwnerScope scope;

	cm_caller_require_admin("activate an issuer of a certificate authority");
	name = cm_arg_name(fcinfo, 0, "ca");
	cm_arg_not_null(fcinfo, 1, "certificate");
	cm_owner_enter(&scope);
	cm_ca_activate(name, arg_certificate(fcinfo, 1), actor);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}

Datum
certmgr_set_chain(PG_FUNCTION_ARGS)
{
	char	   *actor = cm_caller_name();
	char	   *name;
	CmOwnerScope scope;

	cm_caller_require_admin("set the chain of a certificate authority");
	name = cm_arg_name(fcinfo, 0, "ca");
	cm_owner_enter(&scope);
	cm_ca_set_chain(name, cm_arg_text(fcinfo, 1), arg_certificate(fcinfo, 2), actor);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}
