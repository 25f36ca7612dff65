/*
 * test_datetime.c - civil time against the C library, and the text forms of protocols.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/datetime.h"

static void
check_civil(int64_t t)
{
	time_t		tt = (time_t) t;
	struct tm	tm;
	CmCivil		c = cm_time_to_civil(t);

	assert_non_null(gmtime_r(&tt, &tm));
	assert_int_equal(c.year, tm.tm_year + 1900);
	assert_int_equal(c.month, tm.tm_mon + 1);
	assert_int_equal(c.day, tm.tm_mday);
	assert_int_equal(c.hour, tm.tm_hour);
	assert_int_equal(c.minute, tm.tm_min);
	assert_int_equal(c.second, tm.tm_sec);
	assert_true(cm_time_from_civil(&c) == t);
}

static void
civil(void **state)
{
	int64_t		t;

	(void) state;
	/* A step that is prime to the day, from the year -1000 to 10000. */
	for (t = INT64_C(-93600000000); t < INT64_C(253500000000); t += 6700417)
		check_civil(t);
	for (t = -3; t < 4; t++)
		check_civil(t);
	check_civil(951782400);		/* 2000-02-29 */
	check_civil(4107542400);	/* 2100-03-01 */
	assert_true(cm_time_to_civil(INT64_MAX).year > 1000000000);
	assert_true(cm_time_to_civil(INT64_MIN).year < -1000000000);
}

static void
rfc3339(void **state)
{
	static const struct
	{
		const char *text;
		int64_t		t;
	}			good[] = {	/* RFC 3339 5.8 among them */
		{"1985-04-12T23:20:50.52Z", 482196050}, {"1996-12-19T16:39:57-08:00", 851042397},
		{"1990-12-31T23:59:60Z", 662688000}, {"1937-01-01T12:00:27.87+00:20", -1041337173},
		{"2024-02-29t00:00:00z", 1709164800}, {"1970-01-01 00:00:00+00:00", 0}, {"0000-01-01T00:00:00Z", -62167219200}
	};
	static const char *const bad[] = {
		"", "2024", "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-00-01T00:00:00Z",
		"2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:61Z", "2024-01-01T00:00:00",
		"2024-01-01T00:00:00.Z", "2024-01-01T00:00:00Zx", "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+0100",
		"2024-1-1T00:00:00Z", "02024-01-01T00:00:00Z", "2024-01-01", "2024-01-01T00:00Z", " 2024-01-01T00:00:00Z"
	};
	int64_t		t;
	size_t		i;

	(void) state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		assert_true(cm_time_parse_rfc3339(good[i].text, &t));
		assert_true(t == good[i].t);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cm_time_parse_rfc3339(bad[i], &t));
	assert_false(cm_time_parse_rfc3339(NULL, &t));
}

static void
http(void **state)
{
	static const char *const bad[] = {
		"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT", "Xyz, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "Sun"
	};
	int64_t		t;
	size_t		i;

	(void) state;
	assert_true(cm_time_parse_http("Sun, 06 Nov 1994 08:49:37 GMT", &t));
	assert_int_equal(t, 784111777);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cm_time_parse_http(bad[i], &t));
}

static void
show_rfc3339(void **state)
{
	char		text[CM_TIME_TEXT_MAX];
	int64_t		back;

	(void) state;
	assert_string_equal(cm_time_rfc3339(0, text), "1970-01-01T00:00:00Z");
	assert_string_equal(cm_time_rfc3339(784111777, text), "1994-11-06T08:49:37Z");
	assert_string_equal(cm_time_rfc3339(253402300799, text), "9999-12-31T23:59:59Z");
	assert_true(cm_time_parse_rfc3339(text, &back));
	assert_int_equal(back, 253402300799);
}

static void
retry_after(void **state)
{
	static const char *const bad[] = {"", " ", "-1", "1.5", "5s", "soon", "+5", "1 2", "Sun, 06 Nov 1994 08:49:37 GMT, 5"};
	int64_t		s;
	size_t		i;

	(void) state;
	assert_true(cm_time_parse_retry_after("120", 0, 3600, &s));
	assert_int_equal(s, 120);
	assert_true(cm_time_parse_retry_after(" 120\t\r\n", 0, 60, &s));
	assert_int_equal(s, 60);
	assert_true(cm_time_parse_retry_after("99999999999999999999999999", 0, 86400, &s));
	assert_int_equal(s, 86400);
	assert_true(cm_time_parse_retry_after("9223372036854775807", 0, INT64_MAX, &s));
	assert_true(s > 0);
	assert_true(cm_time_parse_retry_after("0", 0, 60, &s));
	assert_int_equal(s, 0);
	assert_true(cm_time_parse_retry_after("5", 0, -1, &s));
	assert_int_equal(s, 0);
	assert_true(cm_time_parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111700, 3600, &s));
	assert_int_equal(s, 77);
	assert_true(cm_time_parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 784111800, 3600, &s));
	assert_int_equal(s, 0);
	assert_true(cm_time_parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", INT64_MIN + 1, 3600, &s));
	assert_int_equal(s, 3600);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cm_time_parse_retry_after(bad[i], 0, 60, &s));
	assert_false(cm_time_parse_retry_after(NULL, 0, 60, &s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(civil),
		cmocka_unit_test(show_rfc3339),
		cmocka_unit_test(rfc3339),
		cmocka_unit_test(http),
		cmocka_unit_test(retry_after)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
