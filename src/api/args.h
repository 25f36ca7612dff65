/*
 * args.h - arguments of SQL functions: texts, and NULLs that are not allowed.
 */
#ifndef CM_API_ARGS_H
#define CM_API_ARGS_H

#include "fmgr.h"
#include "pg/compat.h"
#include "pg/own.h"
#include "utils/builtins.h"

/* NULL when the argument is. */
static inline char *
cm_arg_text(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

static inline void
cm_arg_not_null(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"%s\" must not be null", name)));
}

/*
 * A password, a private key, a credential; NULL when the argument is. The copy is wiped with the memory context of the call, so after
 * an ERROR as well; the caller's own text (query string, parameter) is not ours to wipe.
 */
static inline char *
cm_arg_secret(FunctionCallInfo fcinfo, int n)
{
	text	   *arg;
	CmBuf	   *copy;

	if (PG_ARGISNULL(n))
		return NULL;
	copy = cm_own_secret(0);
	arg = PG_GETARG_TEXT_PP(n);
	if (!cm_buf_append(copy, VARDATA_ANY(arg), VARSIZE_ANY_EXHDR(arg)) || !cm_buf_append_byte(copy, '\0'))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	/* A compressed or toasted value was copied once more to get at it. */
	if ((Pointer) arg != DatumGetPointer(PG_GETARG_DATUM(n)))
		cm_wipe(VARDATA_ANY(arg), VARSIZE_ANY_EXHDR(arg));
	return (char *) copy->data;
}

/* Not NULL, not empty, of a size that names have. */
static inline char *
cm_arg_name(FunctionCallInfo fcinfo, int n, const char *name)
{
	char	   *value;

	cm_arg_not_null(fcinfo, n, name);
	value = text_to_cstring(PG_GETARG_TEXT_PP(n));
	if (value[0] == '\0' || strlen(value) > 200)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("\"%s\" must have 1 to 200 characters", name)));
	return value;
}

#endif
