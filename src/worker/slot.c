/*
 * slot.c - the life of one slot, as its two keepers write it: the launcher
 * (place, start, give up, postpone) and the database worker (enter, leave,
 * fail, exit). Same lock and same rules as shmem.c: nothing throws, nothing
 * waits but for the lock.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "pg/compat.h"
#include "worker/slot.h"

/* A worker's way out and back in takes milliseconds; a second keeps one that always finds the same overdue work from spinning. */
#define RESTART_PAUSE_MS		1000
/* Back-off of a failing worker: as long as a person would wait before looking, at most as long as one would accept to be down after the cause is gone. */
#define BACKOFF_FIRST_MS		1000
#define BACKOFF_MAX_MS			(5 * 60 * 1000)
/* Work nobody woke us for (a prepared transaction that was committed, a restored table) is found after this time: one worker of a few milliseconds. */
#define LOOK_MS					(60 * 1000)

/* When a worker is to be started; DT_NOEND for never, as things stand. */
static TimestampTz
start_time(const CmWorkerSlot *slot)
{
	if (slot->database == InvalidOid || slot->blockers > 0)
		return DT_NOEND;
	switch (slot->state)
	{
		case CM_SLOT_UNKNOWN:
		case CM_SLOT_CLOSED:
		case CM_SLOT_BACKOFF:
			return slot->not_before;
		case CM_SLOT_IDLE:
			return Max(slot->not_before, Min(slot->next_due, TimestampTzPlusMilliseconds(slot->left_at, LOOK_MS)));
		case CM_SLOT_STARTING:
		case CM_SLOT_RUNNING:
		case CM_SLOT_ABSENT:
		case CM_SLOT_MISMATCH:
			break;
	}
	return DT_NOEND;
}

static void
note_failure(CmWorkerSlot *slot, TimestampTz now)
{
	int64		pause = BACKOFF_FIRST_MS;
	int			i;

	if (slot->started_at != 0 && now >= TimestampTzPlusMilliseconds(slot->started_at, CM_WORKER_HEALTHY_MS))
		slot->failures = 0;
	for (i = 0; i < slot->failures && pause < BACKOFF_MAX_MS; i++)
		pause *= 2;
	slot->failures++;
	slot->state = CM_SLOT_BACKOFF;
	slot->not_before = TimestampTzPlusMilliseconds(now, Min(pause, BACKOFF_MAX_MS));
}

/* The slot of a start, if it is still that start's. */
static CmWorkerSlot *
slot_of(const CmWorkerStart *start)
{
	CmWorkerSlot *slot = &cm_shared->slot[start->slot];

	return slot->database == start->database && slot->epoch == start->epoch ? slot : NULL;
}

/* ---- the launcher ---- */

void
cm_slot_launcher(bool running)
{
	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	cm_shared->launcher_pid = running ? MyProcPid : 0;
	cm_shared->launcher_procno = running ? cm_my_procno() : -1;
	LWLockRelease(cm_shared->lock);
}

/* A database the scan saw. False when there is no room for it now. */
bool
cm_slot_place(Oid database)
{
	CmWorkerSlot *slot;

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	slot = cm_slot_take(database);
	if (slot != NULL)
		slot->guard = false;
	LWLockRelease(cm_shared->lock);
	return slot != NULL;
}

/* The databases that have a slot; room for cm_slot_max() of them. */
int
cm_slot_databases(Oid *out)
{
	int			n = 0;
	int			i;

	LWLockAcquire(cm_shared->lock, LW_SHARED);
	for (i = 0; i < cm_shared->nslots; i++)
	{
		if (cm_shared->slot[i].database != InvalidOid)
			out[n++] = cm_shared->slot[i].database;
	}
	LWLockRelease(cm_shared->lock);
	return n;
}

/* The database is gone. A slot somebody still holds is freed by a later scan. */
void
cm_slot_free(Oid database)
{
	CmWorkerSlot *slot;

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	slot = cm_slot_find(database);
	if (slot != NULL && cm_slot_unused(slot))
		cm_slot_reset(slot, InvalidOid);
	LWLockRelease(cm_shared->lock);
}

/* The database that has waited longest for a worker, if any waits. */
bool
cm_slot_due(TimestampTz now, CmWorkerStart *start)
{
	TimestampTz first = DT_NOEND;
	int			found = -1;
	int			i;

	LWLockAcquire(cm_shared->lock, LW_SHARED);
	for (i = 0; i < cm_shared->nslots; i++)
	{
		TimestampTz t = start_time(&cm_shared->slot[i]);

		if (t <= now && t < first)
		{
			first = t;
			found = i;
		}
	}
	if (found >= 0)
	{
		const CmWorkerSlot *slot = &cm_shared->slot[found];

		memset(start, 0, sizeof(*start));
		start->slot = found;
		start->database = slot->database;
		start->look = slot->state == CM_SLOT_IDLE && slot->next_due > now;
	}
	LWLockRelease(cm_shared->lock);
	return found >= 0;
}

