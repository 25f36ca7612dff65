/*
 * acme_certificate.c - see acme_certificate.h. Engines only, in a transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/acme_certificate.h"
#include "utils/timestamp.h"

CmSlice
cm_acme_certificate_csr(int64 id)
{
	static CmQuery get = {"SELECT csr FROM certmgr.certificate_body WHERE certificate_id = $1", 1, {INT8OID}};
	CmRows		rows = cm_query(&get, (Datum[]) {Int64GetDatum(id)}, NULL);

	return rows.count == 0 ? cm_slice(NULL, 0) : cm_rows_slice(&rows, 0, 0);
}

CmSlice
cm_acme_certificate_spki(int64 id)
{
	static CmQuery get = {"SELECT spki FROM certmgr.certificate_body WHERE certificate_id = $1", 1, {INT8OID}};
	CmRows		rows = cm_query(&get, (Datum[]) {Int64GetDatum(id)}, NULL);

	return rows.count == 0 ? cm_slice(NULL, 0) : cm_rows_slice(&rows, 0, 0);
}

bool
cm_acme_certificate_key(int64 id, CmAcmeCertificateKey *out)
{
	static CmQuery get = {
		"SELECT c.key_algorithm, b.spki, b.sealed_key, EXISTS (SELECT FROM certmgr.certificate_body o WHERE o.certificate_id = c.renewed_from AND o.spki = b.spki)"
		" FROM certmgr.certificate c JOIN certmgr.certificate_body b ON b.certificate_id = c.id WHERE c.id = $1",
		1, {INT8OID}};
	CmRows		rows = cm_query(&get, (Datum[]) {Int64GetDatum(id)}, NULL);

	if (rows.count == 0)
		return false;
	out->algorithm = cm_rows_text(&rows, 0, 0);
	out->spki = cm_rows_slice(&rows, 0, 1);
	out->sealed = cm_rows_slice(&rows, 0, 2);
	out->reused = cm_rows_bool(&rows, 0, 3);
	return true;
}

void
cm_acme_certificate_set_key(int64 id, CmSlice csr, CmSlice spki, CmSlice sealed)
{
	static CmQuery set = {"UPDATE certmgr.certificate_body SET csr = $2, spki = $3, sealed_key = $4 WHERE certificate_id = $1", 4, {INT8OID, BYTEAOID, BYTEAOID, BYTEAOID}};

	cm_query(&set,
			 (Datum[]) {Int64GetDatum(id), cm_datum_bytea(csr.data, csr.len), cm_datum_bytea(spki.data, spki.len), cm_datum_bytea(sealed.data, sealed.len)},
			 NULL);
}

void
cm_acme_certificate_leave_out(int64 id, char *const *sans, int san_count, char *const *names, char *const *reasons, int count)
{
	static CmQuery set = {
		"UPDATE certmgr.certificate SET sans = $2, metadata = COALESCE(metadata, '{}')"
		" || pg_catalog.jsonb_build_object('left_out', COALESCE(metadata->'left_out', '{}') || pg_catalog.jsonb_object($3, $4)) WHERE id = $1",
		4, {INT8OID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text_array(sans, san_count), cm_datum_text_array(names, count), cm_datum_text_array(reasons, count)}, NULL);
}

bool
cm_acme_certificate_issued(int64 id, const CmAcmeIssued *issued)
{
	static CmQuery certificate = {
		"UPDATE certmgr.certificate SET state = 'issued', serial = $2, subject = $3, sans = $4, usages = $5, not_before = $6, not_after = $7,"
		" renew_at = $8, status_message = NULLIF(pg_catalog.concat_ws('; ',"
		" (SELECT 'issued without ' || pg_catalog.string_agg(l.key || ' (' || l.value || ')', ', ' ORDER BY l.key) FROM pg_catalog.jsonb_each_text(metadata->'left_out') l), $9), '') WHERE id = $1 AND state = 'pending'",
		9, {INT8OID, BYTEAOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID}};
	static CmQuery body = {
		"UPDATE certmgr.certificate_body SET der = $2, fingerprint = $3, chain = $4 WHERE certificate_id = $1",
		4, {INT8OID, BYTEAOID, BYTEAOID, BYTEAOID}};

	if (cm_query(&certificate,
				 (Datum[]) {Int64GetDatum(id), cm_datum_bytea(issued->serial.data, issued->serial.len), cm_datum_text(issued->subject),
							cm_datum_text_array(issued->sans, issued->san_count), cm_datum_text_array(issued->usages, issued->usage_count),
							TimestampTzGetDatum(issued->not_before), TimestampTzGetDatum(issued->not_after), TimestampTzGetDatum(issued->renew_at),
							cm_datum_text(issued->message)},
				 (bool[]) {false, false, false, false, false, false, false, issued->renew_at == 0, issued->message == NULL}).count == 0)
		return false;
	cm_query(&body,
			 (Datum[]) {Int64GetDatum(id), cm_datum_bytea(issued->der.data, issued->der.len),
						cm_datum_bytea(issued->fingerprint.data, issued->fingerprint.len), cm_datum_bytea(issued->chain.data, issued->chain.len)},
			 (bool[]) {false, false, false, issued->chain.len == 0});
	return true;
}

bool
cm_acme_certificate_failed(int64 id, const char *message)
{
	static CmQuery fail = {"UPDATE certmgr.certificate SET state = 'failed', status_message = $2 WHERE id = $1 AND state = 'pending'", 2, {INT8OID, TEXTOID}};

	return cm_query(&fail, (Datum[]) {Int64GetDatum(id), cm_datum_text(message)}, NULL).count > 0;
}

void
cm_acme_certificate_message(int64 id, const char *message)
{
	static CmQuery say = {
		"UPDATE certmgr.certificate SET status_message = $2 WHERE id = $1 AND state = 'pending' AND status_message IS DISTINCT FROM $2",
		2, {INT8OID, TEXTOID}};

	cm_query(&say, (Datum[]) {Int64GetDatum(id), cm_datum_text(message)}, (bool[]) {false, message == NULL});
}

bool
cm_acme_certificate_renews(int64 subscriber_id, int64 *before)
{
	static CmQuery get = {
		"SELECT EXTRACT(epoch FROM renew_before)::bigint FROM certmgr.subscriber WHERE id = $1 AND auto_renew",
		1, {INT8OID}};
	CmRows		rows = cm_query(&get, (Datum[]) {Int64GetDatum(subscriber_id)}, NULL);

	*before = rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
	return rows.count > 0;
}

bool
cm_acme_certificate_revocation(int64 id, CmAcmeRevocation *out)
{
	static CmQuery get = {
		"SELECT c.ca_id, b.der, c.revocation_reason, c.not_after, b.sealed_key FROM certmgr.certificate c JOIN certmgr.certificate_body b ON b.certificate_id = c.id"
		" WHERE c.id = $1 AND b.der IS NOT NULL",
		1, {INT8OID}};
	CmRows		rows = cm_query(&get, (Datum[]) {Int64GetDatum(id)}, NULL);

	if (rows.count == 0)
		return false;
	out->ca_id = cm_rows_int64(&rows, 0, 0);
	out->der = cm_rows_slice(&rows, 0, 1);
	out->reason = cm_rows_text(&rows, 0, 2);
	out->not_after = cm_rows_time(&rows, 0, 3, 0);
	out->sealed_key = cm_rows_slice(&rows, 0, 4);
	return true;
}

void
cm_acme_certificate_append(int64 id, const char *message)
{
	static CmQuery append = {
		"UPDATE certmgr.certificate SET status_message = pg_catalog.concat_ws('; ', status_message, $2) WHERE id = $1",
		2, {INT8OID, TEXTOID}};

	cm_query(&append, (Datum[]) {Int64GetDatum(id), cm_datum_text(message)}, NULL);
}

void
cm_acme_certificate_say(int64 id, const char *message)
{
	static CmQuery say = {
		"UPDATE certmgr.certificate SET status_message = $2 WHERE id = $1 AND status_message IS DISTINCT FROM $2",
		2, {INT8OID, TEXTOID}};

	cm_query(&say, (Datum[]) {Int64GetDatum(id), cm_datum_text(message)}, (bool[]) {false, message == NULL});
}

int64 *
cm_renewal_due(TimestampTz now, int limit, int *count)
{
	static CmQuery due = {
		"SELECT id FROM certmgr.certificate WHERE renew_at IS NOT NULL AND renew_at <= $1 ORDER BY renew_at LIMIT $2",
		2, {TIMESTAMPTZOID, INT4OID}};
	CmRows		rows = cm_query(&due, (Datum[]) {TimestampTzGetDatum(now), Int32GetDatum(limit)}, NULL);
	int64	   *ids = palloc(sizeof(int64) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
		ids[i] = cm_rows_int64(&rows, i, 0);
	*count = rows.count;
	return ids;
}

bool
cm_renewal_lock(int64 id, TimestampTz now)
{
	static CmQuery lock = {
		"SELECT id FROM certmgr.certificate WHERE id = $1 AND renew_at <= $2 FOR NO KEY UPDATE SKIP LOCKED",
		2, {INT8OID, TIMESTAMPTZOID}};

	return cm_query(&lock, (Datum[]) {Int64GetDatum(id), TimestampTzGetDatum(now)}, NULL).count > 0;
}

TimestampTz
cm_renewal_next(void)
{
	static CmQuery next = {
		"SELECT renew_at FROM certmgr.certificate WHERE renew_at IS NOT NULL ORDER BY renew_at LIMIT 1",
		0, {InvalidOid}};
	CmRows		rows = cm_query(&next, NULL, NULL);

	return rows.count == 0 ? DT_NOEND : DatumGetTimestampTz(cm_rows_value(&rows, 0, 0));
}

bool
cm_renewal_get(int64 id, CmRenewalRow *out)
{
	static CmQuery get = {
		"SELECT subscriber_id, renew_attempts, not_after FROM certmgr.certificate WHERE id = $1 AND state = 'issued' FOR NO KEY UPDATE",
		1, {INT8OID}};
	CmRows		rows = cm_query(&get, (Datum[]) {Int64GetDatum(id)}, NULL);

	if (rows.count == 0)
		return false;
	out->subscriber_id = cm_rows_int64(&rows, 0, 0);
	out->attempts = DatumGetInt32(cm_rows_value(&rows, 0, 1));
	out->not_after = DatumGetTimestampTz(cm_rows_value(&rows, 0, 2));
	return true;
}

void
cm_renewal_again(int64 id, TimestampTz at, const char *message)
{
	static CmQuery again = {
		"UPDATE certmgr.certificate SET renew_at = $2, renew_attempts = renew_attempts + 1, status_message = $3 WHERE id = $1",
		3, {INT8OID, TIMESTAMPTZOID, TEXTOID}};

	cm_query(&again, (Datum[]) {Int64GetDatum(id), TimestampTzGetDatum(at), cm_datum_text(message)}, NULL);
}

bool
cm_acme_certificate_wanting(int64 id)
{
	static CmQuery look = {"SELECT FROM certmgr.certificate WHERE id = $1 AND state IN ('pending', 'failed')"
		" AND subscriber_id IN (SELECT s.id FROM certmgr.subscriber s WHERE s.state <> 'disabled')", 1, {INT8OID}};

	return cm_query(&look, (Datum[]) {Int64GetDatum(id)}, NULL).count > 0;
}

bool
cm_acme_certificate_of_own_ca(int64 id, int64 ca_id)
{
	static CmQuery look = {
		"SELECT FROM certmgr.certificate c JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE c.id = $1 AND s.ca_id = CASE $2 WHEN 0 THEN c.ca_id ELSE $2 END",
		2, {INT8OID, INT8OID}};

	return cm_query(&look, (Datum[]) {Int64GetDatum(id), Int64GetDatum(ca_id)}, NULL).count > 0;
}
