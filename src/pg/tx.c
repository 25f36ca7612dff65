/*
 * tx.c - see tx.h. Worker processes only: a session has transactions of its own.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pg/caller.h"
#include "pg/tx.h"
#include "pgstat.h"
#include "utils/snapmgr.h"

static MemoryContext outer_context;
static CmOwnerScope scope;

void
cm_tx_begin(void)
{
	outer_context = CurrentMemoryContext;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	cm_owner_enter(&scope);
}

void
cm_tx_commit(void)
{
	cm_owner_leave(&scope);
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(outer_context);
}
