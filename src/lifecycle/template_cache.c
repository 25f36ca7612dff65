/*
 * template_cache.c - compiled templates, kept per process, so that issuing
 * reads no table and parses no rule. Any change of the table (a statement trigger) makes
 * every session compile anew once it has committed. What was handed out stays
 * until the end of the transaction: a template's function may change the
 * template while it is being used.
 */
#include "postgres.h"

#include "lifecycle/template.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/table_watch.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

typedef struct Slot
{
	int64		id;
	CmTemplateEntry *entry;
} Slot;

static HTAB *entries;
static CmTableWatch watch = {{"template"}};

static void
open_cache(void)
{
	cm_table_watch(&watch);
	if (entries == NULL)
		entries = cm_process_table("certmgr templates", sizeof(int64), sizeof(Slot), HASH_BLOBS);
}

static void
missing(int64 id, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 name != NULL ? errmsg("template \"%s\" does not exist", name) : errmsg("template %lld does not exist", (long long) id),
			 errhint("SELECT name FROM certmgr.template lists them.")));
}

/* Reads and compiles into a context of its own, a child of the caller's until it is whole: an error then leaves nothing behind. */
static CmTemplateEntry *
load(int64 id, const char *name)
{
	CmOwnerScope scope;
	CmTemplateRow row;
	CmTemplateEntry *entry;
	uint64		now = watch.generation;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "certmgr template", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	cm_owner_enter(&scope);
	if (!cm_template_row_get(id, name, &row))
		missing(id, name);
	cm_owner_leave(&scope);
	entry = palloc(sizeof(CmTemplateEntry));
	cm_template_compile(&row, entry);
	entry->context = context;
	entry->generation = now;
	MemoryContextSwitchTo(old);
	return entry;
}

static const CmTemplateEntry *
keep(CmTemplateEntry *entry)
{
	bool		found;
	Slot	   *slot = hash_search(entries, &entry->id, HASH_ENTER, &found);

	if (found)
		MemoryContextSetParent(slot->entry->context, TopTransactionContext);
	MemoryContextSetParent(entry->context, CacheMemoryContext);
	slot->entry = entry;
	return entry;
}

const CmTemplateEntry *
cm_template_get(int64 id)
{
	Slot	   *slot;

	open_cache();
	slot = hash_search(entries, &id, HASH_FIND, NULL);
	if (slot != NULL && slot->entry->generation == watch.generation)
		return slot->entry;
	return keep(load(id, NULL));
}

/* By name seldom: a handful of templates is walked through. */
const CmTemplateEntry *
cm_template_get_by_name(const char *name)
{
	HASH_SEQ_STATUS status;
	Slot	   *slot;

	open_cache();
	hash_seq_init(&status, entries);
	while ((slot = hash_seq_search(&status)) != NULL)
	{
		if (slot->entry->generation == watch.generation && strcmp(slot->entry->name, name) == 0)
		{
			hash_seq_term(&status);
			return slot->entry;
		}
	}
	return keep(load(0, name));
}
