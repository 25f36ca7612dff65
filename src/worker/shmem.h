/*
 * shmem.h - what anyone may know of the launcher and the database workers.
 * None of these throws; on a server without shared_preload_libraries they
 * find nothing.
 */
#ifndef CM_WORKER_SHMEM_H
#define CM_WORKER_SHMEM_H

#include "datatype/timestamp.h"

/* The extension version this library is made for: the first two numbers of the control file. */
#ifndef CM_SQL_VERSION
#define CM_SQL_VERSION "1.0"
#endif

/* Room for the start of an error message; it is a hint for people, the log has all of it. */
#define CM_WORKER_ERROR_SIZE 200

typedef struct CmWorkerSlotInfo
{
	Oid			database;
	const char *state;			/* static text: a state of slot.h, or "blocked" */
	int			pid;			/* 0: no worker */
	TimestampTz next_due;		/* DT_NOEND: nothing scheduled */
	TimestampTz not_before;		/* 0: no such limit */
	TimestampTz started_at;		/* of the last worker; 0: none yet */
	int			failures;		/* in a row */
	char		error[CM_WORKER_ERROR_SIZE];	/* why it failed or does not run; empty: all is well */
} CmWorkerSlotInfo;

/* Was the library preloaded, so that a launcher can exist? */
extern bool cm_worker_preloaded(void);
/* 0 when the launcher does not run (a standby, or within its five seconds of restart). */
extern int	cm_worker_launcher_pid(void);
/* Copies at most max slots, returns how many. */
extern int	cm_worker_slots(CmWorkerSlotInfo *out, int max);

#endif
