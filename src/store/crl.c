/*
 * crl.c - see crl.h.
 *
 * Runs in backends and in the database worker, as certmgr_owner. Locks the
 * row of the CA while CRLs are signed (not against issuing, which only reads it).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/crl.h"
#include "store/insert.h"
#include "utils/timestamp.h"

/* Of certmgr.crl, in the order of sql/extension/31_crl.sql. */
#define CRL_COLUMNS 10

bool
cm_crl_issuer_lock(int64 id, CmCrlIssuer *out)
{
	static CmQuery query = {
		"SELECT id, name, type, key_id, certificate_id, COALESCE((config->>'crl_lifetime')::interval, interval '7 days'),"
		" COALESCE(config->>'crl_full', 'true') <> 'false', (config->>'delta_crl_lifetime')::interval, config->>'delta_crl_url', config->>'crl_ca_url' IS NOT NULL"
		" FROM certmgr.ca WHERE id = $1 FOR NO KEY UPDATE",
		1, {INT8OID}
	};
	Datum		args[1] = {Int64GetDatum(id)};
	CmRows		rows = cm_query(&query, args, NULL);

	if (rows.count == 0)
		return false;
	memset(out, 0, sizeof(*out));
	out->id = cm_rows_int64(&rows, 0, 0);
	out->name = cm_rows_text(&rows, 0, 1);
	out->type = cm_rows_text(&rows, 0, 2);
	out->key_id = cm_rows_int64(&rows, 0, 3);
	out->certificate_id = cm_rows_int64(&rows, 0, 4);
	out->lifetime = *DatumGetIntervalP(cm_rows_value(&rows, 0, 5));
	out->complete = cm_rows_bool(&rows, 0, 6);
	out->has_delta = !cm_rows_null(&rows, 0, 7);
	if (out->has_delta)
		out->delta_lifetime = *DatumGetIntervalP(cm_rows_value(&rows, 0, 7));
	out->delta_url = cm_rows_text(&rows, 0, 8);
	out->apart = cm_rows_bool(&rows, 0, 9);
	return true;
}

bool
cm_crl_issuer_try_lock(int64 id)
{
	static CmQuery lock = {"SELECT FROM certmgr.ca WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED", 1, {INT8OID}};
	static CmQuery exists = {"SELECT FROM certmgr.ca WHERE id = $1", 1, {INT8OID}};
	Datum		args[1] = {Int64GetDatum(id)};

	return cm_query(&lock, args, NULL).count > 0 || cm_query(&exists, args, NULL).count == 0;
}

/* ---- rows ---- */

/* $2: shard or null; $3: certificate of the issuer or null; $4: what it covers, of one that is no shard. */
#define SCOPE_IS \
	"s.ca_id = $1 AND s.shard IS NOT DISTINCT FROM $2 AND (s.shard IS NOT NULL OR s.covers = $4 AND s.key_id = CASE WHEN $3 IS NULL" \
	" THEN (SELECT a.key_id FROM certmgr.ca a WHERE a.id = $1)" \
	" ELSE (SELECT i.key_id FROM certmgr.issuer i WHERE i.certificate_id = $3 AND i.ca_id = $1) END)"

bool
cm_crl_row_newest(const CmCrlWanted *wanted, CmSlice *der)
{
	static CmQuery query = {
		"SELECT l.der FROM certmgr.crl_scope s JOIN certmgr.crl l ON l.scope_id = s.id WHERE " SCOPE_IS
		" AND (l.base_number IS NOT NULL) = $5 ORDER BY l.number DESC LIMIT 1",
		5, {INT8OID, INT4OID, INT8OID, TEXTOID, BOOLOID}
	};
	CmRows		rows = cm_query(&query, (Datum[]) {Int64GetDatum(wanted->ca_id), Int32GetDatum(wanted->shard), Int64GetDatum(wanted->certificate_id),
								cm_datum_text(cm_crl_covers_name(wanted->covers)), BoolGetDatum(wanted->delta)},
								(bool[]) {false, wanted->shard < 0, wanted->certificate_id == 0, false, false});

	if (rows.count == 0)
		return false;
	*der = cm_rows_slice(&rows, 0, 0);
	return true;
}

bool
cm_crl_scope_exists(const CmCrlWanted *wanted)
{
	static CmQuery query = {"SELECT FROM certmgr.crl_scope s WHERE " SCOPE_IS, 4, {INT8OID, INT4OID, INT8OID, TEXTOID}};

	return cm_query(&query, (Datum[]) {Int64GetDatum(wanted->ca_id), Int32GetDatum(wanted->shard), Int64GetDatum(wanted->certificate_id),
									cm_datum_text(cm_crl_covers_name(wanted->covers))}, (bool[]) {false, wanted->shard < 0, wanted->certificate_id == 0, false}).count > 0;
}

