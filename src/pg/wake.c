/*
 * wake.c - telling the worker that there is something to do, once a
 * transaction, and only when it commits. Runs in any session and in the
 * worker itself. Registering the callback may fail for want of memory, inside
 * the transaction; after that nothing can.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"

#include "pg/wake.h"

void		(*cm_wake_hook) (Oid database) = NULL;

static bool registered = false;
static bool wanted = false;

/*
 * A savepoint that was rolled back may leave the flag set: a worker that
 * wakes for nothing costs less than to keep the flag a subtransaction.
 */
static void
end_of_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			if (wanted)
			{
				wanted = false;
				if (cm_wake_hook != NULL)
					cm_wake_hook(MyDatabaseId);
			}
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			wanted = false;
			break;
		default:
			break;
	}
}

void
cm_wake_at_commit(void)
{
	Assert(IsTransactionState());

	if (!registered)
	{
		RegisterXactCallback(end_of_transaction, NULL);
		registered = true;
	}
	wanted = true;
}
