/*
 * gcra.c - see gcra.h. Arithmetic only: any process, fails never.
 */
#include "base/gcra.h"

/* Between two things, when they come evenly. */
static int64_t
interval(const CmGcra *limit)
{
	int64_t		burst = limit->burst < 1 ? 1 : limit->burst;
	int64_t		each = limit->period / burst;

	return each < 1 ? 1 : each;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Sums of times stay below this: some 146,000 years. */
static int64_t
plus(int64_t at, int64_t each, int64_t n)
{
	if (n > (INT64_MAX / 2) / each)
		return INT64_MAX / 2;
	return at > INT64_MAX / 2 - n * each ? INT64_MAX / 2 : at + n * each;
}

int64_t
cm_gcra_when(const CmGcra *limit, int64_t tat, int64_t now, int64_t n)
{
	return later(now, plus(later(tat, now), interval(limit), n) - interval(limit) * (limit->burst < 1 ? 1 : limit->burst));
}

int64_t
cm_gcra_charge(const CmGcra *limit, int64_t tat, int64_t now)
{
	return plus(later(tat, now), interval(limit), 1);
}

int64_t
cm_gcra_refund(const CmGcra *limit, int64_t tat)
{
	return tat - interval(limit);
}
