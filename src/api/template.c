/*
 * template.c - certmgr.create_template, alter_template, drop_template:
 * arguments into a row. Runs in backends; administrators only.
 */
#include "postgres.h"

#include "api/args.h"
#include "fmgr.h"
#include "lifecycle/template.h"
#include "pg/caller.h"

extern PGDLLEXPORT Datum certmgr_create_template(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum certmgr_alter_template(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum certmgr_drop_template(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(certmgr_create_template);
PG_FUNCTION_INFO_V1(certmgr_alter_template);
PG_FUNCTION_INFO_V1(certmgr_drop_template);

/* The arguments are the columns in their order; check_function is a regprocedure, and its owner no argument. */
static void
take_args(FunctionCallInfo fcinfo, CmTemplateRow *row)
{
	int			argument = 0;

	memset(row, 0, sizeof(*row));
	for (int column = 0; column < CM_TEMPLATE_COLUMNS; column++)
	{
		if (column == CM_TEMPLATE_CHECK_FUNCTION_OWNER)
			continue;
		row->nulls[column] = PG_ARGISNULL(argument);
		row->values[column] = PG_ARGISNULL(argument) ? (Datum) 0 : PG_GETARG_DATUM(argument);
		if (column == CM_TEMPLATE_CHECK_FUNCTION)
		{
			cm_template_set_function(row, PG_ARGISNULL(argument) ? InvalidOid : PG_GETARG_OID(argument));
			/* 0 takes the function away; NULL says nothing. */
			if (!PG_ARGISNULL(argument) && row->nulls[column])
			{
				row->nulls[column] = row->nulls[CM_TEMPLATE_CHECK_FUNCTION_OWNER] = false;
				row->values[column] = row->values[CM_TEMPLATE_CHECK_FUNCTION_OWNER] = PointerGetDatum(cstring_to_text(""));
			}
		}
		argument++;
	}
}

Datum
certmgr_create_template(PG_FUNCTION_ARGS)
{
	CmTemplateRow row;
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;

	cm_caller_require_admin("create a template");
	cm_arg_not_null(fcinfo, 0, "name");
	take_args(fcinfo, &row);
	cm_owner_enter(&scope);
	cm_template_create(&row, actor);
	cm_owner_leave(&scope);
	PG_RETURN_INT64(row.id);
}

Datum
certmgr_alter_template(PG_FUNCTION_ARGS)
{
	CmTemplateRow row;
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;

	cm_caller_require_admin("alter a template");
	cm_arg_not_null(fcinfo, 0, "name");
	take_args(fcinfo, &row);
	cm_owner_enter(&scope);
	cm_template_alter(&row, actor);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}

Datum
certmgr_drop_template(PG_FUNCTION_ARGS)
{
	char	   *actor = cm_caller_name();
	CmOwnerScope scope;

	cm_caller_require_admin("drop a template");
	cm_owner_enter(&scope);
	cm_template_drop(text_to_cstring(PG_GETARG_TEXT_PP(0)), actor);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}