/* When cm_slot_due() will find one, unless something changes. */
TimestampTz
cm_slot_first_due(void)
{
	TimestampTz first = DT_NOEND;
	int			i;

	LWLockAcquire(cm_shared->lock, LW_SHARED);
	for (i = 0; i < cm_shared->nslots; i++)
		first = Min(first, start_time(&cm_shared->slot[i]));
	LWLockRelease(cm_shared->lock);
	return first;
}

/* About to be started: gives the start its epoch. False when it is not wanted any more. */
bool
cm_slot_starting(CmWorkerStart *start)
{
	CmWorkerSlot *slot = &cm_shared->slot[start->slot];
	bool		wanted;

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	wanted = slot->database == start->database && start_time(slot) != DT_NOEND;
	if (wanted)
	{
		slot->state = CM_SLOT_STARTING;
		start->epoch = ++slot->epoch;
	}
	LWLockRelease(cm_shared->lock);
	return wanted;
}

/* The server had no worker slot free: not this database's fault, so no back-off, and due as before. */
void
cm_slot_not_started(const CmWorkerStart *start)
{
	CmWorkerSlot *slot;

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	slot = slot_of(start);
	if (slot != NULL && slot->state == CM_SLOT_STARTING)
	{
		slot->state = CM_SLOT_UNKNOWN;
		strlcpy(slot->error, "no background worker slot is free, see max_worker_processes", sizeof(slot->error));
	}
	LWLockRelease(cm_shared->lock);
}

/* The process of this start is gone and never entered its slot. Does nothing if it did. */
void
cm_slot_start_failed(int number, uint32 epoch)
{
	CmWorkerSlot *slot = &cm_shared->slot[number];

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	if (slot->state == CM_SLOT_STARTING && slot->epoch == epoch)
	{
		slot->started_at = 0;
		note_failure(slot, GetCurrentTimestamp());
		strlcpy(slot->error, "the worker process could not be started, see the server log", sizeof(slot->error));
	}
	LWLockRelease(cm_shared->lock);
}

/* Somebody has the database locked: look again then. */
void
cm_slot_postpone(Oid database, TimestampTz until)
{
	CmWorkerSlot *slot;

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	slot = cm_slot_find(database);
	if (slot != NULL)
		slot->not_before = until;
	LWLockRelease(cm_shared->lock);
}

/* No worker may or should connect. */
void
cm_slot_closed(Oid database, TimestampTz until, const char *error)
{
	CmWorkerSlot *slot;

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	slot = cm_slot_find(database);
	if (slot != NULL && cm_slot_unused(slot))
	{
		slot->state = CM_SLOT_CLOSED;
		slot->not_before = until;
		strlcpy(slot->error, error, sizeof(slot->error));
	}
	LWLockRelease(cm_shared->lock);
}

bool
cm_slot_is_starting(int number, uint32 epoch)
{
	bool		result;

	LWLockAcquire(cm_shared->lock, LW_SHARED);
	result = cm_shared->slot[number].state == CM_SLOT_STARTING && cm_shared->slot[number].epoch == epoch;
	LWLockRelease(cm_shared->lock);
	return result;
}

/*
 * A new launcher cannot ask what became of the starts of the one before it:
 * it gives them up, by their epoch, and starts again.
 */
void
cm_slot_adopt_starts(void)
{
	int			i;

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < cm_shared->nslots; i++)
	{
		CmWorkerSlot *slot = &cm_shared->slot[i];

		if (slot->state == CM_SLOT_STARTING)
		{
			slot->epoch++;
			slot->state = CM_SLOT_UNKNOWN;
			slot->not_before = 0;
		}
	}
	LWLockRelease(cm_shared->lock);
}

/* While databases wait for a worker slot of the server, idle workers do not stay. */
void
cm_slot_crowded(bool crowded)
{
	int			i;

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	if (crowded && !cm_shared->crowded)
	{
		for (i = 0; i < cm_shared->nslots; i++)
			cm_slot_latch(cm_shared->slot[i].procno);
	}
	cm_shared->crowded = crowded;
	LWLockRelease(cm_shared->lock);
}

