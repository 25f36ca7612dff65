/*
 * lint.c - certmgr.lint and certmgr.lint_rules. Runs in backends; reads no table.
 */
#include "postgres.h"

#include "funcapi.h"
#include "lifecycle/lint.h"
#include "miscadmin.h"
#include "pg/error.h"
#include "pg/own.h"
#include "pg/query.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

/* A bundle that was given by mistake is told as such. */
#define CHAIN_MAX 100

PG_FUNCTION_INFO_V1(certmgr_lint);
PG_FUNCTION_INFO_V1(certmgr_lint_rules);

static void
put_rule(ReturnSetInfo *result, const CmLintRule *rule)
{
	Datum		values[4] = {cm_datum_text(rule->name), cm_datum_text(cm_lint_level_name(rule->level)), cm_datum_text(rule->source), cm_datum_text(rule->message)};
	bool		nulls[4] = {false, false, false, false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
certmgr_lint(PG_FUNCTION_ARGS)
{
	text	   *pem = PG_GETARG_TEXT_PP(0);
	CmBuf	   *ders = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	CmLintFindings findings;
	int			count;

	if (!cm_certificates_from_text(cm_slice(VARDATA_ANY(pem), VARSIZE_ANY_EXHDR(pem)), CHAIN_MAX, ders, &count, &st))
		cm_throw(&st, NULL);
	/* Whose rule would it be otherwise? */
	if (count != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("text holds %d certificates", count),
				 errhint("Give them one by one.")));
	findings = cm_lint_find(cm_slice(ders->data, ders->len), false);
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < findings.count; i++)
		put_rule((ReturnSetInfo *) fcinfo->resultinfo, findings.rules[i]);
	return (Datum) 0;
}

Datum
certmgr_lint_rules(PG_FUNCTION_ARGS)
{
	const CmLintRule *rule;

	InitMaterializedSRF(fcinfo, 0);
	for (int n = 0; (rule = cm_lint_rule(n)) != NULL; n++)
		put_rule((ReturnSetInfo *) fcinfo->resultinfo, rule);
	return (Datum) 0;
}
