/*
 * explain.c - certmgr.explain_request and certmgr.policy_impact: rows from
 * lifecycle/explain.c into a tuple store. Runs in backends.
 */
#include "postgres.h"

#include "api/args.h"
#include "funcapi.h"
#include "lifecycle/explain.h"
#include "miscadmin.h"
#include "pg/caller.h"
#include "pg/query.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(certmgr_explain_request);
PG_FUNCTION_INFO_V1(certmgr_policy_impact);

static void
put_explanation(void *arg, const char *rule, const char *verdict, const char *detail)
{
	ReturnSetInfo *result = arg;
	Datum		values[3] = {cm_datum_text(rule), cm_datum_text(verdict), cm_datum_text(detail)};
	bool		nulls[3] = {false, false, detail == NULL};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

static void
check_target(const char *subscriber, const CmIssueFrom *request)
{
	bool		more = request->ca != NULL || request->template != NULL || request->subject != NULL || request->san_count > 0 ||
		request->lifetime != NULL || request->key_algorithm != NULL || request->usages != NULL;

	if (subscriber == NULL && request->ca == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("neither \"subscriber\" nor \"ca\" was given"),
				 errhint("Give a subscriber, or what certmgr.issue_from() would be given.")));
	if (subscriber != NULL && more)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("with \"subscriber\" only \"csr\" and \"not_before\" can be given"),
				 errdetail("Everything else is the subscriber's.")));
}

Datum
certmgr_explain_request(PG_FUNCTION_ARGS)
{
	CmIssueFrom request = {0};
	char	   *subscriber = cm_arg_text(fcinfo, 0);

	request.ca = cm_arg_text(fcinfo, 1);
	request.template = cm_arg_text(fcinfo, 2);
	request.subject = cm_arg_text(fcinfo, 3);
	if (!PG_ARGISNULL(4))
		request.sans = cm_text_array(PG_GETARG_DATUM(4), &request.san_count);
	request.csr = cm_arg_text(fcinfo, 5);
	request.lifetime = PG_ARGISNULL(6) ? NULL : PG_GETARG_INTERVAL_P(6);
	request.key_algorithm = cm_arg_text(fcinfo, 7);
	if (!PG_ARGISNULL(8))
		request.usages = cm_text_array(PG_GETARG_DATUM(8), &request.usage_count);
	request.not_before = PG_ARGISNULL(9) ? 0 : PG_GETARG_TIMESTAMPTZ(9);
	check_target(subscriber, &request);
	InitMaterializedSRF(fcinfo, 0);
	cm_explain_request(subscriber, &request, put_explanation, fcinfo->resultinfo);
	return (Datum) 0;
}

static void
put_impact(void *arg, const CmTemplateUse *use, const char *rule, const char *detail)
{
	ReturnSetInfo *result = arg;
	Datum		values[6] = {Int64GetDatum(use->certificate_id), cm_datum_text(use->subscriber), cm_datum_text(use->subject),
	TimestampTzGetDatum(use->not_after), cm_datum_text(rule), cm_datum_text(detail)};
	bool		nulls[6] = {false, use->subscriber == NULL, false, false, false, false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
certmgr_policy_impact(PG_FUNCTION_ARGS)
{
	CmOwnerScope scope;

	cm_arg_not_null(fcinfo, 0, "template");
	if (!cm_caller_acts_for("certmgr_auditor"))
		cm_caller_require_operator("list what a template would refuse");
	InitMaterializedSRF(fcinfo, 0);
	cm_owner_enter(&scope);
	cm_policy_impact(cm_arg_text(fcinfo, 0), put_impact, fcinfo->resultinfo);
	cm_owner_leave(&scope);
	return (Datum) 0;
}
