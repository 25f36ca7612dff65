/*
 * table_watch.c - see table_watch.h. Any process that has a database; takes no
 * locks.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "pg/table_watch.h"
#include "utils/catcache.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* A handful of CAs and templates; the table grows by itself. */
#define ENTRIES 16

static void
invalidate(Datum arg, Oid relid)
{
	CmTableWatch *watch = (CmTableWatch *) DatumGetPointer(arg);

	if (!OidIsValid(relid))
		watch->generation++;
	for (int i = 0; OidIsValid(relid) && i < CM_TABLE_WATCH_MAX; i++)
	{
		if (relid == watch->oids[i])
			watch->generation++;
	}
}

void
cm_table_watch(CmTableWatch *watch)
{
	Oid			schema = get_namespace_oid("certmgr", false);

	/* Anew each time: the extension may have been dropped and made again. */
	for (int i = 0; i < CM_TABLE_WATCH_MAX && watch->tables[i] != NULL; i++)
		watch->oids[i] = get_relname_relid(watch->tables[i], schema);
	if (watch->generation != 0)
		return;
	CacheRegisterRelcacheCallback(invalidate, PointerGetDatum(watch));
	watch->generation = 1;
}

HTAB *
cm_process_table(const char *name, Size key_size, Size entry_size, int flags)
{
	HASHCTL		control = {0};

	if (CacheMemoryContext == NULL)
		CreateCacheMemoryContext();
	control.hcxt = CacheMemoryContext;
	control.keysize = key_size;
	control.entrysize = entry_size;
	return hash_create(name, ENTRIES, &control, HASH_ELEM | HASH_CONTEXT | flags);
}
