/*
 * ocsp.c - certmgr.ocsp_response, ocsp_answer and alter_ocsp. Runs in backends,
 * the first two also on a standby.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "api/args.h"
#include "base/encode.h"
#include "crypto/digest.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lifecycle/ocsp.h"
#include "pg/caller.h"
#include "pg/own.h"
#include "pg/query.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(certmgr_ocsp_response);
PG_FUNCTION_INFO_V1(certmgr_ocsp_answer);
PG_FUNCTION_INFO_V1(certmgr_alter_ocsp);

static void
answer(FunctionCallInfo fcinfo, CmOcspResult *result)
{
	bytea	   *request = PG_GETARG_BYTEA_PP(0);

	cm_ocsp_answer(cm_slice(VARDATA_ANY(request), VARSIZE_ANY_EXHDR(request)), result);
}

Datum
certmgr_ocsp_response(PG_FUNCTION_ARGS)
{
	CmOcspResult result;

	answer(fcinfo, &result);
	PG_RETURN_DATUM(cm_datum_bytea(result.der.data, result.der.len));
}

/* A strong validator: the same bytes, the same tag. In quotes, as the header field has it (RFC 9110 8.8.3). */
static Datum
etag_of(CmSlice der)
{
	CmBuf	   *tag = cm_own_buf(0);
	uint8_t		hash[32];

	if (!cm_sha256(der, hash))
		elog(ERROR, "could not compute the hash of an OCSP response");
	cm_buf_append_byte(tag, '"');
	cm_hex_encode(tag, hash, 16);
	cm_buf_append_byte(tag, '"');
	return cm_datum_text(cm_buf_cstr(tag));
}

Datum
certmgr_ocsp_answer(PG_FUNCTION_ARGS)
{
	CmOcspResult result;
	TupleDesc	desc;
	Datum		values[6];
	bool		nulls[6] = {false};
	int64		left;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "unexpected result type");
	answer(fcinfo, &result);
	left = result.cacheable ? (result.next_update - GetCurrentTimestamp()) / USECS_PER_SEC : 0;
	values[0] = cm_datum_bytea(result.der.data, result.der.len);
	values[1] = TimestampTzGetDatum(result.produced_at);
	values[2] = TimestampTzGetDatum(result.this_update);
	values[3] = TimestampTzGetDatum(result.next_update);
	values[4] = Int32GetDatum((int32) Max(Min(left, INT_MAX), 0));
	values[5] = etag_of(result.der);
	nulls[1] = nulls[2] = nulls[3] = !result.successful;
	nulls[5] = !result.cacheable;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

Datum
certmgr_alter_ocsp(PG_FUNCTION_ARGS)
{
	char	   *name = cm_arg_name(fcinfo, 0, "ca");
	char	   *actor = cm_caller_name();
	CmOcspConfig config;
	CmOwnerScope scope;

	cm_caller_require_admin("say how OCSP is answered");
	config.url = cm_arg_text(fcinfo, 1);
	config.lifetime = PG_ARGISNULL(2) ? NULL : PG_GETARG_INTERVAL_P(2);
	config.delegated = PG_ARGISNULL(3) ? -1 : PG_GETARG_BOOL(3);
	config.signer_lifetime = PG_ARGISNULL(4) ? NULL : PG_GETARG_INTERVAL_P(4);
	config.signer_key_algorithm = cm_arg_text(fcinfo, 5);
	cm_owner_enter(&scope);
	cm_ocsp_configure(name, &config, actor);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}
