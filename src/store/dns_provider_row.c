/*
 * dns_provider_row.c - see dns_provider_row.h. Sessions and engines, in a
 * transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/dns_provider_row.h"

static CmDnsProviderRow *
get(CmQuery *query, Datum key)
{
	CmRows		rows = cm_query(query, &key, NULL);
	CmDnsProviderRow *row;

	if (rows.count == 0)
		return NULL;
	row = palloc0(sizeof(CmDnsProviderRow));
	row->id = cm_rows_int64(&rows, 0, 0);
	row->name = cm_rows_text(&rows, 0, 1);
	row->type = cm_rows_text(&rows, 0, 2);
	row->config = cm_rows_text(&rows, 0, 3);
	row->secret_id = cm_rows_int64(&rows, 0, 4);
	return row;
}

#define COLUMNS "SELECT id, name, type, config::text, secret_id FROM certmgr.dns_provider WHERE "

CmDnsProviderRow *
cm_dns_provider_get(const char *name)
{
	static CmQuery by_name = {COLUMNS "name = $1 FOR SHARE", 1, {TEXTOID}};

	return get(&by_name, cm_datum_text(name));
}

CmDnsProviderRow *
cm_dns_provider_get_by_id(int64 id)
{
	static CmQuery by_id = {COLUMNS "id = $1", 1, {INT8OID}};

	return get(&by_id, Int64GetDatum(id));
}

int64
cm_dns_provider_insert(const char *name, const char *type, const char *config, int64 secret_id)
{
	static CmQuery insert = {
		"INSERT INTO certmgr.dns_provider (name, type, config, secret_id) VALUES ($1, $2, $3::pg_catalog.jsonb, $4) RETURNING id",
		4, {TEXTOID, TEXTOID, TEXTOID, INT8OID}};
	CmRows		rows = cm_query(&insert, (Datum[]) {cm_datum_text(name), cm_datum_text(type), cm_datum_text(config), Int64GetDatum(secret_id)},
								(bool[]) {false, false, false, secret_id == 0});

	return cm_rows_int64(&rows, 0, 0);
}

char *
cm_dns_provider_in_use(int64 id)
{
	static CmQuery use = {
		"SELECT 'CA \"' || name || '\" uses it.' FROM certmgr.ca WHERE dns_provider_id = $1"
		" UNION ALL SELECT 'Zone \"' || zone || '\" is mapped to it.' FROM certmgr.dns_zone WHERE dns_provider_id = $1"
		" UNION ALL SELECT 'Probe record \"' || name || '\" of a check has not been removed yet.' FROM certmgr.dns_check WHERE dns_provider_id = $1 AND step <> 'done'"
		" UNION ALL SELECT 'TXT record \"' || name || '\" has not been removed yet.' FROM certmgr.dns_record WHERE dns_provider_id = $1 AND state <> 'removed' LIMIT 1",
		1, {INT8OID}};
	CmRows		rows = cm_query(&use, (Datum[]) {Int64GetDatum(id)}, NULL);

	return rows.count == 0 ? NULL : cm_rows_text(&rows, 0, 0);
}

void
cm_dns_provider_set_config(int64 id, const char *config)
{
	static CmQuery set = {"UPDATE certmgr.dns_provider SET config = $2::pg_catalog.jsonb WHERE id = $1", 2, {INT8OID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text(config)}, NULL);
}

void
cm_dns_provider_set_secret(int64 id, int64 secret_id)
{
	static CmQuery set = {"UPDATE certmgr.dns_provider SET secret_id = $2 WHERE id = $1", 2, {INT8OID, INT8OID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), Int64GetDatum(secret_id)}, NULL);
}

void
cm_dns_provider_delete(int64 id)
{
	/* Removed records and finished checks are history only; they must not keep the provider. */
	static CmQuery checks = {"DELETE FROM certmgr.dns_check WHERE dns_provider_id = $1 AND step = 'done'", 1, {INT8OID}};
	static CmQuery records = {"DELETE FROM certmgr.dns_record WHERE dns_provider_id = $1 AND state = 'removed'", 1, {INT8OID}};
	static CmQuery delete = {"DELETE FROM certmgr.dns_provider WHERE id = $1", 1, {INT8OID}};
	Datum		args[] = {Int64GetDatum(id)};

	cm_query(&records, args, NULL);
	cm_query(&checks, args, NULL);
	cm_query(&delete, args, NULL);
}
