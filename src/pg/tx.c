/*
 * tx.c - see tx.h. Engines only: the database worker and CALL certmgr.work().
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pg/caller.h"
#include "pg/tx.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

volatile sig_atomic_t cm_tx_stop_requested = false;

static MemoryContext outer_context;
static CmOwnerScope scope;
static bool in_procedure = false;

void
cm_tx_in_procedure(bool procedure)
{
	in_procedure = procedure;
}

/* A signal before this is found in the flag; one that finds us in a transaction ends it as die() does. */
static void
start_transaction(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!cm_tx_stop_requested)
		return;
	CommitTransactionCommand();
	proc_exit(0);
}

void
cm_tx_begin(void)
{
	outer_context = CurrentMemoryContext;
	if (!in_procedure)
		start_transaction();
	/* As StartTransactionCommand() does: what a look or a turn leaves behind goes with its transaction, not with the CALL, which may last for days. */
	MemoryContextSwitchTo(CurTransactionContext);
	PushActiveSnapshot(GetTransactionSnapshot());
	cm_owner_enter(&scope);
}

void
cm_tx_commit(void)
{
	cm_owner_leave(&scope);
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
	/* SPI comes back to the context it found, which must outlive the transaction. */
	MemoryContextSwitchTo(outer_context);
	if (in_procedure)
		SPI_commit();
	else
		CommitTransactionCommand();
	MemoryContextSwitchTo(outer_context);
	/*
	 * A commit that waits for a synchronous standby comes back when the server
	 * goes, with no more than a warning: the standby, which may be the server
	 * of tomorrow, knows nothing of what we are about to do (law L1).
	 */
	if (ProcDiePending)
		CHECK_FOR_INTERRUPTS();
}

/* Takes the error that was caught, into a buffer; what is not ours to swallow is thrown on. */
static void
take_error(MemoryContext context, char *message, size_t size)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	ErrorData  *error = CopyErrorData();

	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED || error->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
		PG_RE_THROW();
	FlushErrorState();
	snprintf(message, size, "%s%s%s", error->message ? error->message : "unknown error", error->detail ? ": " : "", error->detail ? error->detail : "");
	/* A detail may have lines; where this goes it is one. */
	for (char *c = message; *c != '\0'; c++)
	{
		if (*c == '\n')
			*c = ' ';
	}
	FreeErrorData(error);
	MemoryContextSwitchTo(old);
}

bool
cm_tx_try_commit(char *message, size_t size)
{
	volatile bool ok = true;

	PG_TRY();
	{
		cm_tx_commit();
	}
	PG_CATCH();
	{
		ok = false;
		take_error(outer_context, message, size);
		/* SPI_commit() has rolled back and begun another one by itself. */
		if (!in_procedure)
			AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(outer_context);
	return ok;
}

bool
cm_tx_try(void (*fn) (void *arg), void *arg, char *message, size_t size)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool ok = true;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		fn(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		ok = false;
		take_error(context, message, size);
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return ok;
}
