/*
 * engine.h - the one thing that does background work: claims due jobs, performs their requests on the event loop, writes the outcomes.
 * Driven by the database worker and, in a session, by CALL certmgr.work().
 * No transaction is open when cm_engine_turn() is called, nor when it returns,
 * nor while it waits.
 */
#ifndef CM_WORKER_ENGINE_H
#define CM_WORKER_ENGINE_H

#include "datatype/timestamp.h"

typedef struct CmEngine CmEngine;

/* In the current memory context, which must outlive it. May ereport(ERROR). */
extern CmEngine *cm_engine_create(void);
extern void cm_engine_destroy(CmEngine *engine);
/*
 * One turn: outcomes of finished requests into rows (a transaction), due jobs
 * claimed and started (a transaction), then waits for the latch, for I/O or
 * for the next due time, at most max_wait_ms. Does CHECK_FOR_INTERRUPTS and
 * ResetLatch. Throws on unexpected errors: the worker then ends.
 */
extern void cm_engine_turn(CmEngine *engine, long max_wait_ms);
/* Only the waiting: until the network, the latch, something due or the time. */
extern void cm_engine_wait(CmEngine *engine, long max_wait_ms);
/* Jobs in flight. */
extern int	cm_engine_in_flight(const CmEngine *engine);
/* When the next job is due, as of the last turn: DT_NOEND when none is scheduled. Jobs in flight do not count. */
extern TimestampTz cm_engine_next_due(const CmEngine *engine);

#endif
