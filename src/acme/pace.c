/*
 * pace.c - how fast requests may go to a CA: its quirks "request_rate" and
 * "nonce_rate". Runs in the database worker and in CALL certmgr.work(); memory
 * only: after a restart a burst is allowed again. Nothing fails.
 */
#include "acme/internal.h"

CmGcra
cm_acme_pace_limit(int rate, int burst)
{
	CmGcra		limit = {0, 0};

	if (rate > 0)
	{
		limit.burst = burst;
		limit.period = (int64_t) burst * 1000000 / rate;
	}
	return limit;
}

static int64_t
when(const CmGcra *limit, int64_t tat, int64_t now)
{
	return limit->burst > 0 ? cm_gcra_when(limit, tat, now, 1) : now;
}

int64_t
cm_acme_pace_wait(const CmAcmePace *pace, bool nonce)
{
	int64_t		now = cm_monotonic_ms() * 1000;
	int64_t		at = when(&pace->requests, pace->requests_tat, now);
	int64_t		nonce_at = nonce ? when(&pace->nonces, pace->nonces_tat, now) : now;

	if (nonce_at > at)
		at = nonce_at;
	return (at - now + 999) / 1000;
}

void
cm_acme_pace_count(CmAcmePace *pace, bool nonce)
{
	int64_t		now = cm_monotonic_ms() * 1000;

	if (pace->requests.burst > 0)
		pace->requests_tat = cm_gcra_charge(&pace->requests, pace->requests_tat, now);
	if (nonce && pace->nonces.burst > 0)
		pace->nonces_tat = cm_gcra_charge(&pace->nonces, pace->nonces_tat, now);
}
