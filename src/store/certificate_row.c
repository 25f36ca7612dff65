/*
 * certificate_row.c - see certificate_row.h.
 *
 * Runs in backends, in the caller's transaction, as certmgr_owner. Locks the
 * row of the certificate when asked to; under REPEATABLE READ a row that
 * changed meanwhile is a serialization failure.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/certificate_row.h"
#include "utils/timestamp.h"

/* Of a certificate c and its subscriber s. */
#define ROW_OWNER "CASE WHEN c.subscriber_id IS NULL AND c.template_id IS NOT NULL THEN c.requested_by ELSE s.owner END"

#define ROW_COLUMNS \
	"SELECT c.id, c.ca_id, c.issuer_id, c.subscriber_id, c.state, c.source, c.subject, c.key_algorithm, c.status_message, c.not_after," \
	" c.revoked_at, c.revocation_reason, a.name, a.type, s.name," \
	" " ROW_OWNER ", b.der, b.chain, b.spki, b.sealed_key, c.shard, c.is_ca, a.key_id IS NOT NULL" \
	" FROM certmgr.certificate c" \
	" LEFT JOIN certmgr.certificate_body b ON b.certificate_id = c.id" \
	" LEFT JOIN certmgr.ca a ON a.id = c.ca_id" \
	" LEFT JOIN certmgr.subscriber s ON s.id = c.subscriber_id" \
	" WHERE c.id = $1"

bool
cm_certificate_row_access(int64 id, CmCertificateAccess *out)
{
	static CmQuery query = {
		"SELECT c.source, " ROW_OWNER " FROM certmgr.certificate c LEFT JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE c.id = $1",
		1, {INT8OID}
	};
	CmRows		rows = cm_query(&query, (Datum[]) {Int64GetDatum(id)}, NULL);

	if (rows.count == 0)
		return false;
	out->source = cm_rows_text(&rows, 0, 0);
	out->owner = cm_rows_text(&rows, 0, 1);
	return true;
}

CmCertificateRow *
cm_certificate_row_get(int64 id, bool lock)
{
	static CmQuery plain = {ROW_COLUMNS, 1, {INT8OID}};
	static CmQuery locked = {ROW_COLUMNS " FOR UPDATE OF c", 1, {INT8OID}};
	Datum		args[1] = {Int64GetDatum(id)};
	CmRows		rows = cm_query(lock ? &locked : &plain, args, NULL);
	CmCertificateRow *row;

	if (rows.count == 0)
		return NULL;
	row = palloc0(sizeof(CmCertificateRow));
	row->id = cm_rows_int64(&rows, 0, 0);
	row->ca_id = cm_rows_int64(&rows, 0, 1);
	row->issuer_id = cm_rows_int64(&rows, 0, 2);
	row->subscriber_id = cm_rows_int64(&rows, 0, 3);
	row->state = cm_rows_text(&rows, 0, 4);
	row->source = cm_rows_text(&rows, 0, 5);
	row->subject = cm_rows_text(&rows, 0, 6);
	row->key_algorithm = cm_rows_text(&rows, 0, 7);
	row->status_message = cm_rows_text(&rows, 0, 8);
	row->not_after = cm_rows_time(&rows, 0, 9, DT_NOEND);
	row->revoked_at = cm_rows_time(&rows, 0, 10, 0);
	row->revocation_reason = cm_rows_text(&rows, 0, 11);
	row->ca_name = cm_rows_text(&rows, 0, 12);
	row->ca_type = cm_rows_text(&rows, 0, 13);
	row->subscriber = cm_rows_text(&rows, 0, 14);
	row->owner = cm_rows_text(&rows, 0, 15);
	row->der = cm_rows_slice(&rows, 0, 16);
	row->chain = cm_rows_slice(&rows, 0, 17);
	row->spki = cm_rows_slice(&rows, 0, 18);
	row->sealed_key = cm_rows_slice(&rows, 0, 19);
	row->has_shard = !cm_rows_null(&rows, 0, 20);
	row->shard = row->has_shard ? DatumGetInt32(cm_rows_value(&rows, 0, 20)) : 0;
	row->is_ca = cm_rows_bool(&rows, 0, 21);
	row->ca_has_key = cm_rows_bool(&rows, 0, 22);
	return row;
}

int64 *
cm_certificate_row_pending(int64 subscriber_id, int *count)
{
	static CmQuery pending = {"SELECT id FROM certmgr.certificate WHERE subscriber_id = $1 AND state = 'pending' ORDER BY id", 1, {INT8OID}};
	CmRows		rows = cm_query(&pending, (Datum[]) {Int64GetDatum(subscriber_id)}, NULL);
	int64	   *ids = palloc(sizeof(int64) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
		ids[i] = cm_rows_int64(&rows, i, 0);
	*count = rows.count;
	return ids;
}

void
cm_certificate_row_cancel(int64 id, const char *status_message)
{
	static CmQuery query = {
		"UPDATE certmgr.certificate SET state = 'cancelled', renew_at = NULL, status_message = $2 WHERE id = $1",
		2, {INT8OID, TEXTOID}
	};
	Datum		args[2] = {Int64GetDatum(id), cm_datum_text(status_message)};

	(void) cm_query(&query, args, NULL);
}

void
cm_certificate_row_renew_later(int64 id)
{
	/* When it would have been due, and not within a day: whoever cancels does not want it in this moment. Renewals are younger: an index finds them. */
	static CmQuery query = {
		"UPDATE certmgr.certificate o SET renew_at = GREATEST(o.not_after - COALESCE(s.renew_before, (o.not_after - o.not_before) / 3),"
		" pg_catalog.clock_timestamp() + LEAST(interval '1 day', (o.not_after - pg_catalog.clock_timestamp()) / 2))"
		" FROM certmgr.certificate n JOIN certmgr.subscriber s ON s.id = n.subscriber_id"
		" WHERE n.id = $1 AND o.id = n.renewed_from AND o.subscriber_id = s.id AND o.state = 'issued' AND o.renew_at IS NULL"
		" AND o.not_after > pg_catalog.clock_timestamp() AND o.metadata->>'late' IS NULL AND s.auto_renew AND s.state = 'active'"
		" AND NOT EXISTS (SELECT FROM certmgr.certificate x WHERE x.subscriber_id = o.subscriber_id AND x.id > o.id AND x.renewed_from = o.id AND x.state IN ('pending', 'issued'))",
		1, {INT8OID}
	};
	Datum		args[1] = {Int64GetDatum(id)};

	(void) cm_query(&query, args, NULL);
}

int64
cm_certificate_row_disable_ca(int64 id, const char *status_message)
{
	static CmQuery query = {
		"UPDATE certmgr.ca SET state = 'disabled', status_message = $2 WHERE certificate_id = $1 AND state = 'active' RETURNING id",
		2, {INT8OID, TEXTOID}
	};
	Datum		args[2] = {Int64GetDatum(id), cm_datum_text(status_message)};
	CmRows		rows = cm_query(&query, args, NULL);

	return rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
}
