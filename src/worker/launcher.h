/*
 * launcher.h - the entry points of floor 7: what _PG_init calls, and what the
 * postmaster starts.
 */
#ifndef CM_WORKER_LAUNCHER_H
#define CM_WORKER_LAUNCHER_H

/*
 * From _PG_init, in the postmaster, after the GUCs are defined. Asks for
 * shared memory, sets the hooks, registers the launcher. Does nothing under
 * pg_upgrade.
 */
extern void cm_worker_init(void);

/* hooks.c */
extern void cm_hooks_install(void);

/* Found by name in a new background worker. */
extern PGDLLEXPORT void cm_launcher_main(Datum arg);
extern PGDLLEXPORT void cm_database_worker_main(Datum arg);
extern PGDLLEXPORT void cm_listener_main(Datum arg);

#endif
