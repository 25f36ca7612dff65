/*
 * dns_check.c - see dns_check.h. Sessions make the rows, engines do the rest,
 * in a transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/dns_check.h"
#include "utils/timestamp.h"

int64
cm_dns_check_insert(int64 provider_id, const char *name, const char *value)
{
	/* Old results are of no use; those that still have something to remove are. */
	static CmQuery forget = {
		"DELETE FROM certmgr.dns_check WHERE dns_provider_id = $1 AND step = 'done' AND created_at < pg_catalog.now() - interval '1 day'",
		1, {INT8OID}};
	static CmQuery insert = {
		"INSERT INTO certmgr.dns_check (dns_provider_id, step, name, value, step_since, created_at)"
		" VALUES ($1, 'find zone', $2, $3, pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp()) RETURNING id",
		3, {INT8OID, TEXTOID, TEXTOID}};
	CmRows		rows;

	cm_query(&forget, (Datum[]) {Int64GetDatum(provider_id)}, NULL);
	rows = cm_query(&insert, (Datum[]) {Int64GetDatum(provider_id), cm_datum_text(name), cm_datum_text(value)}, NULL);
	return cm_rows_int64(&rows, 0, 0);
}

CmDnsCheckRow *
cm_dns_check_get(int64 id)
{
	static CmQuery get = {
		"SELECT c.id, c.dns_provider_id, c.step, c.name, c.value, c.found_zone, c.zone_id, c.record_id, c.change_id, c.step_since, c.attempts,"
		" c.finished_at IS NOT NULL, NOT EXISTS (SELECT FROM certmgr.dns_check_step s WHERE s.check_id = c.id AND NOT s.ok),"
		" (SELECT s.step || ': ' || s.message FROM certmgr.dns_check_step s WHERE s.check_id = c.id ORDER BY s.ok, CASE WHEN s.ok THEN - s.position ELSE s.position END LIMIT 1)"
		" FROM certmgr.dns_check c WHERE c.id = $1",
		1, {INT8OID}};
	CmRows		rows = cm_query(&get, (Datum[]) {Int64GetDatum(id)}, NULL);
	CmDnsCheckRow *row;

	if (rows.count == 0)
		return NULL;
	row = palloc0(sizeof(CmDnsCheckRow));
	row->id = cm_rows_int64(&rows, 0, 0);
	row->provider_id = cm_rows_int64(&rows, 0, 1);
	row->step = cm_rows_text(&rows, 0, 2);
	row->name = cm_rows_text(&rows, 0, 3);
	row->value = cm_rows_text(&rows, 0, 4);
	row->found_zone = cm_rows_text(&rows, 0, 5);
	row->zone_id = cm_rows_text(&rows, 0, 6);
	row->record_id = cm_rows_text(&rows, 0, 7);
	row->change_id = cm_rows_text(&rows, 0, 8);
	row->step_since = DatumGetTimestampTz(cm_rows_value(&rows, 0, 9));
	row->attempts = DatumGetInt32(cm_rows_value(&rows, 0, 10));
	row->finished = cm_rows_bool(&rows, 0, 11);
	row->ok = cm_rows_bool(&rows, 0, 12);
	row->message = cm_rows_text(&rows, 0, 13);
	return row;
}

void
cm_dns_check_set_step(int64 id, const char *step)
{
	static CmQuery set = {
		"UPDATE certmgr.dns_check SET step = $2, attempts = 0, step_since = pg_catalog.clock_timestamp() WHERE id = $1",
		2, {INT8OID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text(step)}, NULL);
}

void
cm_dns_check_count(int64 id)
{
	static CmQuery set = {"UPDATE certmgr.dns_check SET attempts = attempts + 1 WHERE id = $1", 1, {INT8OID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id)}, NULL);
}

void
cm_dns_check_set_zone(int64 id, const char *zone, const char *zone_id)
{
	static CmQuery set = {
		"UPDATE certmgr.dns_check SET found_zone = $2, zone_id = NULLIF($3, '') WHERE id = $1",
		3, {INT8OID, TEXTOID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text(zone), cm_datum_text(zone_id)}, NULL);
}

void
cm_dns_check_set_record(int64 id, const char *record_id, const char *change_id)
{
	static CmQuery set = {
		"UPDATE certmgr.dns_check SET record_id = NULLIF($2, ''), change_id = NULLIF($3, '') WHERE id = $1",
		3, {INT8OID, TEXTOID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text(record_id), cm_datum_text(change_id)}, NULL);
}

void
cm_dns_check_say(int64 id, const char *step, bool ok, const char *message)
{
	static CmQuery say = {
		"INSERT INTO certmgr.dns_check_step (check_id, position, step, ok, message, at) SELECT $1, COALESCE(pg_catalog.max(position), 0) + 1, $2, $3, $4,"
		" pg_catalog.clock_timestamp() FROM certmgr.dns_check_step WHERE check_id = $1",
		4, {INT8OID, TEXTOID, BOOLOID, TEXTOID}};

	cm_query(&say, (Datum[]) {Int64GetDatum(id), cm_datum_text(step), BoolGetDatum(ok), cm_datum_text(message)}, NULL);
}

void
cm_dns_check_finish(int64 id)
{
	static CmQuery finish = {
		"UPDATE certmgr.dns_check SET finished_at = COALESCE(finished_at, pg_catalog.clock_timestamp()) WHERE id = $1", 1, {INT8OID}};

	cm_query(&finish, (Datum[]) {Int64GetDatum(id)}, NULL);
}
