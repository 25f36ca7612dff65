/*
 * args.h - arguments of SQL functions: texts, and NULLs that are not allowed.
 */
#ifndef CM_API_ARGS_H
#define CM_API_ARGS_H

#include "fmgr.h"
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
