/*
 * slot.h - what the launcher, the database workers and the sessions share:
 * one slot a database under one lock. Holds no pointer, descriptor or handle
 * of a process. Every function locks for a few comparisons and copies only,
 * and none of them throws. For floor 7 only; others look through shmem.h.
 */
#ifndef CM_WORKER_SLOT_H
#define CM_WORKER_SLOT_H

#include "datatype/timestamp.h"
#include "storage/lwlock.h"

#include "worker/shmem.h"

/* A worker that lived this long was healthy: its failure is a new one, not the next of a row. */
#define CM_WORKER_HEALTHY_MS	(60 * 1000)

/*
 * The states of a database, as the launcher knows it.
 *
 *   unknown --> starting --> running --> idle        nothing to do until next_due
 *      ^            |           |------> absent      no extension there: until woken
 *      |            |           |------> mismatch    another version of it: until woken
 *      |            +-----------+------> backoff     it failed: until not_before
 *      +--- (wake, end of a block)       closed      template, or no connections: until not_before
 *
 * "blocked" is shown instead while a transaction wants no worker there.
 */
typedef enum CmSlotState
{
	CM_SLOT_UNKNOWN = 0,
	CM_SLOT_STARTING,
	CM_SLOT_RUNNING,
	CM_SLOT_IDLE,
	CM_SLOT_ABSENT,
	CM_SLOT_MISMATCH,
	CM_SLOT_CLOSED,
	CM_SLOT_BACKOFF
} CmSlotState;

typedef struct CmWorkerSlot
{
	Oid			database;		/* InvalidOid: the slot is free */
	CmSlotState state;
	bool		guard;			/* made by a blocker only: free again after it */
	uint32		epoch;			/* counts starts, also across databases */
	uint32		wakes;			/* counts requests for work */
	int			blockers;		/* transactions that want no worker here */
	pid_t		pid;			/* 0: no worker */
	int			procno;			/* of its PGPROC, for its latch; -1: none */
	int			failures;
	TimestampTz next_due;
	TimestampTz not_before;
	TimestampTz started_at;
	TimestampTz left_at;		/* when the last worker left in good order */
	char		error[CM_WORKER_ERROR_SIZE];
} CmWorkerSlot;

typedef struct CmWorkerShared
{
	LWLock	   *lock;			/* of everything below */
	pid_t		launcher_pid;
	int			launcher_procno;
	uint32		exits;			/* counts workers that ended */
	bool		crowded;		/* a database waits for a worker slot of the server */
	bool		overflow;		/* a database found no slot of ours */
	int			nslots;
	CmWorkerSlot slot[FLEXIBLE_ARRAY_MEMBER];
} CmWorkerShared;

extern CmWorkerShared *cm_shared;	/* NULL without preload */

/* The lock is held by the caller. */
extern CmWorkerSlot *cm_slot_find(Oid database);	/* InvalidOid: a free one */
extern CmWorkerSlot *cm_slot_take(Oid database);
extern void cm_slot_reset(CmWorkerSlot *slot, Oid database);
extern bool cm_slot_unused(const CmWorkerSlot *slot);
extern void cm_slot_latch(int procno);	/* may be called without it as well */

/* A worker to be started, or one that runs: which slot, which database, and which start of it. */
typedef struct CmWorkerStart
{
	int			slot;
	Oid			database;
	uint32		epoch;			/* a worker that finds another epoch in its slot was given up */
	bool		look;			/* nothing is known to be due: look, and leave if that is so */
} CmWorkerStart;

extern void cm_shmem_install(void);

/* Any process. */
extern void cm_slot_wake(Oid database);
extern int	cm_slot_block(Oid database);	/* slot number, or -1 when there is no room */
extern void cm_slot_unblock(int slot);
extern int	cm_slot_max(void);

/* The launcher. */
extern void cm_slot_launcher(bool running);
extern bool cm_slot_place(Oid database);
extern int	cm_slot_databases(Oid *out);
extern void cm_slot_free(Oid database);
extern bool cm_slot_due(TimestampTz now, CmWorkerStart *start);
extern TimestampTz cm_slot_first_due(void);
extern bool cm_slot_starting(CmWorkerStart *start);
extern void cm_slot_not_started(const CmWorkerStart *start);
extern void cm_slot_start_failed(int slot, uint32 epoch);
extern void cm_slot_postpone(Oid database, TimestampTz until);
extern void cm_slot_closed(Oid database, TimestampTz until, const char *error);
extern bool cm_slot_is_starting(int slot, uint32 epoch);
extern void cm_slot_adopt_starts(void);
extern void cm_slot_crowded(bool crowded);
extern uint32 cm_slot_exits(void);
extern bool cm_slot_take_overflow(void);

/* The database worker. */
extern bool cm_slot_enter(const CmWorkerStart *start);
extern uint32 cm_slot_wakes(int slot);
extern bool cm_slot_is_crowded(void);
extern bool cm_slot_leave(const CmWorkerStart *start, CmSlotState state, uint32 wakes, TimestampTz next_due);
extern bool cm_slot_error(int slot, const char *error);
extern void cm_slot_exit(const CmWorkerStart *start, bool failed);

#endif
