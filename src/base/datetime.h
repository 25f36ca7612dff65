/*
 * datetime.h - times as seconds since 1970-01-01 00:00:00 UTC, from the text
 * forms that protocols use. No time zone database, no locale.
 */
#ifndef CM_BASE_DATETIME_H
#define CM_BASE_DATETIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for a time of any year there can be. */
#define CM_TIME_TEXT_MAX 64

/* In UTC; month and day count from 1. */
typedef struct CmCivil
{
	int			year;
	int			month;
	int			day;
	int			hour;
	int			minute;
	int			second;
} CmCivil;

extern int64_t cm_time_from_civil(const CmCivil *c);
extern CmCivil cm_time_to_civil(int64_t t);
extern int	cm_time_days_in_month(int year, int month);
/* "2026-07-29T12:00:00Z" */
extern const char *cm_time_rfc3339(int64_t t, char dst[CM_TIME_TEXT_MAX]);
extern bool cm_time_parse_rfc3339(const char *text, int64_t *out);
extern bool cm_time_parse_http(const char *text, int64_t *out);	/* IMF-fixdate, RFC 9110 5.6.7 */
/* Retry-After: seconds or an HTTP-date; the result is seconds from now, clamped to [0, max]. False when unreadable. */
extern bool cm_time_parse_retry_after(const char *text, int64_t now, int64_t max, int64_t *seconds);

#endif
