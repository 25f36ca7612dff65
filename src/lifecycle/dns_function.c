/*
 * dns_function.c - the provider "sql": TXT records by a function of the user.
 * Engines call it; sessions check it when the provider is created.
 *
 * A call is a transaction of its own, so that what the function writes is
 * there when the CA looks. It runs as the function's owner, who must not be a
 * superuser, in a restricted context and with a search_path of pg_catalog
 * only. The function is called by its OID; nothing is put together as SQL.
 * While it runs the engine stands still, so it is cancelled after some seconds.
 * Nothing of it runs later: constraints are checked at once, and the server
 * takes neither deferred triggers nor other work for the commit from a
 * restricted context.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "lifecycle/acme_work.h"
#include "lifecycle/dns_function.h"
#include "miscadmin.h"
#include "pg/compat.h"
#include "pg/time_limit.h"
#include "pg/tx.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#define MESSAGE_SIZE 900
/* What a function says goes into a status message; nobody reads more. */
#define ANSWER_MAX 400

static void
check_function(Oid function, const char *name, Oid *owner)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc form;
	bool		good;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	form = (Form_pg_proc) GETSTRUCT(tuple);
	*owner = form->proowner;
	good = form->prokind == PROKIND_FUNCTION && form->prorettype == TEXTOID && !form->proretset;
	ReleaseSysCache(tuple);
	if (!good)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("function \"%s\" must return text", name),
				 errdetail("It returns null when all went well, otherwise what went wrong.")));
	if (superuser_arg(*owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("function \"%s\" belongs to a superuser", name),
				 errdetail("The worker calls it with its owner's privileges."),
				 errhint("ALTER FUNCTION ... OWNER TO a role with no more privileges than it needs.")));
}

Oid
cm_dns_function_find(const char *name)
{
	Oid			types[] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	List	   *names = textToQualifiedNameList(cstring_to_text(name));
	Oid			schema = list_length(names) == 2 ? get_namespace_oid(strVal(linitial(names)), true) : InvalidOid;
	Oid			function = InvalidOid;
	Oid			owner;

	/* Not LookupFuncName: it wants the right to use the schema, which the worker does not need; the owner has it. */
	if (OidIsValid(schema))
		function = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(strVal(lsecond(names))),
								   PointerGetDatum(buildoidvector(types, 4)), ObjectIdGetDatum(schema));
	if (!OidIsValid(function))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("there is no function \"%s\" with four arguments of type text", name),
				 errdetail("They are action (add or remove), zone, name and value.")));
	check_function(function, name, &owner);
	return function;
}

void
cm_dns_function_check(const char *name, Oid role)
{
	Oid			function = cm_dns_function_find(name);
	Oid			owner;

	if (cm_namespace_aclcheck(get_func_namespace(function), role, ACL_USAGE) != ACLCHECK_OK ||
		cm_proc_aclcheck(function, role, ACL_EXECUTE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for function \"%s\"", name)));
	/* Functions are open to PUBLIC unless somebody says otherwise; that is no leave to run them with their owner's rights. */
	check_function(function, name, &owner);
	if (!has_privs_of_role(role, owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to use function \"%s\" in a DNS provider", name),
				 errdetail("It would run as its owner, of which role \"%s\" is not a member.", GetUserNameFromId(role, false))));
}

/* One record. What the function complains about is thrown. */
static void
call(Oid function, const char *zone, const CmDns01Record *record)
{
	LOCAL_FCINFO(fcinfo, 4);
	const char *args[4] = {record->remove ? "remove" : "add", zone, record->name, record->value};
	FmgrInfo	flinfo;
	Datum		answer;

	fmgr_info(function, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, 4, DEFAULT_COLLATION_OID, NULL, NULL);
	for (int i = 0; i < 4; i++)
	{
		fcinfo->args[i].value = CStringGetTextDatum(args[i]);
		fcinfo->args[i].isnull = false;
	}
	answer = FunctionCallInvoke(fcinfo);
	if (!fcinfo->isnull)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg_internal("%s", text_to_cstring(DatumGetTextPP(answer)))));
}

/* A call of the provider, and whether it was too slow. */
typedef struct Attempt
{
	CmOp	   *op;
	Oid			function;
	int			timeout;		/* seconds */
	bool		late;
} Attempt;

static void
call_each(void *arg)
{
	Attempt    *a = arg;
	ConstraintsSetStmt immediate = {.type = T_ConstraintsSetStmt, .constraints = NIL, .deferred = false};

	/* Otherwise the first row with a deferred constraint would be an error here. */
	AfterTriggerSetState(&immediate);
	for (int i = 0; i < a->op->nrecords; i++)
		call(a->function, a->op->zone, &a->op->records[i]);
}

static void
call_all(void *arg)
{
	Attempt    *a = arg;
	const char *name = cm_json_get_string(a->op->config, "function");
	Oid			owner;
	Oid			user;
	int			sec_context;
	int			level;

	a->function = cm_dns_function_find(name);
	check_function(a->function, name, &owner);
	GetUserIdAndSecContext(&user, &sec_context);
	level = NewGUCNestLevel();
	SetUserIdAndSecContext(owner, sec_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	a->late = !cm_time_limited(a->timeout * 1000, call_each, a);
	/* Not as a cancel, which would end the engine; the words are the caller's. */
	if (a->late)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("function \"%s\" was cancelled", name)));
	AtEOXact_GUC(false, level);
	SetUserIdAndSecContext(user, sec_context);
}

void
cm_dns_function_apply(CmOp *op)
{
	Attempt		a = {.op = op};
	CmStatus   *st = &op->dns.status;
	const char *name = cm_json_get_string(op->config, "function");
	char		message[MESSAGE_SIZE];
	char		shown[ANSWER_MAX];
	bool		ok;

	if (!cm_dns01_sql_timeout(op->config, &a.timeout, st))
		return;
	cm_tx_begin();
	ok = cm_tx_try(call_all, &a, message, sizeof(message));
	if (!cm_tx_try_commit(ok ? message : shown, ok ? sizeof(message) : sizeof(shown)))
		ok = false;
	strlcpy(op->dns.zone, op->zone, sizeof(op->dns.zone));
	if (ok)
		return;
	if (a.late)
	{
		cm_fail(st, CM_REFUSED, "function %.100s did not return within %d s and was cancelled", name, a.timeout);
		cm_fail_detail(st, "The worker does nothing else while it calls a function: let it note the record and return, or give the provider a longer \"timeout\".");
		return;
	}
	cm_clean_text(shown, sizeof(shown), message, strlen(message));
	cm_fail(st, CM_REFUSED, "function %.100s could not %s the TXT record", name, op->records[0].remove ? "remove" : "add");
	cm_fail_detail(st, "It says: %s.", shown);
}
