/*
 * crl.c - certmgr.crl, crl_pem, refresh_crl and alter_crl. Runs in backends.
 * Reading needs no master key; the first CRL of a CA is signed by who asks for it.
 */
#include "postgres.h"

#include "api/access.h"
#include "api/args.h"
#include "base/encode.h"
#include "fmgr.h"
#include "lifecycle/crl.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/own.h"
#include "pg/query.h"
#include "store/ca.h"
#include "store/crl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(certmgr_crl);
PG_FUNCTION_INFO_V1(certmgr_crl_pem);
PG_FUNCTION_INFO_V1(certmgr_refresh_crl);
PG_FUNCTION_INFO_V1(certmgr_alter_crl);

static CmCrlCovers
arg_covers(FunctionCallInfo fcinfo, int n)
{
	CmCrlCovers covers;
	char	   *name;

	cm_arg_not_null(fcinfo, n, "covers");
	name = cm_arg_text(fcinfo, n);
	if (!cm_crl_covers_parse(name, &covers))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for \"covers\": \"%s\"", name),
				 errhint("Use 'all', 'ca' or 'user'.")));
	return covers;
}

/* Arguments 0 to 2 are ca, shard, delta; issuer: the number of that one, covers is the next. */
static CmCrlWanted
wanted_of(FunctionCallInfo fcinfo, int issuer)
{
	CmCrlWanted wanted = {0};

	cm_arg_not_null(fcinfo, 0, "ca");
	cm_arg_not_null(fcinfo, 2, "delta");
	wanted.shard = PG_ARGISNULL(1) ? -1 : PG_GETARG_INT32(1);
	wanted.delta = PG_GETARG_BOOL(2);
	wanted.certificate_id = PG_ARGISNULL(issuer) ? 0 : PG_GETARG_INT64(issuer);
	wanted.covers = arg_covers(fcinfo, issuer + 1);
	if (!PG_ARGISNULL(1) && wanted.covers != CM_CRL_ALL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a shard has one list only"),
				 errhint("Leave out covers: certmgr.crl_status says what the shard covers.")));
	if (!PG_ARGISNULL(1) && wanted.shard < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("shard must not be negative")));
	return wanted;
}

static void
no_such_list(const char *name, const CmCrlWanted *wanted)
{
	if (!cm_crl_scope_exists(wanted))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 wanted->shard >= 0 ? errmsg("certificate authority \"%s\" has no shard %d", name, wanted->shard) :
				 wanted->covers != CM_CRL_ALL ? errmsg("certificate authority \"%s\" has no CRL that covers \"%s\"", name, cm_crl_covers_name(wanted->covers)) :
				 errmsg("certificate authority \"%s\" has no issuer with certificate %lld", name, (long long) wanted->certificate_id),
				 wanted->covers != CM_CRL_ALL ? errhint("SELECT certmgr.alter_crl(%s, ca_url => 'http://...') makes lists of CA certificates and of end entities.", quote_literal_cstr(name)) :
				 errhint("SELECT * FROM certmgr.crl_status WHERE ca = %s;", quote_literal_cstr(name))));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 wanted->delta ? errmsg("certificate authority \"%s\" signs no delta CRL of this kind", name) :
			 errmsg("certificate authority \"%s\" signs no CRL of this kind", name),
			 errhint("SELECT certmgr.alter_crl(%s, ...) says which ones there are.", quote_literal_cstr(name))));
}

static CmSlice
newest(const char *name, CmCrlWanted *wanted)
{
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;
	CmSlice		der;

	cm_owner_enter(&scope);
	wanted->ca_id = cm_ca_require(name, false)->id;
	if (!cm_crl_row_newest(wanted, &der))
	{
		CmCrlWanted complete = *wanted;

		complete.delta = false;
		if (!cm_crl_row_newest(&complete, &der))
			cm_crl_refresh_missing(wanted->ca_id, actor);
		if (!cm_crl_row_newest(wanted, &der))
			no_such_list(name, wanted);
	}
	cm_owner_leave(&scope);
	return der;
}

static CmBuf *
pem_of(CmSlice der)
{
	CmBuf	   *pem = cm_own_buf(MaxAllocSize);

	if (!cm_pem_encode(pem, "X509 CRL", der.data, der.len))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("CRL is too large for PEM"),
				 errhint("Use format => 'der'.")));
	return pem;
}

Datum
certmgr_crl(PG_FUNCTION_ARGS)
{
	CmCrlWanted wanted = wanted_of(fcinfo, 4);
	char	   *name = cm_arg_text(fcinfo, 0);
	char	   *format;
	bool		pem;
	CmSlice		der;
	CmBuf	   *armored;

	cm_arg_not_null(fcinfo, 3, "format");
	format = cm_arg_text(fcinfo, 3);
	pem = pg_strcasecmp(format, "pem") == 0;
	if (!pem && pg_strcasecmp(format, "der") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for \"format\": \"%s\"", format),
				 errhint("Use 'der' or 'pem'.")));
	der = newest(name, &wanted);
	if (!pem)
		PG_RETURN_DATUM(cm_datum_bytea(der.data, der.len));
	armored = pem_of(der);
	PG_RETURN_DATUM(cm_datum_bytea(armored->data, armored->len));
}

Datum
certmgr_crl_pem(PG_FUNCTION_ARGS)
{
	CmCrlWanted wanted = wanted_of(fcinfo, 3);
	CmBuf	   *armored = pem_of(newest(cm_arg_text(fcinfo, 0), &wanted));

	PG_RETURN_TEXT_P(cstring_to_text_with_len((char *) armored->data, armored->len));
}

Datum
certmgr_refresh_crl(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;
	int64		number;

	cm_caller_require_operator("sign a CRL");
	cm_owner_enter(&scope);
	number = cm_crl_refresh_for(cm_ca_require(name, false)->id, actor);
	cm_owner_leave(&scope);
	PG_RETURN_INT64(number);
}

Datum
certmgr_alter_crl(PG_FUNCTION_ARGS)
{
	char	   *name = cm_arg_name(fcinfo, 0, "ca");
	char	   *actor = cm_caller_name();
	CmCrlConfig config;
	CmOwnerScope scope;

	cm_caller_require_admin("say how CRLs are published");
	config.lifetime = PG_ARGISNULL(1) ? NULL : PG_GETARG_INTERVAL_P(1);
	config.url = cm_arg_text(fcinfo, 2);
	config.shards = PG_ARGISNULL(3) ? -1 : PG_GETARG_INT32(3);
	if (!PG_ARGISNULL(3) && config.shards < 0)
		config.shards = INT_MAX;	/* refused with the others that are out of range */
	config.delay = PG_ARGISNULL(4) ? NULL : PG_GETARG_INTERVAL_P(4);
	config.delta_lifetime = PG_ARGISNULL(5) ? NULL : PG_GETARG_INTERVAL_P(5);
	config.delta_url = cm_arg_text(fcinfo, 6);
	config.complete = PG_ARGISNULL(7) ? -1 : PG_GETARG_BOOL(7);
	config.ca_url = cm_arg_text(fcinfo, 8);
	cm_owner_enter(&scope);
	cm_crl_configure(name, &config, actor);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}
