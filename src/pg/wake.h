/*
 * wake.h - telling the worker that there is something to do, once a
 * transaction, and only when it commits.
 */
#ifndef CM_PG_WAKE_H
#define CM_PG_WAKE_H

/* Called by whoever inserts a job. Cheap; may be called many times. After PREPARE TRANSACTION the launcher's own clock finds the job. */
extern void cm_wake_at_commit(void);
/* What wakes the worker of a database; set by the worker floor when it was preloaded. Called after the commit record is written; must not throw. */
extern void (*cm_wake_hook) (Oid database);

#endif
