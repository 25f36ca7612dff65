/*
 * error.c - see error.h.
 */
#include "postgres.h"

#include "pg/error.h"

int
cm_error_code(CmCode code)
{
	switch (code)
	{
		case CM_OK:
			return ERRCODE_INTERNAL_ERROR;
		case CM_INVALID:
			return ERRCODE_INVALID_PARAMETER_VALUE;
		case CM_POLICY:
			return CM_ERRCODE_POLICY;
		case CM_SEALED:
			return CM_ERRCODE_SEALED;
		case CM_MISMATCH:
			return CM_ERRCODE_MISMATCH;
		case CM_UNSUPPORTED:
			return ERRCODE_FEATURE_NOT_SUPPORTED;
		case CM_LIMIT:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		case CM_CRYPTO:
			return ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
		case CM_NETWORK:
			return CM_ERRCODE_NETWORK;
		case CM_PROTOCOL:
		case CM_REFUSED:
			return CM_ERRCODE_REFUSED;
		case CM_MEMORY:
			return ERRCODE_OUT_OF_MEMORY;
	}
	return ERRCODE_INTERNAL_ERROR;
}

bool
cm_error_passes(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
			return true;
		default:
			return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE || sqlerrcode == CM_ERRCODE_SEALED;
	}
}

void
cm_throw(const CmStatus *st, const char *hint)
{
	if (hint == NULL && st->code == CM_SEALED)
		hint = "Set certmgr.master_key_file or certmgr.master_key_command to the master key, then SELECT pg_reload_conf().";

	ereport(ERROR,
			(errcode(cm_error_code(st->code)),
			 errmsg_internal("%s", st->reason[0] ? st->reason : "unknown failure"),
			 st->detail[0] ? errdetail_internal("%s", st->detail) : 0,
			 hint ? errhint("%s", hint) : 0));
	pg_unreachable();
}
