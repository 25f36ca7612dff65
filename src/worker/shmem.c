/*
 * shmem.c - one slot a database: is a worker wanted there, is one running,
 * when is the next one due. The launcher, the database workers and any session
 * that wakes or blocks them meet here, under one LWLock that is held for a few
 * comparisons only; latches are set after it was released. Nothing here throws
 * once shared memory exists. A crash of the server empties it: all slots are
 * found again by the launcher's scan.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "pg/compat.h"
#include "pg/guc.h"
#include "worker/listener.h"
#include "worker/slot.h"

CmWorkerShared *cm_shared = NULL;
/* The setting as of the start of the server: shared memory does not grow when it is reloaded. */
static int	nslots = 0;
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static Size
shared_size(void)
{
	return add_size(offsetof(CmWorkerShared, slot),
					mul_size(sizeof(CmWorkerSlot), nslots));
}

static void
request_shared(void)
{
	if (previous_request)
		previous_request();
	nslots = cm_guc_max_databases;
	RequestAddinShmemSpace(shared_size());
	RequestNamedLWLockTranche("certmgr_worker", 1);
	cm_listener_shmem_request();
}

static void
startup_shared(void)
{
	bool		found;
	int			i;

	if (previous_startup)
		previous_startup();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	cm_shared = ShmemInitStruct("certmgr worker slots", shared_size(), &found);
	if (!found)
	{
		memset(cm_shared, 0, shared_size());
		cm_shared->lock = &GetNamedLWLockTranche("certmgr_worker")->lock;
		cm_shared->launcher_procno = -1;
		cm_shared->nslots = nslots;
		for (i = 0; i < cm_shared->nslots; i++)
			cm_shared->slot[i].procno = -1;
	}
	cm_listener_shmem_startup();
	LWLockRelease(AddinShmemInitLock);
}

void
cm_shmem_install(void)
{
	previous_request = shmem_request_hook;
	shmem_request_hook = request_shared;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = startup_shared;
}

bool
cm_worker_preloaded(void)
{
	return cm_shared != NULL;
}

int
cm_slot_max(void)
{
	return cm_shared != NULL ? cm_shared->nslots : 0;
}

/*
 * A latch belongs to a PGPROC, not to a process: a process that has ended
 * since we read its number costs somebody else one idle wake-up.
 */
void
cm_slot_latch(int procno)
{
	if (procno >= 0)
		SetLatch(&GetPGProcByNumber(procno)->procLatch);
}

/* ---- finding slots; the lock is held ---- */

CmWorkerSlot *
cm_slot_find(Oid database)
{
	int			i;

	for (i = 0; i < cm_shared->nslots; i++)
	{
		if (cm_shared->slot[i].database == database)
			return &cm_shared->slot[i];
	}
	return NULL;
}

/* Everything but the epoch, which must never come back, and the wake count. */
void
cm_slot_reset(CmWorkerSlot *slot, Oid database)
{
	slot->database = database;
	slot->state = CM_SLOT_UNKNOWN;
	slot->guard = false;
	slot->blockers = 0;
	slot->pid = 0;
	slot->procno = -1;
	slot->failures = 0;
	slot->next_due = DT_NOEND;
	slot->not_before = 0;
	slot->started_at = 0;
	slot->left_at = 0;
	slot->error[0] = '\0';
}

bool
cm_slot_unused(const CmWorkerSlot *slot)
{
	return slot->blockers == 0 && slot->pid == 0 && slot->state != CM_SLOT_STARTING;
}

/*
 * The slot of a database, or a new one for it. What we know of a database
 * that needs no worker is worth less than a slot for one that may.
 */
CmWorkerSlot *
cm_slot_take(Oid database)
{
	CmWorkerSlot *slot = cm_slot_find(database);
	int			i;

	if (slot == NULL)
	{
		slot = cm_slot_find(InvalidOid);
		for (i = 0; slot == NULL && i < cm_shared->nslots; i++)
		{
			CmWorkerSlot *other = &cm_shared->slot[i];

			if (cm_slot_unused(other) && (other->state == CM_SLOT_ABSENT || other->state == CM_SLOT_CLOSED))
				slot = other;
		}
		if (slot != NULL)
			cm_slot_reset(slot, database);
	}
	return slot;
}

/* ---- any process ---- */

/*
 * There is work in this database. Called after a commit, so it must not fail:
 * without a free slot the launcher is told, and logs it.
 */
