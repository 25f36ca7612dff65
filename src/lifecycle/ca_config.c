/*
 * ca_config.c - see ca_config.h. Backends; memory of the caller's context.
 */
#include "postgres.h"

#include "lifecycle/ca_config.h"
#include "pg/own.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

CmBuf *
cm_ca_config_begin(void)
{
	CmBuf	   *json = cm_own_buf(0);

	cm_buf_append_str(json, "{");
	return json;
}

void
cm_ca_config_put(CmBuf *json, const char *key, const char *value)
{
	if (value == NULL)
		return;
	cm_buf_append_str(json, json->len > 1 ? ", " : "");
	cm_json_quote(json, key);
	cm_buf_append_str(json, ": ");
	if (value[0] == '\0')
		cm_buf_append_str(json, "null");
	else
		cm_json_quote(json, value);
}

void
cm_ca_config_put_interval(CmBuf *json, const char *key, const Interval *interval, bool zero_removes)
{
	if (interval == NULL)
		return;
	cm_ca_config_put(json, key, zero_removes && cm_interval_is_zero(interval) ? "" :
					 DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(interval))));
}

const char *
cm_ca_config_end(CmBuf *json)
{
	cm_buf_append_str(json, "}");
	return cm_buf_cstr(json);
}

const char *
cm_ca_config_choose(const char *given, const CmJson *config, const char *key)
{
	if (given == NULL)
		return cm_json_get_string(config, key);
	return given[0] == '\0' ? NULL : given;
}

bool
cm_interval_is_zero(const Interval *i)
{
	return i->month == 0 && i->day == 0 && i->time == 0;
}

bool
cm_interval_is_shorter(const Interval *i, int64 usecs)
{
	Interval	least = {usecs, 0, 0};

	return DatumGetBool(DirectFunctionCall2(interval_lt, IntervalPGetDatum(i), IntervalPGetDatum(&least)));
}
