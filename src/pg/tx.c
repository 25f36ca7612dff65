/*
 * tx.c - see tx.h. Engines only: the database worker and CALL certmgr.work().
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pg/caller.h"
#include "pg/compat.h"
#include "pg/tx.h"
#include "pgstat.h"
#include "replication/syncrep.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/pmsignal.h"
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

/* Do commits wait for a synchronous standby? */
static bool
waits_for_standby(void)
{
	return SyncRepRequested() && cm_sync_standbys_defined();
}

/*
 * Lacks such a standby the last commit? As SyncRepWaitForLSN() sees it; what
 * that found is not to be had from outside. Whoever ends the waiting for
 * standbys wakes those who wait first, and takes the flag away under the same lock.
 */
static bool
standby_lacks_commit(void)
{
	int			mode = SYNC_REP_WAIT_FLUSH;
	bool		lacks;

	if (synchronous_commit == SYNCHRONOUS_COMMIT_REMOTE_WRITE)
		mode = SYNC_REP_WAIT_WRITE;
	else if (synchronous_commit == SYNCHRONOUS_COMMIT_REMOTE_APPLY)
		mode = SYNC_REP_WAIT_APPLY;
	LWLockAcquire(SyncRepLock, LW_SHARED);
	lacks = cm_sync_standbys_defined() && WalSndCtl->lsn[mode] < XactLastCommitEnd;
	LWLockRelease(SyncRepLock);
	return lacks;
}

/*
 * Law L1: what an engine does after a commit must be known to whoever goes on
 * after a crash or a failover. Two ways in which a commit says less than that:
 * with synchronous_commit = off it may not be on disk; and one that waits for
 * a synchronous standby comes back without it, with no more than a warning,
 * when the postmaster dies (which sets ProcDiePending and nothing that would
 * make CHECK_FOR_INTERRUPTS() look at it), when we are told to go, or when the
 * query is canceled (of which no trace is left).
 */
static void
make_sure(bool waited)
{
	XLogFlush(XactLastCommitEnd);
	if (!PostmasterIsAlive())
		proc_exit(1);
	if (ProcDiePending)
	{
		InterruptPending = true;
		CHECK_FOR_INTERRUPTS();
	}
	if (waited && standby_lacks_commit())
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("canceling the wait for a synchronous standby and what was to be done after it"),
				 errdetail("The transaction has committed locally, but might not have been replicated: after a failover nobody would know what was done at CAs and in the DNS."),
				 errhint("The work goes on by itself when the standby follows: see pg_stat_replication.")));
}

void
cm_tx_commit(void)
{
	/* What changed nothing waits for nothing. */
	bool		waits = TransactionIdIsValid(GetTopTransactionIdIfAny()) && waits_for_standby();

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
	make_sure(waits);
}

/* Takes the error that was caught, into a buffer; what is not ours to swallow is thrown on. Returns its SQLSTATE. */
static int
take_error(MemoryContext context, char *message, size_t size)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	ErrorData  *error = CopyErrorData();
	int			sqlerrcode = error->sqlerrcode;

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
	return sqlerrcode;
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
		(void) take_error(outer_context, message, size);
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
	return cm_tx_try_code(fn, arg, message, size) == 0;
}

int
cm_tx_try_code(void (*fn) (void *arg), void *arg, char *message, size_t size)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile int sqlerrcode = 0;

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
		sqlerrcode = take_error(context, message, size);
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return sqlerrcode;
}
