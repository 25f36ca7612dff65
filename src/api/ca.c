/*
 * ca.c - SQL functions of private certificate authorities and the master key.
 */
#include "postgres.h"

#include "api/args.h"
#include "api/ca_args.h"
#include "lifecycle/ca.h"
#include "lifecycle/master_key.h"
#include "miscadmin.h"
#include "pg/caller.h"

PG_FUNCTION_INFO_V1(certmgr_create_master_key);
PG_FUNCTION_INFO_V1(certmgr_create_root_ca);
PG_FUNCTION_INFO_V1(certmgr_create_intermediate_ca);
PG_FUNCTION_INFO_V1(certmgr_ca_csr);
PG_FUNCTION_INFO_V1(certmgr_install_ca_certificate);
PG_FUNCTION_INFO_V1(certmgr_disable_ca);
PG_FUNCTION_INFO_V1(certmgr_enable_ca);
PG_FUNCTION_INFO_V1(certmgr_drop_ca);

Datum
certmgr_create_master_key(PG_FUNCTION_ARGS)
{
	char	   *path;

	cm_arg_not_null(fcinfo, 0, "path");
	path = cm_arg_text(fcinfo, 0);
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to create a master key"),
				 errdetail("It writes a file on the server, which only a superuser may do.")));
	cm_master_key_create(path);
	ereport(NOTICE,
			(errmsg("master key written to \"%s\"", path),
			 errhint("ALTER SYSTEM SET certmgr.master_key_file = %s; SELECT pg_reload_conf(); and keep a copy of the file apart from the database.",
					 quote_literal_cstr(path))));
	PG_RETURN_VOID();
}

void
cm_arg_crl_lifetime(const Interval *lifetime)
{
	if (lifetime->month < 0 || lifetime->day < 0 || lifetime->time < 0 ||
		(lifetime->month == 0 && lifetime->day == 0 && lifetime->time < 10 * USECS_PER_SEC))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("crl_lifetime must be at least ten seconds")));
}

/* Arguments from "subject" on are the same for roots and intermediates: first is the number of "subject". */
static int64
create(FunctionCallInfo fcinfo, CmCaNew *ca, int first)
{
	CmOwnerScope scope;
	int64		id;

	cm_caller_require_admin("create a certificate authority");
	ca->name = cm_arg_name(fcinfo, 0, "name");
	cm_arg_not_null(fcinfo, first, "subject");
	cm_arg_not_null(fcinfo, first + 1, "key_algorithm");
	/* A template has one. */
	if (ca->template == NULL)
		cm_arg_not_null(fcinfo, first + 2, "lifetime");
	cm_arg_not_null(fcinfo, first + 4, "crl_lifetime");
	ca->subject = cm_arg_text(fcinfo, first);
	ca->key_algorithm = cm_arg_text(fcinfo, first + 1);
	ca->lifetime = PG_ARGISNULL(first + 2) ? NULL : PG_GETARG_INTERVAL_P(first + 2);
	ca->path_length = PG_ARGISNULL(first + 3) ? -1 : PG_GETARG_INT32(first + 3);
	ca->crl_lifetime = PG_GETARG_INTERVAL_P(first + 4);
	ca->crl_url = cm_arg_text(fcinfo, first + 5);
	ca->ca_issuers_url = cm_arg_text(fcinfo, first + 6);
	ca->ocsp_url = cm_arg_text(fcinfo, first + 7);
	ca->signature_algorithm = cm_arg_text(fcinfo, first + 8);
	ca->actor = cm_caller_name();
	if (!PG_ARGISNULL(first + 3) && (ca->path_length < 0 || ca->path_length > 100))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("path_length must be between 0 and 100"),
				 errhint("NULL means no limit.")));
	cm_arg_crl_lifetime(ca->crl_lifetime);
	cm_owner_enter(&scope);
	id = cm_ca_create(ca);
	cm_owner_leave(&scope);
	return id;
}

Datum
certmgr_create_root_ca(PG_FUNCTION_ARGS)
{
	CmCaNew		ca = {0};

	ca.root = true;
	ca.crl_ca_url = cm_arg_text(fcinfo, 10);
	PG_RETURN_INT64(create(fcinfo, &ca, 1));
}

Datum
certmgr_create_intermediate_ca(PG_FUNCTION_ARGS)
{
	CmCaNew		ca = {0};

	ca.parent = cm_arg_text(fcinfo, 1);
	ca.template = cm_arg_text(fcinfo, 11);
	ca.crl_ca_url = cm_arg_text(fcinfo, 12);
	PG_RETURN_INT64(create(fcinfo, &ca, 2));
}

Datum
certmgr_ca_csr(PG_FUNCTION_ARGS)
{
	CmOwnerScope scope;
	char	   *pem;

	cm_caller_require_admin("make a certification request for a certificate authority");
	cm_owner_enter(&scope);
	pem = cm_ca_request(cm_arg_text(fcinfo, 0));
	cm_owner_leave(&scope);
	PG_RETURN_TEXT_P(cstring_to_text(pem));
}

Datum
certmgr_install_ca_certificate(PG_FUNCTION_ARGS)
{
	CmOwnerScope scope;
	char	   *name = cm_arg_name(fcinfo, 0, "ca");
	char	   *actor = cm_caller_name();
	int64		id;

	cm_caller_require_admin("install the certificate of a certificate authority");
	cm_arg_not_null(fcinfo, 1, "certificate");
	cm_arg_not_null(fcinfo, 3, "activate");
	cm_owner_enter(&scope);
	id = cm_ca_install(name, cm_arg_text(fcinfo, 1), cm_arg_text(fcinfo, 2), PG_GETARG_BOOL(3), actor);
	cm_owner_leave(&scope);
	PG_RETURN_INT64(id);
}

static void
change(FunctionCallInfo fcinfo, const char *what, void (*fn) (const char *name, const char *actor))
{
	CmOwnerScope scope;
	char	   *actor = cm_caller_name();

	cm_caller_require_admin(what);
	cm_owner_enter(&scope);
	fn(cm_arg_text(fcinfo, 0), actor);
	cm_owner_leave(&scope);
}

static void
enable(const char *name, const char *actor)
{
	cm_ca_enable(name, true, actor);
}

static void
disable(const char *name, const char *actor)
{
	cm_ca_enable(name, false, actor);
}

Datum
certmgr_disable_ca(PG_FUNCTION_ARGS)
{
	change(fcinfo, "disable a certificate authority", disable);
	PG_RETURN_VOID();
}

Datum
certmgr_enable_ca(PG_FUNCTION_ARGS)
{
	change(fcinfo, "enable a certificate authority", enable);
	PG_RETURN_VOID();
}

Datum
certmgr_drop_ca(PG_FUNCTION_ARGS)
{
	change(fcinfo, "drop a certificate authority", cm_ca_drop);
	PG_RETURN_VOID();
}