uint32
cm_slot_exits(void)
{
	uint32		exits;

	LWLockAcquire(cm_shared->lock, LW_SHARED);
	exits = cm_shared->exits;
	LWLockRelease(cm_shared->lock);
	return exits;
}

/* Did a database find no slot since the last call? */
bool
cm_slot_take_overflow(void)
{
	bool		overflow;

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	overflow = cm_shared->overflow;
	cm_shared->overflow = false;
	LWLockRelease(cm_shared->lock);
	return overflow;
}

/* ---- the database worker ---- */

/*
 * To be called before signals are unblocked: from here on whoever blocks the
 * database finds our pid. False: leave at once, we are not wanted. Then
 * nothing was entered and there is nothing to undo.
 */
bool
cm_slot_enter(const CmWorkerStart *start)
{
	CmWorkerSlot *slot;
	bool		entered = false;
	int			launcher = -1;

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	slot = slot_of(start);
	if (slot != NULL && slot->state == CM_SLOT_STARTING)
	{
		if (slot->blockers == 0)
		{
			slot->state = CM_SLOT_RUNNING;
			slot->pid = MyProcPid;
			slot->procno = cm_my_procno();
			slot->started_at = GetCurrentTimestamp();
			entered = true;
		}
		else
			slot->state = CM_SLOT_UNKNOWN;	/* the end of the block makes it due */
		launcher = cm_shared->launcher_procno;
	}
	LWLockRelease(cm_shared->lock);

	if (!entered)
		cm_slot_latch(launcher);
	return entered;
}

uint32
cm_slot_wakes(int number)
{
	uint32		wakes;

	LWLockAcquire(cm_shared->lock, LW_SHARED);
	wakes = cm_shared->slot[number].wakes;
	LWLockRelease(cm_shared->lock);
	return wakes;
}

bool
cm_slot_is_crowded(void)
{
	bool		crowded;

	LWLockAcquire(cm_shared->lock, LW_SHARED);
	crowded = cm_shared->crowded;
	LWLockRelease(cm_shared->lock);
	return crowded;
}

/*
 * The worker is about to leave in good order. False when somebody asked for
 * work since it last looked: then it must stay, or the request is lost.
 */
bool
cm_slot_leave(const CmWorkerStart *start, CmSlotState state, uint32 wakes, TimestampTz next_due)
{
	CmWorkerSlot *slot;
	bool		left = true;

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	slot = slot_of(start);
	if (slot != NULL)
	{
		if (slot->wakes != wakes && slot->blockers == 0)
			left = false;
		else
		{
			TimestampTz now = GetCurrentTimestamp();

			slot->state = slot->blockers > 0 ? CM_SLOT_UNKNOWN : state;
			slot->next_due = next_due;
			slot->left_at = now;
			slot->not_before = TimestampTzPlusMilliseconds(now, RESTART_PAUSE_MS);
			slot->pid = 0;
			slot->procno = -1;
			slot->failures = 0;
			if (state != CM_SLOT_MISMATCH)
				slot->error[0] = '\0';
		}
	}
	LWLockRelease(cm_shared->lock);
	return left;
}

/* Why the database has no healthy worker; true when that is news. */
bool
cm_slot_error(int number, const char *error)
{
	CmWorkerSlot *slot = &cm_shared->slot[number];
	char		message[CM_WORKER_ERROR_SIZE];
	bool		news;

	strlcpy(message, error, sizeof(message));
	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	news = strcmp(slot->error, message) != 0;
	if (news)
		strlcpy(slot->error, message, sizeof(slot->error));
	LWLockRelease(cm_shared->lock);
	return news;
}

/*
 * The process ends, for whatever reason. One that left in good order has no
 * pid in its slot any more. One that was told to go (SIGTERM) did not fail.
 */
void
cm_slot_exit(const CmWorkerStart *start, bool failed)
{
	TimestampTz now = GetCurrentTimestamp();
	CmWorkerSlot *slot;
	int			launcher;

	LWLockAcquire(cm_shared->lock, LW_EXCLUSIVE);
	slot = slot_of(start);
	if (slot != NULL && slot->pid == MyProcPid)
	{
		slot->pid = 0;
		slot->procno = -1;
		if (failed && slot->blockers == 0)
			note_failure(slot, now);
		else
		{
			slot->state = CM_SLOT_UNKNOWN;
			slot->next_due = now;
			slot->not_before = 0;
		}
	}
	cm_shared->exits++;
	launcher = cm_shared->launcher_procno;
	LWLockRelease(cm_shared->lock);

	cm_slot_latch(launcher);
}
