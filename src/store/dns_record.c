/*
 * dns_record.c - see dns_record.h. Engines, and certmgr.sweep_dns() in a
 * session, in a transaction. One advisory lock a database orders the decisions
 * about equal records; it is held to the end of the transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/lock.h"
#include "pg/query.h"
#include "pg/wake.h"
#include "store/dns_record.h"
#include "utils/array.h"

void
cm_dns_record_lock(void)
{
	cm_lock_exclusive(CM_LOCK_DNS_RECORD, 0);
}

void
cm_dns_record_plan(int64 provider_id, int64 order_id, const CmDnsRecordRow *record)
{
	static CmQuery plan = {
		"INSERT INTO certmgr.dns_record (dns_provider_id, order_id, challenge_name, name, value, domain, key_authorization, state, created_at, changed_at)"
		" SELECT $1, $2, $3, $3, $4, $5, $6, 'planned', pg_catalog.now(), pg_catalog.now()"
		" WHERE NOT EXISTS (SELECT FROM certmgr.dns_record WHERE order_id = $2 AND challenge_name = $3 AND value = $4)",
		6, {INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};

	cm_dns_record_lock();
	cm_query(&plan, (Datum[]) {Int64GetDatum(provider_id), Int64GetDatum(order_id), cm_datum_text(record->name), cm_datum_text(record->value),
			 cm_datum_text(record->domain), cm_datum_text(record->key_authorization)},
			 (bool[]) {false, false, false, false, record->domain == NULL, record->key_authorization == NULL});
}

CmDnsRecordRow *
cm_dns_record_list(int64 order_id, int *count)
{
	static CmQuery list = {
		"SELECT r.id, r.dns_provider_id, r.challenge_name, r.name, r.followed, r.hops, r.zone, r.zone_id, r.record_id, r.change_id, r.value, r.state,"
		" r.state = 'planned' AND EXISTS (SELECT FROM certmgr.dns_record o WHERE o.state = 'removing' AND o.dns_provider_id = r.dns_provider_id"
		" AND o.name = r.name AND o.value = r.value), r.sent, r.domain, r.key_authorization"
		" FROM certmgr.dns_record r WHERE r.order_id = $1 AND r.state <> 'removed' ORDER BY r.dns_provider_id, r.zone, r.id",
		1, {INT8OID}};
	CmRows		rows = cm_query(&list, (Datum[]) {Int64GetDatum(order_id)}, NULL);
	CmDnsRecordRow *records = palloc0(sizeof(CmDnsRecordRow) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
	{
		records[i].id = cm_rows_int64(&rows, i, 0);
		records[i].provider_id = cm_rows_int64(&rows, i, 1);
		records[i].challenge_name = cm_rows_text(&rows, i, 2);
		records[i].name = cm_rows_text(&rows, i, 3);
		records[i].followed = cm_rows_bool(&rows, i, 4);
		records[i].hops = DatumGetInt32(cm_rows_value(&rows, i, 5));
		records[i].zone = cm_rows_text(&rows, i, 6);
		records[i].zone_id = cm_rows_text(&rows, i, 7);
		records[i].record_id = cm_rows_text(&rows, i, 8);
		records[i].change_id = cm_rows_text(&rows, i, 9);
		records[i].value = cm_rows_text(&rows, i, 10);
		records[i].state = cm_rows_text(&rows, i, 11);
		records[i].busy = cm_rows_bool(&rows, i, 12);
		records[i].sent = cm_rows_bool(&rows, i, 13);
		records[i].domain = cm_rows_text(&rows, i, 14);
		records[i].key_authorization = cm_rows_text(&rows, i, 15);
	}
	*count = rows.count;
	return records;
}

bool
cm_dns_record_set_target(int64 order_id, const char *name, const char *target, int64 provider_id, int hops_max)
{
	static CmQuery set = {
		"UPDATE certmgr.dns_record SET name = COALESCE($3, name), dns_provider_id = $4, followed = $3 IS NULL,"
		" hops = hops + CASE WHEN $3 IS NULL THEN 0 ELSE 1 END, changed_at = pg_catalog.now()"
		" WHERE order_id = $1 AND name = $2 AND state = 'planned' AND zone IS NULL",
		4, {INT8OID, TEXTOID, TEXTOID, INT8OID}};
	static CmQuery undo = {
		"UPDATE certmgr.dns_record SET name = challenge_name, hops = 0"
		" WHERE order_id = $1 AND name = $2 AND state = 'planned' AND zone IS NULL AND hops > 0 AND (challenge_name = name OR hops > $3)",
		3, {INT8OID, TEXTOID, INT4OID}};

	/* Under its new name it may be equal to one that is about to be removed. */
	cm_dns_record_lock();
	cm_query(&set, (Datum[]) {Int64GetDatum(order_id), cm_datum_text(name), cm_datum_text(target), Int64GetDatum(provider_id)},
			 (bool[]) {false, false, target == NULL, false});
	return target == NULL ||
		cm_query(&undo, (Datum[]) {Int64GetDatum(order_id), cm_datum_text(target), Int32GetDatum(hops_max)}, NULL).count == 0;
}

