/*
 * test_gcra.c - rate limits: bursts, refills, refunds, the n-th thing, silly numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/gcra.h"

#define HOUR INT64_C(3600000000)

/* Let's Encrypt: 300 orders an account in 3 hours, one comes back each 36 s. */
static void
orders(void **state)
{
	const CmGcra limit = {300, 3 * HOUR};
	const int64_t now = 1000 * HOUR;
	int64_t		tat = 0;

	(void) state;
	for (int i = 0; i < 300; i++)
	{
		assert_int_equal(cm_gcra_when(&limit, tat, now, 1), now);
		tat = cm_gcra_charge(&limit, tat, now);
	}
	assert_int_equal(cm_gcra_when(&limit, tat, now, 1), now + 36 * INT64_C(1000000));
	assert_int_equal(cm_gcra_when(&limit, tat, now, 100), now + HOUR);
	assert_int_equal(cm_gcra_when(&limit, tat, now + 36 * INT64_C(1000000), 1), now + 36 * INT64_C(1000000));
	tat = cm_gcra_refund(&limit, tat);
	assert_int_equal(cm_gcra_when(&limit, tat, now, 1), now);
	/* untouched for as long as the period: all of the burst again */
	assert_int_equal(cm_gcra_when(&limit, tat, now + 3 * HOUR, 300), now + 3 * HOUR);
	assert_true(cm_gcra_when(&limit, tat, now + 3 * HOUR, 301) > now + 3 * HOUR);
}

/* 5 of one set in 7 days, one comes back after 33.6 hours. */
static void
exact_set(void **state)
{
	const CmGcra limit = {5, 7 * 24 * HOUR};
	int64_t		tat = 0;

	(void) state;
	for (int i = 0; i < 5; i++)
		tat = cm_gcra_charge(&limit, tat, 0);
	assert_int_equal(cm_gcra_when(&limit, tat, 0, 1), 7 * 24 * HOUR / 5);
}

static void
silly(void **state)
{
	const CmGcra none = {0, 0};
	const CmGcra huge = {1, INT64_MAX / 4};

	(void) state;
	assert_true(cm_gcra_when(&none, 0, 10, 5) >= 10);
	assert_true(cm_gcra_when(&huge, 0, 10, INT64_MAX) > 10);
	assert_true(cm_gcra_charge(&huge, INT64_MAX / 2, 10) <= INT64_MAX / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders),
		cmocka_unit_test(exact_set),
		cmocka_unit_test(silly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
