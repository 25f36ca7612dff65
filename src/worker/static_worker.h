/*
 * static_worker.h - what the launcher and the listener have in common: both are
 * registered when the server starts, belong to no database and never end by
 * themselves.
 */
#ifndef CM_WORKER_STATIC_WORKER_H
#define CM_WORKER_STATIC_WORKER_H

/* In the postmaster. name: as pg_stat_activity shows it; function: in this library. */
extern void cm_static_worker_register(const char *name, const char *function);
/* First in the process: signals, and the shared catalogs. */
extern void cm_static_worker_begin(const char *name);
/* Once a turn: exits when it was asked for. Were the settings read anew? */
extern bool cm_static_worker_interrupts(void);

#endif
