/*
 * engine_lock.c - an engine that lives holds a shared advisory lock of its
 * session. Who gets it exclusively knows that no engine of this database is
 * alive, so leases that are still there are of dead ones: their jobs are due
 * now and not when the lease ends.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lock.h"
#include "worker/engine_internal.h"

/* Users' advisory locks have 1 or 2 in the last field; the numbers spell "cert", "mgr". */
#define KEY_1 0x63657274
#define KEY_2 0x6d6772
#define KEY_CLASS 3

void
cm_engine_lock(CmEngine *engine)
{
	LOCKTAG		tag;

	if (engine->locked)
		return;
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, KEY_1, KEY_2, KEY_CLASS);
	if (LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL)
	{
		(void) cm_job_release_all();
		(void) LockAcquire(&tag, ShareLock, true, false);
		(void) LockRelease(&tag, ExclusiveLock, true);
	}
	else
		(void) LockAcquire(&tag, ShareLock, true, false);
	engine->locked = true;
}

void
cm_engine_unlock(CmEngine *engine)
{
	LOCKTAG		tag;

	if (!engine->locked)
		return;
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, KEY_1, KEY_2, KEY_CLASS);
	(void) LockRelease(&tag, ShareLock, true);
	engine->locked = false;
}
