/*
 * lock.c - see lock.h. Backends and the worker; what may fail: a dead lock, a
 * lock_timeout, a full lock table.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pg/lock.h"
#include "storage/lock.h"
#include "utils/inval.h"

static void
acquire(CmLockClass lock_class, int64 id, LOCKMODE mode)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (id >> 32), (uint32) id, lock_class);
	if (LockAcquire(&tag, mode, false, false) != LOCKACQUIRE_ALREADY_HELD)
		AcceptInvalidationMessages();
}

void
cm_lock_share(CmLockClass lock_class, int64 id)
{
	acquire(lock_class, id, ShareLock);
}

void
cm_lock_exclusive(CmLockClass lock_class, int64 id)
{
	acquire(lock_class, id, ExclusiveLock);
}