void
cm_dns_record_set_provider(const CmDnsRecordRow *record, int64 provider_id)
{
	static CmQuery set = {
		"UPDATE certmgr.dns_record SET dns_provider_id = $2, followed = false, zone = NULL, zone_id = NULL, last_error = NULL, changed_at = pg_catalog.now()"
		" WHERE id = $1 AND state = 'planned' AND NOT sent"
		" AND NOT EXISTS (SELECT FROM certmgr.dns_record o, certmgr.dns_record r WHERE r.id = $1 AND o.order_id = r.order_id"
		" AND o.challenge_name = r.challenge_name AND o.value = r.value AND o.dns_provider_id = $2) RETURNING id",
		2, {INT8OID, INT8OID}};
	/* It had the record before, perhaps: then that row goes on. */
	static CmQuery again = {
		"INSERT INTO certmgr.dns_record AS n (dns_provider_id, order_id, challenge_name, name, hops, value, domain, key_authorization, state, created_at, changed_at)"
		" SELECT $2, r.order_id, r.challenge_name, r.name, r.hops, r.value, r.domain, r.key_authorization, 'planned', pg_catalog.now(), pg_catalog.now() FROM certmgr.dns_record r WHERE r.id = $1"
		" ON CONFLICT (order_id, challenge_name, value, dns_provider_id) DO UPDATE SET state = 'planned', name = EXCLUDED.name, hops = EXCLUDED.hops,"
		" followed = false, zone = CASE WHEN n.name = EXCLUDED.name THEN n.zone END, zone_id = CASE WHEN n.name = EXCLUDED.name THEN n.zone_id END,"
		" last_error = NULL, changed_at = EXCLUDED.changed_at",
		2, {INT8OID, INT8OID}};
	static CmQuery leave = {
		"UPDATE certmgr.dns_record SET state = CASE WHEN sent THEN 'removing' ELSE 'removed' END, changed_at = pg_catalog.now() WHERE id = $1",
		1, {INT8OID}};
	Datum		args[] = {Int64GetDatum(record->id), Int64GetDatum(provider_id)};

	cm_dns_record_lock();
	if (cm_query(&set, args, NULL).count > 0)
		return;
	cm_query(&again, args, NULL);
	cm_query(&leave, args, NULL);
}

void
cm_dns_record_set_sent(const int64 *ids, int count, bool sent)
{
	static CmQuery set = {"UPDATE certmgr.dns_record SET sent = $2 WHERE id = ANY ($1) AND sent <> $2", 2, {INT8ARRAYOID, BOOLOID}};

	cm_query(&set, (Datum[]) {cm_datum_int8_array(ids, count), BoolGetDatum(sent)}, NULL);
}

