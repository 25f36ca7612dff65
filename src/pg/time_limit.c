/*
 * time_limit.c - see time_limit.h. Any process; locks nothing. Not by
 * statement_timeout: that belongs to the statement around us, and a function
 * could set it. A timer of our own cancels as a person would; it goes on, for
 * functions that catch query_canceled.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pg/time_limit.h"
#include "storage/latch.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

static volatile sig_atomic_t over;

/* In a signal handler: as that of SIGINT. */
static void
on_time(void)
{
	over = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

static void
stop(TimeoutId timeout)
{
	disable_timeout(timeout, false);
	/* It came too late to cancel anything: nothing else must be cancelled by it. */
	if (over)
		QueryCancelPending = false;
}

bool
cm_time_limited(int ms, void (*fn) (void *arg), void *arg)
{
	static TimeoutId timeout = MAX_TIMEOUTS;
	volatile bool ok = true;

	if (timeout == MAX_TIMEOUTS)
		timeout = RegisterTimeout(USER_TIMEOUT, on_time);
	/* Within another such call: that one's time is running. */
	if (get_timeout_active(timeout))
	{
		fn(arg);
		return true;
	}
	over = false;
	enable_timeout_every(timeout, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms), ms);
	PG_TRY();
	{
		fn(arg);
		stop(timeout);
	}
	PG_CATCH();
	{
		stop(timeout);
		if (!over || geterrcode() != ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		FlushErrorState();
		ok = false;
	}
	PG_END_TRY();
	return ok;
}
