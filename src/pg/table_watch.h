/*
 * table_watch.h - what a process keeps of tables of the extension, and how it
 * learns that they have changed: statement triggers invalidate their relcache
 * entries (function certmgr_invalidate), which every session hears of once that has committed.
 */
#ifndef CM_PG_TABLE_WATCH_H
#define CM_PG_TABLE_WATCH_H

#include "utils/hsearch.h"

#define CM_TABLE_WATCH_MAX 3

/* Static, for the life of the process; only the names are given. */
typedef struct CmTableWatch
{
	const char *tables[CM_TABLE_WATCH_MAX];	/* of schema certmgr; NULLs last */
	Oid			oids[CM_TABLE_WATCH_MAX];
	uint64		generation;		/* another one after each change; never 0 */
} CmTableWatch;

/* Before each look at generation. Throws without the extension. */
extern void cm_table_watch(CmTableWatch *watch);

/* An empty table that lives as long as the process; entries begin with the key. flags: HASH_BLOBS or HASH_STRINGS. */
extern HTAB *cm_process_table(const char *name, Size key_size, Size entry_size, int flags);

#endif