void
cm_slot_wake(Oid database)
{
	TimestampTz now = GetCurrentTimestamp();
	CmWorkerSlot *slot;
	int			worker = -1;
	int			launcher = -1;

	if (cm_shared == NULL || !OidIsValid(database))
		return;

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	slot = cm_slot_take(database);
	if (slot != NULL)
	{
		slot->guard = false;
		slot->wakes++;
		slot->next_due = now;
		if (slot->state == CM_SLOT_ABSENT || slot->state == CM_SLOT_MISMATCH)
			slot->state = CM_SLOT_UNKNOWN;
		if (slot->state == CM_SLOT_UNKNOWN || slot->state == CM_SLOT_IDLE)
			slot->not_before = 0;
		worker = slot->procno;
	}
	else
		cm_shared->overflow = true;
	if (worker < 0)
		launcher = cm_shared->launcher_procno;
	LWLockRelease(cm_shared->lock);

	cm_slot_latch(worker);
	cm_slot_latch(launcher);
}

/*
 * This transaction wants no worker in the database until its end. A worker
 * that runs gets SIGTERM; one that is being started finds the block when it
 * enters. Whoever needs the database alone waits up to five seconds for
 * others to leave (CountOtherDBBackends), so there is no waiting here.
 *
 * The signal is sent under the lock: the worker takes the lock to leave, so
 * its pid cannot have gone to another process.
 */
int
cm_slot_block(Oid database)
{
	CmWorkerSlot *slot;
	int			result = -1;

	if (cm_shared == NULL || !OidIsValid(database))
		return -1;

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	slot = cm_slot_find(database);
	if (slot == NULL && (slot = cm_slot_take(database)) != NULL)
		slot->guard = true;
	if (slot != NULL)
	{
		slot->blockers++;
		if (slot->pid != 0)
			kill(slot->pid, SIGTERM);
		result = (int) (slot - cm_shared->slot);
	}
	LWLockRelease(cm_shared->lock);
	return result;
}

/*
 * The transaction is over, either way. The launcher finds out what it left: a
 * database, a database without the extension, or nothing.
 */
void
cm_slot_unblock(int number)
{
	CmWorkerSlot *slot = &cm_shared->slot[number];
	int			launcher;

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	Assert(slot->blockers > 0);
	slot->blockers--;
	slot->wakes++;
	if (slot->guard && cm_slot_unused(slot))
		cm_slot_reset(slot, InvalidOid);
	else if (slot->blockers == 0 &&
			 (slot->state == CM_SLOT_UNKNOWN || slot->state == CM_SLOT_IDLE || slot->state == CM_SLOT_CLOSED))
	{
		slot->state = CM_SLOT_UNKNOWN;
		slot->not_before = 0;
		slot->next_due = GetCurrentTimestamp();
	}
	launcher = cm_shared->launcher_procno;
	LWLockRelease(cm_shared->lock);

	cm_slot_latch(launcher);
}

int
cm_worker_launcher_pid(void)
{
	int			pid = 0;

	if (cm_shared != NULL)
	{
		LWLockAcquire(cm_shared->lock, LW_SHARED);
		pid = (int) cm_shared->launcher_pid;
		LWLockRelease(cm_shared->lock);
	}
	return pid;
}

static const char *
state_name(const CmWorkerSlot *slot)
{
	if (slot->blockers > 0)
		return "blocked";
	switch (slot->state)
	{
		case CM_SLOT_UNKNOWN:
			return "unknown";
		case CM_SLOT_STARTING:
			return "starting";
		case CM_SLOT_RUNNING:
			return "running";
		case CM_SLOT_IDLE:
			return "idle";
		case CM_SLOT_ABSENT:
			return "absent";
		case CM_SLOT_MISMATCH:
			return "mismatch";
		case CM_SLOT_CLOSED:
			return "closed";
		case CM_SLOT_BACKOFF:
			return "backoff";
	}
	return "unknown";
}

int
cm_worker_slots(CmWorkerSlotInfo *out, int max)
{
	TimestampTz now = GetCurrentTimestamp();
	int			n = 0;
	int			i;

	if (cm_shared == NULL)
		return 0;

	LWLockAcquire(cm_shared->lock, LW_SHARED);
	for (i = 0; i < cm_shared->nslots && n < max; i++)
	{
		const CmWorkerSlot *slot = &cm_shared->slot[i];
		CmWorkerSlotInfo *info = &out[n];

		if (slot->database == InvalidOid)
			continue;
		info->database = slot->database;
		info->state = state_name(slot);
		info->pid = (int) slot->pid;
		info->next_due = slot->next_due;
		info->not_before = slot->not_before;
		info->started_at = slot->started_at;
		info->failures = slot->failures;
		if (slot->state == CM_SLOT_RUNNING && now >= TimestampTzPlusMilliseconds(slot->started_at, CM_WORKER_HEALTHY_MS))
			info->failures = 0;
		strlcpy(info->error, slot->error, sizeof(info->error));
		n++;
	}
	LWLockRelease(cm_shared->lock);
	return n;
}
