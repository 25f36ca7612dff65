/*
 * acme_quirk.c - the check of a row of certmgr.acme_quirk. Any session; reads nothing.
 */
#include "postgres.h"

#include "acme/quirks.h"
#include "api/args.h"
#include "pg/error.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(certmgr_check_acme_quirk);

#define VALUE_MAX 0x10000

Datum
certmgr_check_acme_quirk(PG_FUNCTION_ARGS)
{
	char	   *key = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Jsonb	   *jsonb = PG_GETARG_JSONB_P(1);
	char	   *json = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
	CmStatus	st = CM_STATUS_INIT;
	CmAcmeQuirks quirks;
	CmJson	   *value = cm_json_parse(cm_slice(json, strlen(json)), VALUE_MAX, &st);

	cm_acme_quirks_init(&quirks);
	if (value == NULL || !cm_acme_quirks_put(&quirks, key, value, &st))
		cm_throw(&st, NULL);
	PG_RETURN_BOOL(true);
}
