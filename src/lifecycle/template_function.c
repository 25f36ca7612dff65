/*
 * template_function.c - the SQL function of a template: named by an
 * administrator, asked about each request.
 *
 * Runs in the process that issues, in its transaction, as the function's owner in a security
 * restricted operation (as REFRESH MATERIALIZED VIEW runs a query) with
 * search_path pinned, so that neither the requester nor the function reaches what
 * belongs to the other. Its errors abort the request, and so does its time: the
 * worker asks it about renewals, and does nothing else meanwhile.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "lifecycle/template.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/time_limit.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

/* To look at one request; a function that has to ask somebody far away is none for this place. */
#define LIMIT_S 5
/* What a function says becomes a sentence in an error: this much of it. */
#define WORDS_MAX 1000

static void
refuse(Oid function, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("function %s cannot be the check function of a template", format_procedure(function)),
			 errdetail("%s", why)));
}

/* Its owner: the requests run with this role's rights, so nobody names a function that is not his. */
static Oid
check_function(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function with OID %u does not exist", function)));
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	owner = proc->proowner;
	if (proc->prokind != PROKIND_FUNCTION || proc->proretset || proc->pronargs != 1 || proc->proargtypes.values[0] != JSONBOID || proc->prorettype != TEXTOID)
		refuse(function, "It must take one jsonb and return one text.");
	if (proc->pronamespace == PG_CATALOG_NAMESPACE || isTempNamespace(proc->pronamespace))
		refuse(function, "It must be in a schema of its own, not in pg_catalog or pg_temp.");
	ReleaseSysCache(tuple);
	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to use function %s in a template", format_procedure(function)),
				 errdetail("It would run as its owner, of which role \"%s\" is not a member.", cm_caller_name())));
	return owner;
}

void
cm_template_set_function(CmTemplateRow *row, Oid function)
{
	bool		none = !OidIsValid(function);
	Oid			owner = none ? InvalidOid : check_function(function);

	row->nulls[CM_TEMPLATE_CHECK_FUNCTION] = row->nulls[CM_TEMPLATE_CHECK_FUNCTION_OWNER] = none;
	if (none)
		return;
	row->values[CM_TEMPLATE_CHECK_FUNCTION] = CStringGetTextDatum(format_procedure_qualified(function));
	row->values[CM_TEMPLATE_CHECK_FUNCTION_OWNER] = CStringGetTextDatum(GetUserNameFromId(owner, false));
}

/* The function by its signature, as long as it belongs to whom it belonged: somebody else's of the same name is another. */
static Oid
find_function(const CmTemplateEntry *t, Oid *owner)
{
	Oid			function;
	HeapTuple	tuple;

	*owner = get_role_oid(t->check_function_owner, true);
	function = DatumGetObjectId(DirectFunctionCall1(to_regprocedure, CStringGetTextDatum(t->check_function)));
	tuple = OidIsValid(function) ? SearchSysCache1(PROCOID, ObjectIdGetDatum(function)) : NULL;
	if (!HeapTupleIsValid(tuple) || ((Form_pg_proc) GETSTRUCT(tuple))->proowner != *owner || !OidIsValid(*owner))
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("check function %s of template \"%s\" is not there any more", t->check_function, t->name),
				 errdetail("It was dropped, or does not belong to role \"%s\".", t->check_function_owner),
				 errhint("SELECT certmgr.alter_template(%s, check_function => ...);", quote_literal_cstr(t->name))));
	ReleaseSysCache(tuple);
	return function;
}

/* A call of the function, and what it returned. */
typedef struct Question
{
	FunctionCallInfo fcinfo;
	Datum		result;
} Question;

static void
ask(void *arg)
{
	Question   *question = arg;

	question->result = FunctionCallInvoke(question->fcinfo);
}

char *
cm_template_ask(const CmTemplateEntry *t, const char *request)
{
	Oid			owner;
	Oid			function;
	Oid			user;
	int			context;
	int			level;
	FmgrInfo	info;
	LOCAL_FCINFO(fcinfo, 1);
	Datum		argument;
	Question	question = {fcinfo, (Datum) 0};
	char	   *words = NULL;

	if (t->check_function == NULL)
		return NULL;
	argument = DirectFunctionCall1(jsonb_in, CStringGetDatum(request));
	function = find_function(t, &owner);
	GetUserIdAndSecContext(&user, &context);
	level = NewGUCNestLevel();
	SetUserIdAndSecContext(owner, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	fmgr_info(function, &info);
	InitFunctionCallInfoData(*fcinfo, &info, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = argument;
	fcinfo->args[0].isnull = false;
	if (!cm_time_limited(LIMIT_S * 1000, ask, &question))
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("check function %s of template \"%s\" did not return within %d s and was cancelled", t->check_function, t->name, LIMIT_S),
				 errhint("SELECT certmgr.alter_template(%s, check_function => ...);", quote_literal_cstr(t->name))));
	if (!fcinfo->isnull)
	{
		words = TextDatumGetCString(question.result);
		if (strlen(words) > WORDS_MAX)
			words[pg_mbcliplen(words, (int) strlen(words), WORDS_MAX)] = '\0';
	}
	/* false: what the function itself SET is undone as well; kept, it would be a search_path of its owner's choice in the session of who asks. */
	AtEOXact_GUC(false, level);
	SetUserIdAndSecContext(user, context);
	return words;
}
