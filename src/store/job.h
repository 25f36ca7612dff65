/*
 * job.h - work for the worker: one live row an object (table certmgr_private.job).
 */
#ifndef CM_STORE_JOB_H
#define CM_STORE_JOB_H

#include "datatype/timestamp.h"

/* Makes a job due at that time, or an existing one due no later; wakes the worker when this transaction commits. */
extern void cm_job_put(const char *kind, int64 target_id, TimestampTz due_at);

typedef struct CmJobRow
{
	int64		id;
	char		kind[24];
	int64		target_id;
	int64		lane;			/* ACME account, 0: none */
	int64		holder;			/* subscriber, 0: none */
	TimestampTz due_at;			/* as claimed */
	int			attempt;
	TimestampTz failing_since;	/* the first of those attempts; 0: none failed */
	int64		lease_epoch;
} CmJobRow;

/* Due jobs that are not leased: the oldest ones, and the newest ones. Not locked. */
extern CmJobRow *cm_job_due(TimestampTz now, int oldest, int newest, int *count);
/* How far the holders had their turn. */
typedef struct CmJobTurn
{
	int64		lane;
	int64		holder;
} CmJobTurn;
#define CM_JOB_TURN_FIRST {-1, -1}
/* The oldest due job of each of the next so many holders (of that lane); moves the turn on, after the last one to the first. */
extern CmJobRow *cm_job_due_in_turn(TimestampTz now, CmJobTurn *turn, int holders, int *count);
/* Claims these, as far as they are still due and not leased (FOR UPDATE SKIP LOCKED), until lease_until. Array in the current context. */
extern CmJobRow *cm_job_claim(TimestampTz now, TimestampTz lease_until, const int64 *ids, int id_count, int *count);
/* One that is not leased is due later. */
extern void cm_job_park(int64 id, TimestampTz until);
/*
 * Outcomes; all carry the lease: false when it was lost, then the caller's
 * result must not be written. finish: the job is gone. again: due later (attempt
 * is kept, or reset to 0 when progress). fail: one attempt more than the job has, reason kept. A job that was made due earlier meanwhile keeps
 * the earlier time.
 */
extern bool cm_job_finish(const CmJobRow *job);
extern bool cm_job_again(const CmJobRow *job, TimestampTz due_at, bool progress);
extern bool cm_job_fail(const CmJobRow *job, TimestampTz due_at, const char *reason);
/* The same, for a reason of ours: nobody has failed. */
extern bool cm_job_hinder(const CmJobRow *job, TimestampTz due_at, const char *reason);
/* Is the object's job leased, so that something of it may be under way? */
extern bool cm_job_in_flight(const char *kind, int64 target_id, TimestampTz now);
/* Keeps the lease at least until then, or as long as lease_until; false when it was lost. The row stays locked to the end of the transaction. */
extern bool cm_job_hold(const CmJobRow *job, TimestampTz at_least, TimestampTz lease_until);
/* Gives the lease back, due now: nothing was done, or nothing is known. */
extern bool cm_job_release(const CmJobRow *job);
/* Gives the lease back, due at that time, unless somebody has the row locked: then the lease runs out. Waits for nobody. */
extern void cm_job_yield(const CmJobRow *job, TimestampTz due_at);
/* Gives all leases back, when no engine of this database lives. Returns how many. */
extern int	cm_job_release_all(void);
/* When the next unleased job is due (or a lease ends); DT_NOEND when there is none. */
extern TimestampTz cm_job_next_due(void);

#endif
