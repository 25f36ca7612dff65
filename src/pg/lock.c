/*
 * lock.c - see lock.h. Backends and the worker; what may fail: a dead lock, a
 * lock_timeout, a full lock table.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "pg/lock.h"
#include "storage/lock.h"
#include "utils/inval.h"

static bool
acquire(CmLockClass lock_class, int64 id, LOCKMODE mode, bool try)
{
	LOCKTAG		tag;
	LockAcquireResult result;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (id >> 32), (uint32) id, lock_class);
	result = LockAcquire(&tag, mode, false, try);
	if (result == LOCKACQUIRE_NOT_AVAIL)
		return false;
	if (result != LOCKACQUIRE_ALREADY_HELD)
		AcceptInvalidationMessages();
	return true;
}

void
cm_lock_share(CmLockClass lock_class, int64 id)
{
	(void) acquire(lock_class, id, ShareLock, false);
}

void
cm_lock_exclusive(CmLockClass lock_class, int64 id)
{
	(void) acquire(lock_class, id, ExclusiveLock, false);
}

bool
cm_lock_try_exclusive(CmLockClass lock_class, int64 id)
{
	return acquire(lock_class, id, ExclusiveLock, true);
}