int64
cm_crl_row_last_number(int64 ca_id)
{
	static CmQuery query = {"SELECT number FROM certmgr.crl WHERE ca_id = $1 ORDER BY number DESC LIMIT 1", 1, {INT8OID}};
	CmRows		rows = cm_query_latest(&query, (Datum[]) {Int64GetDatum(ca_id)}, NULL);

	return rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
}

CmSlice *
cm_crl_row_bases(int64 scope_id, TimestampTz at, int *count)
{
	static CmQuery query = {
		"SELECT der FROM certmgr.crl WHERE scope_id = $1 AND base_number IS NULL AND next_update > $2 ORDER BY number",
		2, {INT8OID, TIMESTAMPTZOID}
	};
	CmRows		rows = cm_query_latest(&query, (Datum[]) {Int64GetDatum(scope_id), TimestampTzGetDatum(at)}, NULL);
	CmSlice    *ders = palloc(sizeof(CmSlice) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
		ders[i] = cm_rows_slice(&rows, i, 0);
	*count = rows.count;
	return ders;
}

/* Not by a statement: its plan would hold copies of the list. */
void
cm_crl_row_insert(const CmCrlRow *row, Datum der)
{
	CmInserter	writer;
	Datum		values[CRL_COLUMNS];
	bool		nulls[CRL_COLUMNS] = {false};

	cm_inserter_open(&writer, "crl", CRL_COLUMNS);
	values[0] = Int64GetDatum(cm_inserter_next_id("crl"));
	values[1] = Int64GetDatum(row->ca_id);
	values[2] = Int64GetDatum(row->scope_id);
	values[3] = Int64GetDatum(row->number);
	values[4] = Int64GetDatum(row->base_number);
	nulls[4] = !row->delta;
	values[5] = TimestampTzGetDatum(row->this_update);
	values[6] = TimestampTzGetDatum(row->next_update);
	values[7] = Int64GetDatum(row->entries);
	values[8] = der;
	values[9] = TimestampTzGetDatum(GetCurrentTimestamp());
	cm_inserter_put(&writer, values, nulls);
	cm_inserter_close(&writer);
}

void
cm_crl_row_prune(int64 scope_id)
{
	static CmQuery query = {
		"DELETE FROM certmgr.crl WHERE id IN (SELECT id FROM (SELECT id, pg_catalog.row_number() OVER (PARTITION BY base_number IS NULL ORDER BY number DESC) AS n"
		" FROM certmgr.crl WHERE scope_id = $1) l WHERE n > 3)",
		1, {INT8OID}
	};

	(void) cm_query_now(&query, (Datum[]) {Int64GetDatum(scope_id)}, NULL);
}

void
cm_crl_forget_ca(int64 ca_id)
{
	static CmQuery crl = {"DELETE FROM certmgr.crl WHERE ca_id = $1", 1, {INT8OID}};
	static CmQuery scope = {"DELETE FROM certmgr.crl_scope WHERE ca_id = $1", 1, {INT8OID}};
	static CmQuery change = {"DELETE FROM certmgr_private.crl_change WHERE ca_id = $1", 1, {INT8OID}};
	Datum		args[1] = {Int64GetDatum(ca_id)};

	(void) cm_query(&crl, args, NULL);
	(void) cm_query(&scope, args, NULL);
	(void) cm_query(&change, args, NULL);
}

/* ---- what goes into them ---- */

typedef struct Each
{
	CmRevokedFn fn;
	void	   *arg;
} Each;

static void
revoked(const Datum *values, const bool *nulls, void *arg)
{
	Each	   *each = arg;
	CmRevokedRow row;

	row.serial = cm_slice_of_datum(values[0]);
	row.revoked_at = nulls[1] ? 0 : DatumGetTimestampTz(values[1]);
	row.reason = nulls[2] ? cm_slice(NULL, 0) : cm_slice_of_datum(values[2]);
	row.invalid_since = nulls[3] ? 0 : DatumGetTimestampTz(values[3]);
	each->fn(&row, each->arg);
}

void
cm_crl_revoked_each(int64 ca_id, const CmCrlScope *scope, Datum issuers, TimestampTz alive_since, CmRevokedFn fn, void *arg)
{
	/* The literal state makes the partial indexes usable, whose order this is. */
#define REVOKED \
	"SELECT serial, revoked_at, revocation_reason, invalid_since FROM certmgr.certificate" \
	" WHERE ca_id = $1 AND state = 'revoked' AND not_after >= $2 AND issuer_id = ANY ($3)"
	static CmQuery all = {REVOKED " ORDER BY serial", 3, {INT8OID, TIMESTAMPTZOID, INT8ARRAYOID}};
	static CmQuery ca = {REVOKED " AND is_ca ORDER BY serial", 3, {INT8OID, TIMESTAMPTZOID, INT8ARRAYOID}};
	static CmQuery user = {REVOKED " AND NOT is_ca ORDER BY serial", 3, {INT8OID, TIMESTAMPTZOID, INT8ARRAYOID}};
	static CmQuery sharded = {REVOKED " AND shard = $4 ORDER BY serial", 4, {INT8OID, TIMESTAMPTZOID, INT8ARRAYOID, INT4OID}};
	Datum		args[4] = {Int64GetDatum(ca_id), TimestampTzGetDatum(alive_since), issuers, Int32GetDatum(scope->shard)};
	Each		each = {fn, arg};
	CmQuery    *query = scope->shard >= 0 ? &sharded : scope->covers == CM_CRL_CA ? &ca : scope->covers == CM_CRL_USER ? &user : &all;

	(void) cm_query_each(query, args, NULL, revoked, &each);
}

bool
cm_crl_is_released(int64 ca_id, CmSlice serial)
{
	static CmQuery query = {"SELECT FROM certmgr.certificate WHERE ca_id = $1 AND serial = $2 AND state = 'issued'", 2, {INT8OID, BYTEAOID}};

	return cm_query_latest(&query, (Datum[]) {Int64GetDatum(ca_id), cm_datum_bytea(serial.data, serial.len)}, NULL).count > 0;
}

/* ---- changes ---- */

void
cm_crl_change_put(int64 ca_id, const CmCrlChange *change)
{
	static CmQuery put = {
		"INSERT INTO certmgr_private.crl_change (ca_id, shard, event, certificate_id, subscriber_id, is_ca) VALUES ($1, $2, $3, $4, $5, $6)",
		6, {INT8OID, INT4OID, TEXTOID, INT8OID, INT8OID, BOOLOID}
	};

	(void) cm_query(&put, (Datum[]) {Int64GetDatum(ca_id), Int32GetDatum(change->shard), cm_datum_text(change->event),
									 Int64GetDatum(change->certificate_id), Int64GetDatum(change->subscriber_id), BoolGetDatum(change->is_ca)},
					(bool[]) {false, change->shard < 0, change->event == NULL, change->certificate_id == 0, change->subscriber_id == 0, false});
}

CmCrlChange *
cm_crl_changes_take(int64 ca_id, int *count)
{
	static CmQuery take = {
		"DELETE FROM certmgr_private.crl_change WHERE ca_id = $1 RETURNING shard, event, certificate_id, subscriber_id, is_ca",
		1, {INT8OID}
	};
	CmRows		rows = cm_query_now(&take, (Datum[]) {Int64GetDatum(ca_id)}, NULL);
	CmCrlChange *changes = palloc(sizeof(CmCrlChange) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
	{
		changes[i].shard = cm_rows_null(&rows, i, 0) ? -1 : DatumGetInt32(cm_rows_value(&rows, i, 0));
		changes[i].event = cm_rows_text(&rows, i, 1);
		changes[i].certificate_id = cm_rows_int64(&rows, i, 2);
		changes[i].subscriber_id = cm_rows_int64(&rows, i, 3);
		changes[i].is_ca = cm_rows_bool(&rows, i, 4);
	}
	*count = rows.count;
	return changes;
}

void
cm_crl_changes_schedule(void)
{
	/* A step a CA, not a row: however many revocations wait. */
#define WAITING \
	"WITH RECURSIVE c (ca_id, at) AS (" \
	"(SELECT ca_id, at FROM certmgr_private.crl_change ORDER BY ca_id, at LIMIT 1)" \
	" UNION ALL SELECT n.ca_id, n.at FROM c, LATERAL" \
	" (SELECT x.ca_id, x.at FROM certmgr_private.crl_change x WHERE x.ca_id > c.ca_id ORDER BY x.ca_id, x.at LIMIT 1) n)," \
	" w (ca_id, due_at) AS (SELECT c.ca_id, c.at + COALESCE((a.config->>'crl_delay')::interval, interval '5 seconds') FROM c JOIN certmgr.ca a ON a.id = c.ca_id)"
	/* One that failed waits its time; one that runs is looked at again when it is done; one that a session has locked gets due by that. */
	static CmQuery sooner = {
		WAITING ", early AS (SELECT j.id, w.due_at FROM certmgr_private.job j JOIN w ON j.kind = 'crl' AND j.target_id = w.ca_id"
		" WHERE j.due_at > w.due_at AND j.attempt = 0 AND j.lease_until IS NULL FOR UPDATE OF j SKIP LOCKED)"
		" UPDATE certmgr_private.job SET due_at = early.due_at FROM early WHERE job.id = early.id",
		0, {InvalidOid}
	};
	static CmQuery schedule = {
		WAITING " INSERT INTO certmgr_private.job (kind, target_id, due_at) SELECT 'crl', w.ca_id, w.due_at FROM w"
		" WHERE NOT EXISTS (SELECT FROM certmgr_private.job j WHERE j.kind = 'crl' AND j.target_id = w.ca_id) ON CONFLICT (kind, target_id) DO NOTHING",
		0, {InvalidOid}
	};

	(void) cm_query(&sooner, NULL, NULL);
	(void) cm_query(&schedule, NULL, NULL);
}
