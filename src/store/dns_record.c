/*
 * dns_record.c - see dns_record.h. Engines only, in a transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/dns_record.h"

void
cm_dns_record_plan(int64 provider_id, int64 order_id, const char *name, const char *value)
{
	static CmQuery plan = {
		"INSERT INTO certmgr.dns_record (dns_provider_id, order_id, name, value, state, created_at, changed_at)"
		" VALUES ($1, $2, $3, $4, 'planned', pg_catalog.now(), pg_catalog.now()) ON CONFLICT (order_id, name, value) DO NOTHING",
		4, {INT8OID, INT8OID, TEXTOID, TEXTOID}};

	cm_query(&plan, (Datum[]) {Int64GetDatum(provider_id), Int64GetDatum(order_id), cm_datum_text(name), cm_datum_text(value)}, NULL);
}

CmDnsRecordRow *
cm_dns_record_list(int64 order_id, int *count)
{
	static CmQuery list = {
		"SELECT r.id, r.dns_provider_id, r.zone, r.zone_id, r.record_id, r.change_id, r.name, r.value, r.state, EXISTS (SELECT FROM certmgr.dns_record o"
		" WHERE o.state <> 'removed' AND o.name = r.name AND o.value = r.value AND o.order_id <> r.order_id)"
		" FROM certmgr.dns_record r WHERE r.order_id = $1 AND r.state <> 'removed' ORDER BY r.zone, r.id",
		1, {INT8OID}};
	CmRows		rows = cm_query(&list, (Datum[]) {Int64GetDatum(order_id)}, NULL);
	CmDnsRecordRow *records = palloc0(sizeof(CmDnsRecordRow) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
	{
		records[i].id = cm_rows_int64(&rows, i, 0);
		records[i].provider_id = cm_rows_int64(&rows, i, 1);
		records[i].zone = cm_rows_text(&rows, i, 2);
		records[i].zone_id = cm_rows_text(&rows, i, 3);
		records[i].record_id = cm_rows_text(&rows, i, 4);
		records[i].change_id = cm_rows_text(&rows, i, 5);
		records[i].name = cm_rows_text(&rows, i, 6);
		records[i].value = cm_rows_text(&rows, i, 7);
		records[i].state = cm_rows_text(&rows, i, 8);
		records[i].shared = cm_rows_bool(&rows, i, 9);
	}
	*count = rows.count;
	return records;
}

void
cm_dns_record_set_zone(int64 order_id, const char *name, const char *zone, const char *zone_id)
{
	static CmQuery set = {
		"UPDATE certmgr.dns_record SET zone = $3, zone_id = NULLIF($4, ''), changed_at = pg_catalog.now()"
		" WHERE order_id = $1 AND name = $2 AND state <> 'removed'",
		4, {INT8OID, TEXTOID, TEXTOID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(order_id), cm_datum_text(name), cm_datum_text(zone), cm_datum_text(zone_id)}, NULL);
}

void
cm_dns_record_set_state(int64 id, const char *state)
{
	static CmQuery set = {"UPDATE certmgr.dns_record SET state = $2, changed_at = pg_catalog.now(), last_error = NULL WHERE id = $1", 2, {INT8OID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text(state)}, NULL);
}

void
cm_dns_record_set_present(int64 id, const char *record_id, const char *change_id)
{
	static CmQuery set = {
		"UPDATE certmgr.dns_record SET state = 'present', record_id = COALESCE(NULLIF($2, ''), record_id), change_id = NULLIF($3, ''),"
		" changed_at = pg_catalog.now(), last_error = NULL WHERE id = $1",
		3, {INT8OID, TEXTOID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text(record_id), cm_datum_text(change_id)}, NULL);
}

void
cm_dns_record_set_confirmed(int64 order_id, const char *change_id)
{
	static CmQuery set = {
		"UPDATE certmgr.dns_record SET change_id = NULL, changed_at = pg_catalog.now(), last_error = NULL WHERE order_id = $1 AND change_id = $2",
		2, {INT8OID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(order_id), cm_datum_text(change_id)}, NULL);
}

void
cm_dns_record_set_error(int64 id, const char *error)
{
	static CmQuery set = {"UPDATE certmgr.dns_record SET last_error = $2 WHERE id = $1", 2, {INT8OID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text(error)}, NULL);
}
