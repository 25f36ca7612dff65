/*
 * interval.h - a moment and an interval, as SQL adds them (months have no fixed length).
 */
#ifndef CM_PG_INTERVAL_H
#define CM_PG_INTERVAL_H

#include "utils/builtins.h"
#include "utils/timestamp.h"

static inline TimestampTz
cm_timestamp_plus(TimestampTz at, const Interval *interval)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(at), IntervalPGetDatum(interval)));
}

#endif