void
cm_dns_record_set_zone(int64 order_id, int64 provider_id, const char *name, const char *zone, const char *zone_id)
{
	static CmQuery set = {
		"UPDATE certmgr.dns_record SET zone = $4, zone_id = NULLIF($5, ''), changed_at = pg_catalog.now()"
		" WHERE order_id = $1 AND dns_provider_id = $2 AND name = $3 AND state <> 'removed'",
		5, {INT8OID, INT8OID, TEXTOID, TEXTOID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(order_id), Int64GetDatum(provider_id), cm_datum_text(name), cm_datum_text(zone), cm_datum_text(zone_id)}, NULL);
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
cm_dns_record_set_confirmed(int64 order_id, int64 provider_id, const char *change_id)
{
	static CmQuery set = {
		"UPDATE certmgr.dns_record SET change_id = NULL, changed_at = pg_catalog.now(), last_error = NULL"
		" WHERE order_id = $1 AND dns_provider_id = $2 AND change_id = $3",
		3, {INT8OID, INT8OID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(order_id), Int64GetDatum(provider_id), cm_datum_text(change_id)}, NULL);
}

void
cm_dns_record_set_error(int64 id, const char *error)
{
	static CmQuery set = {"UPDATE certmgr.dns_record SET last_error = $2 WHERE id = $1", 2, {INT8OID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text(error)}, NULL);
}

bool
cm_dns_record_release(const CmDnsRecordRow *record)
{
	/* One that is being removed itself holds nothing in the zone; where no zone is known nothing can be removed. */
	static CmQuery release = {
		"UPDATE certmgr.dns_record r SET changed_at = pg_catalog.now(), state = CASE WHEN NOT r.sent OR r.zone IS NULL OR EXISTS (SELECT FROM certmgr.dns_record o"
		" WHERE o.state IN ('planned', 'present', 'visible') AND o.dns_provider_id = r.dns_provider_id AND o.name = r.name AND o.value = r.value AND o.id <> r.id)"
		" THEN 'removed' ELSE 'removing' END WHERE r.id = $1 RETURNING r.state = 'removing'",
		1, {INT8OID}};
	CmRows		rows;

	cm_dns_record_lock();
	rows = cm_query(&release, (Datum[]) {Int64GetDatum(record->id)}, NULL);
	return rows.count > 0 && cm_rows_bool(&rows, 0, 0);
}

int64
cm_dns_record_sweep(int64 provider_id)
{
	static CmQuery sweep = {
		"WITH left_over AS (SELECT r.order_id FROM certmgr.dns_record r JOIN certmgr.acme_order o ON o.id = r.order_id"
		" WHERE r.state <> 'removed' AND o.step IN ('done', 'failed') AND $1 IN (0, r.dns_provider_id)),"
		" due AS (INSERT INTO certmgr_private.job AS j (kind, target_id, due_at)"
		" SELECT 'acme_cleanup', l.order_id, pg_catalog.clock_timestamp() FROM (SELECT DISTINCT order_id FROM left_over) l"
		" ON CONFLICT (kind, target_id) DO UPDATE SET due_at = LEAST(j.due_at, EXCLUDED.due_at))"
		" SELECT pg_catalog.count(*) FROM left_over",
		1, {INT8OID}};
	CmRows		rows = cm_query(&sweep, (Datum[]) {Int64GetDatum(provider_id)}, NULL);

	cm_wake_at_commit();
	return cm_rows_int64(&rows, 0, 0);
}

void
cm_dns_record_retry(void)
{
	/* Only steps that ask the provider: a CA's Retry-After is kept. Rows are taken in one order, as two sessions may do this. */
	static CmQuery orders = {
		"WITH late AS (SELECT j.id FROM certmgr_private.job j JOIN certmgr.acme_order o ON o.id = j.target_id"
		" WHERE j.kind = 'acme_order' AND j.attempt > 0 AND j.lease_until IS NULL AND o.step IN ('present', 'confirm', 'propagate') ORDER BY j.id FOR UPDATE OF j)"
		" UPDATE certmgr_private.job SET due_at = LEAST(due_at, pg_catalog.clock_timestamp()) FROM late WHERE job.id = late.id",
		0, {0}};

	cm_query(&orders, NULL, NULL);
	(void) cm_dns_record_sweep(0);
}
