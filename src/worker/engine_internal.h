/*
 * engine_internal.h - what the files of the engine share.
 */
#ifndef CM_WORKER_ENGINE_INTERNAL_H
#define CM_WORKER_ENGINE_INTERNAL_H

#include "lifecycle/acme_work.h"
#include "worker/engine.h"

struct CmEngine
{
	MemoryContext context;
	MemoryContext turn_context; /* reset every turn */
	CmLoop	   *loop;
	CmAcmeClients clients;
	CmWork	   *running;		/* operations under way */
	CmWork	   *finished;		/* all answered */
	int			in_flight;
	int64		done;			/* steps written, renewals, CRLs */
	TimestampTz next_due;
	TimestampTz prune_at;		/* when old rows of the ledger of exchanges are removed */
	bool		look;			/* ask the tables */
	TimestampTz looked_at;		/* when they were asked last */
	bool		locked;			/* we hold the lock that says an engine lives */
	bool		held;			/* jobs are due that wait for others of their CA to end */
	bool		published;		/* the answers of this database are with the listener */
	bool		paused;			/* the rows belong to somebody else */
};

/* engine_task.c: work without network. Each in transactions of its own. */
extern int	cm_engine_renew(CmEngine *engine, TimestampTz now);	/* how many were tried */
extern void cm_engine_revocation(CmEngine *engine, const CmJobRow *job);	/* CRLs, OCSP signers */
extern void cm_engine_prune(CmEngine *engine, TimestampTz now);	/* in the caller's transaction: old rows of ledgers */
/* engine_lock.c: that an engine lives, by an advisory lock of the session. In a transaction: takes it; the first one gives back the leases of the dead. */
extern void cm_engine_lock(CmEngine *engine);
extern void cm_engine_unlock(CmEngine *engine);

extern int64 cm_engine_done(const CmEngine *engine);
/* Gives the leases of jobs in flight back: others may go on at once. */
extern void cm_engine_release(CmEngine *engine);

#endif
