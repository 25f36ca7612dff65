/*
 * datetime.c - times as seconds since 1970-01-01 00:00:00 UTC.
 *
 * Runs in every process. Pure arithmetic in the proleptic Gregorian calendar:
 * no time zone database, no locale, no allocation. Parsers fail on anything
 * that is not exactly the form they are for.
 */
#include "base/datetime.h"

#include <stdio.h>
#include <string.h>

#define SECONDS_PER_DAY INT64_C(86400)
#define DAYS_PER_ERA INT64_C(146097)	/* 400 Gregorian years */
#define DAYS_TO_EPOCH INT64_C(719468)	/* 0000-03-01 to 1970-01-01 */

/* Year 1.9e9: the civil year still fits an int, however wild the input. */
#define CIVIL_LIMIT INT64_C(60000000000000000)

static const char month_names[12][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

static const char day_names[7][4] = {
	"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"
};

/*
 * Years are counted from March, in eras of 400 years, so that the leap day is
 * the last day of a year and the month lengths follow one linear formula.
 */
int64_t
cm_time_from_civil(const CmCivil *c)
{
	int64_t		y = c->year;
	int64_t		m = c->month;
	int64_t		era;
	int64_t		yoe;
	int64_t		doy;
	int64_t		doe;
	int64_t		days;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + c->day - 1;
	doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	days = era * DAYS_PER_ERA + doe - DAYS_TO_EPOCH;
	return days * SECONDS_PER_DAY + (int64_t) c->hour * 3600 + (int64_t) c->minute * 60 + c->second;
}

CmCivil
cm_time_to_civil(int64_t t)
{
	CmCivil		c;
	int64_t		days;
	int64_t		rest;
	int64_t		era;
	int64_t		doe;
	int64_t		yoe;
	int64_t		doy;
	int64_t		mp;

	if (t > CIVIL_LIMIT)
		t = CIVIL_LIMIT;
	if (t < -CIVIL_LIMIT)
		t = -CIVIL_LIMIT;

	days = t / SECONDS_PER_DAY;
	rest = t % SECONDS_PER_DAY;
	if (rest < 0)
	{
		rest += SECONDS_PER_DAY;
		days--;
	}

	days += DAYS_TO_EPOCH;
	era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
	doe = days - era * DAYS_PER_ERA;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;

	c.day = (int) (doy - (153 * mp + 2) / 5 + 1);
	c.month = (int) (mp < 10 ? mp + 3 : mp - 9);
	c.year = (int) (yoe + era * 400 + (c.month <= 2));
	c.hour = (int) (rest / 3600);
	c.minute = (int) (rest / 60 % 60);
	c.second = (int) (rest % 60);
	return c;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly n digits at *p; moves *p behind them. */
static bool
take_digits(const char **p, int n, int *out)
{
	int			value = 0;

	while (n-- > 0)
	{
		if (!is_digit(**p))
			return false;
		value = value * 10 + (*(*p)++ - '0');
	}
	*out = value;
	return true;
}

static bool
take_char(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

int
cm_time_days_in_month(int year, int month)
{
	static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool		leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

/* A second 60 is a leap second: allowed by both text forms, counted as the next second. */
static bool
is_civil(const CmCivil *c)
{
	return c->month >= 1 && c->month <= 12 &&
		c->day >= 1 && c->day <= cm_time_days_in_month(c->year, c->month) &&
		c->hour <= 23 && c->minute <= 59 && c->second <= 60;
}

static bool
take_clock(const char **p, CmCivil *c)
{
	return take_digits(p, 2, &c->hour) && take_char(p, ':') &&
		take_digits(p, 2, &c->minute) && take_char(p, ':') &&
		take_digits(p, 2, &c->second);
}

/* "Z" or a numeric offset, to the end of the text; *offset in seconds. */
static bool
take_offset(const char **p, int64_t *offset)
{
	int			sign;
	int			hours;
	int			minutes;

	*offset = 0;
	if (**p == 'Z' || **p == 'z')
	{
		(*p)++;
		return **p == '\0';
	}
	if (**p != '+' && **p != '-')
		return false;
	sign = **p == '-' ? -1 : 1;
	(*p)++;
	if (!take_digits(p, 2, &hours) || !take_char(p, ':') || !take_digits(p, 2, &minutes))
		return false;
	if (hours > 23 || minutes > 59)
		return false;
	*offset = sign * ((int64_t) hours * 3600 + (int64_t) minutes * 60);
	return **p == '\0';
}

const char *
cm_time_rfc3339(int64_t t, char dst[CM_TIME_TEXT_MAX])
{
	CmCivil		c = cm_time_to_civil(t);

	(void) snprintf(dst, CM_TIME_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour, c.minute, c.second);
	return dst;
}

bool
cm_time_parse_rfc3339(const char *text, int64_t *out)
{
	const char *p = text;
	CmCivil		c;
	int64_t		offset;

	if (text == NULL)
		return false;
	if (!take_digits(&p, 4, &c.year) || !take_char(&p, '-') ||
		!take_digits(&p, 2, &c.month) || !take_char(&p, '-') ||
		!take_digits(&p, 2, &c.day))
		return false;
	if (*p != 'T' && *p != 't' && *p != ' ')
		return false;
	p++;
	if (!take_clock(&p, &c))
		return false;
	if (!is_civil(&c))
		return false;
	if (*p == '.')
	{
		p++;
		if (!is_digit(*p))
			return false;
		while (is_digit(*p))
			p++;
	}
	if (!take_offset(&p, &offset))
		return false;

	*out = cm_time_from_civil(&c) - offset;
	return true;
}

static int
find_name(const char *p, const char (*names)[4], int count)
{
	int			i;

	for (i = 0; i < count; i++)
	{
		if (strncmp(p, names[i], 3) == 0)
			return i;
	}
	return -1;
}

bool
cm_time_parse_http(const char *text, int64_t *out)
{
	const char *p = text;
	CmCivil		c;

	if (text == NULL || find_name(p, day_names, 7) < 0)
		return false;
	p += 3;
	if (!take_char(&p, ',') || !take_char(&p, ' ') ||
		!take_digits(&p, 2, &c.day) || !take_char(&p, ' '))
		return false;
	c.month = find_name(p, month_names, 12) + 1;
	if (c.month < 1)
		return false;
	p += 3;
	if (!take_char(&p, ' ') || !take_digits(&p, 4, &c.year) || !take_char(&p, ' '))
		return false;
	if (!take_clock(&p, &c) || strcmp(p, " GMT") != 0)
		return false;
	if (!is_civil(&c))
		return false;

	*out = cm_time_from_civil(&c);
	return true;
}

/* The digits of a delay; a number above max is max, however long it is. */
static int64_t
read_delay(const char *p, size_t len, int64_t max)
{
	int64_t		value = 0;
	size_t		i;

	for (i = 0; i < len; i++)
	{
		if (value > (INT64_MAX - 9) / 10)
			return max;
		value = value * 10 + (p[i] - '0');
	}
	return value > max ? max : value;
}

bool
cm_time_parse_retry_after(const char *text, int64_t now, int64_t max, int64_t *seconds)
{
	char		copy[32];		/* an IMF-fixdate has 29 characters */
	size_t		len;
	size_t		digits = 0;
	int64_t		at;

	if (text == NULL)
		return false;
	if (max < 0)
		max = 0;
	while (*text == ' ' || *text == '\t')
		text++;
	len = strlen(text);
	while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
		len--;

	while (digits < len && is_digit(text[digits]))
		digits++;
	if (len > 0 && digits == len)
	{
		*seconds = read_delay(text, len, max);
		return true;
	}

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (!cm_time_parse_http(copy, &at))
		return false;
	if (at <= now)
		*seconds = 0;
	else if (now < 0 && at > INT64_MAX + now)
		*seconds = max;
	else
		*seconds = at - now > max ? max : at - now;
	return true;
}
