/*
 * fallback.c - see fallback.h. Sessions and engines, in a transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/fallback.h"
#include "utils/array.h"
#include "utils/timestamp.h"

void
cm_fallback_set(int64 subscriber_id, const int64 *ca_ids, int count, const Interval *after)
{
	static CmQuery clear = {"DELETE FROM certmgr.subscriber_fallback WHERE subscriber_id = $1", 1, {INT8OID}};
	static CmQuery put = {
		"INSERT INTO certmgr.subscriber_fallback (subscriber_id, ca_ids, after) VALUES ($1, $2, $3)",
		3, {INT8OID, INT8ARRAYOID, INTERVALOID}};
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));

	cm_query(&clear, (Datum[]) {Int64GetDatum(subscriber_id)}, NULL);
	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
		elements[i] = Int64GetDatum(ca_ids[i]);
	cm_query(&put,
			 (Datum[]) {Int64GetDatum(subscriber_id),
						PointerGetDatum(construct_array(elements, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)), IntervalPGetDatum(after)},
			 NULL);
}

bool
cm_fallback_next(int64 certificate_id, TimestampTz from, int64 *ca_id, TimestampTz *at)
{
	static CmQuery next = {
		/* Not by how many were asked: the list may be another one by now. */
		"SELECT n.ca_id, $2 + f.after FROM certmgr.certificate c JOIN certmgr.subscriber_fallback f ON f.subscriber_id = c.subscriber_id"
		" CROSS JOIN LATERAL (SELECT u.ca_id FROM pg_catalog.unnest(f.ca_ids) WITH ORDINALITY u (ca_id, n) WHERE u.ca_id <> c.ca_id"
		" AND NOT EXISTS (SELECT FROM certmgr.fallback_certificate x WHERE x.first_id = c.id AND x.ca_id = u.ca_id) ORDER BY u.n LIMIT 1) n"
		" WHERE c.id = $1",
		2, {INT8OID, TIMESTAMPTZOID}};
	CmRows		rows = cm_query(&next, (Datum[]) {Int64GetDatum(certificate_id), TimestampTzGetDatum(from)}, NULL);

	if (rows.count == 0)
		return false;
	*ca_id = cm_rows_int64(&rows, 0, 0);
	*at = cm_rows_time(&rows, 0, 1, from);
	return true;
}

void
cm_fallback_put(int64 certificate_id, int64 first_id, int64 ca_id, const char *reason)
{
	static CmQuery put = {
		"INSERT INTO certmgr.fallback_certificate (certificate_id, first_id, ca_id, reason) VALUES ($1, $2, $3, $4)",
		4, {INT8OID, INT8OID, INT8OID, TEXTOID}};

	cm_query(&put, (Datum[]) {Int64GetDatum(certificate_id), Int64GetDatum(first_id), Int64GetDatum(ca_id), cm_datum_text(reason)},
			 (bool[]) {certificate_id == 0, false, false, reason == NULL});
}

int64
cm_fallback_issued_instead(int64 certificate_id)
{
	static CmQuery find = {
		"WITH family AS (SELECT COALESCE((SELECT first_id FROM certmgr.fallback_certificate WHERE certificate_id = $1), $1) AS first_id)"
		" SELECT c.id FROM family f CROSS JOIN LATERAL (SELECT f.first_id AS id UNION ALL SELECT x.certificate_id FROM certmgr.fallback_certificate x WHERE x.first_id = f.first_id) m"
		" JOIN certmgr.certificate c ON c.id = m.id WHERE c.id <> $1 AND c.state = 'issued' ORDER BY c.id LIMIT 1",
		1, {INT8OID}};
	CmRows		rows = cm_query(&find, (Datum[]) {Int64GetDatum(certificate_id)}, NULL);

	return rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
}

int64
cm_fallback_on_order(int64 certificate_id)
{
	static CmQuery find = {
		/* Renewals are younger: the index on subscriber and id finds them. */
		"SELECT c.id FROM certmgr.certificate o JOIN certmgr.certificate p ON p.subscriber_id = o.subscriber_id AND p.id > o.id AND p.renewed_from = o.id"
		" JOIN certmgr.fallback_certificate f ON f.first_id = p.id JOIN certmgr.certificate c ON c.id = f.certificate_id"
		" WHERE o.id = $1 AND c.state = 'pending' ORDER BY c.id LIMIT 1",
		1, {INT8OID}};
	CmRows		rows = cm_query(&find, (Datum[]) {Int64GetDatum(certificate_id)}, NULL);

	return rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
}

int64
cm_fallback_renews(int64 certificate_id)
{
	static CmQuery find = {
		"SELECT p.renewed_from FROM certmgr.fallback_certificate f JOIN certmgr.certificate p ON p.id = f.first_id WHERE f.certificate_id = $1",
		1, {INT8OID}};
	CmRows		rows = cm_query(&find, (Datum[]) {Int64GetDatum(certificate_id)}, NULL);

	return rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
}

void
cm_fallback_mark_late(int64 certificate_id, int64 instead)
{
	static CmQuery mark = {
		"UPDATE certmgr.certificate SET renew_at = NULL, status_message = 'came late: certificate ' || $2::bigint || ' was issued instead',"
		" metadata = COALESCE(metadata, '{}') || pg_catalog.jsonb_build_object('late', true, 'instead', $2::bigint) WHERE id = $1",
		2, {INT8OID, INT8OID}};

	cm_query(&mark, (Datum[]) {Int64GetDatum(certificate_id), Int64GetDatum(instead)}, NULL);
}
