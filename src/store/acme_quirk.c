/*
 * acme_quirk.c - see acme_quirk.h. Sessions and engines, in a transaction.
 * A statement trigger of the two tables tells every process to read anew.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "pg/query.h"
#include "pg/table_watch.h"
#include "store/acme_quirk.h"

#define VALUE_MAX 0x10000		/* a quirk has some bytes */

typedef struct Slot
{
	int64		ca_id;
	uint64		config_hash;
	uint64		generation;		/* 0: not filled */
	CmAcmeQuirks quirks;
} Slot;

static HTAB *slots;
static CmTableWatch watch = {{"acme_quirk", "acme_preset"}};

static void
open_cache(void)
{
	cm_table_watch(&watch);
	if (slots == NULL)
		slots = cm_process_table("certmgr ACME quirks", sizeof(int64), sizeof(Slot), HASH_BLOBS);
}

static void
read_quirks(const char *config, CmAcmeQuirks *out)
{
	static CmQuery get = {"SELECT q.key, q.value::text FROM certmgr_private.acme_quirks($1::pg_catalog.jsonb) q", 1, {TEXTOID}};
	CmRows		rows = cm_query_latest(&get, (Datum[]) {cm_datum_text(config)}, NULL);

	cm_acme_quirks_init(out);
	for (int i = 0; i < rows.count; i++)
	{
		char	   *key = cm_rows_text(&rows, i, 0);
		char	   *json = cm_rows_text(&rows, i, 1);
		CmStatus	st = CM_STATUS_INIT;
		CmJson	   *value = cm_json_parse(cm_slice(json, strlen(json)), VALUE_MAX, &st);

		/* Checked when it was stored; a restore from another version may bring what this one does not know. */
		if (value == NULL || !cm_acme_quirks_put(out, key, value, &st))
			ereport(LOG,
					(errmsg("certmgr passes over quirk \"%s\": %s", key, st.reason)));
		cm_json_free(value);
	}
}

void
cm_acme_quirks_load(int64 ca_id, const char *config, CmAcmeQuirks *out)
{
	uint64		hash = hash_bytes_extended((const unsigned char *) config, (int) strlen(config), 0);
	uint64		seen;
	Slot	   *slot;
	bool		found;

	open_cache();
	slot = hash_search(slots, &ca_id, HASH_ENTER, &found);
	if (found && slot->generation == watch.generation && slot->config_hash == hash)
	{
		*out = slot->quirks;
		return;
	}
	slot->generation = 0;
	seen = watch.generation;			/* a change while we read makes what we read old */
	read_quirks(config, out);
	slot = hash_search(slots, &ca_id, HASH_ENTER, &found);
	slot->quirks = *out;
	slot->config_hash = hash;
	slot->generation = seen;
}

CmAcmePreset *
cm_acme_preset_get(const char *name)
{
	static CmQuery get = {
		"SELECT name, title, directory_url, eab_url, retired FROM certmgr.acme_preset WHERE name = $1 ORDER BY shipped LIMIT 1",
		1, {TEXTOID}};
	CmRows		rows = cm_query(&get, (Datum[]) {cm_datum_text(name)}, NULL);
	CmAcmePreset *preset;

	if (rows.count == 0)
		return NULL;
	preset = palloc0(sizeof(CmAcmePreset));
	preset->name = cm_rows_text(&rows, 0, 0);
	preset->title = cm_rows_text(&rows, 0, 1);
	preset->directory_url = cm_rows_text(&rows, 0, 2);
	preset->eab_url = cm_rows_text(&rows, 0, 3);
	preset->retired = cm_rows_text(&rows, 0, 4);
	return preset;
}

char *
cm_acme_preset_names(void)
{
	static CmQuery list = {
		"SELECT pg_catalog.string_agg(DISTINCT name, ', ' ORDER BY name) FROM certmgr.acme_preset WHERE retired IS NULL",
		0, {InvalidOid}};
	CmRows		rows = cm_query(&list, NULL, NULL);

	return cm_rows_text(&rows, 0, 0);
}
