/*
 * acme_renewal_info.c - see acme_renewal_info.h. Engines only, in a transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/acme_renewal_info.h"
#include "utils/timestamp.h"

CmRenewalInfoRow *
cm_renewal_info_get(int64 certificate_id)
{
	static CmQuery put = {
		"INSERT INTO certmgr.acme_renewal_info (certificate_id, issued_at) VALUES ($1, pg_catalog.clock_timestamp()) ON CONFLICT (certificate_id) DO NOTHING",
		1, {INT8OID}};
	static CmQuery get = {
		"SELECT c.ca_id, b.der, c.state = 'issued' AND c.not_after > pg_catalog.clock_timestamp() AND NOT i.replaced, c.renew_at IS NOT NULL AND c.renew_attempts = 0,"
		" c.renew_at, s.renew_before IS NOT NULL, c.not_before, c.not_after, i.issued_at, i.window_start, i.window_end, i.chosen_at"
		" FROM certmgr.acme_renewal_info i JOIN certmgr.certificate c ON c.id = i.certificate_id JOIN certmgr.certificate_body b ON b.certificate_id = c.id"
		" LEFT JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE i.certificate_id = $1 AND b.der IS NOT NULL FOR NO KEY UPDATE OF c, i",
		1, {INT8OID}};
	Datum		args[] = {Int64GetDatum(certificate_id)};
	CmRenewalInfoRow *row;
	CmRows		rows;

	cm_query(&put, args, NULL);
	rows = cm_query(&get, args, NULL);
	if (rows.count == 0)
		return NULL;
	row = palloc0(sizeof(CmRenewalInfoRow));
	row->certificate_id = certificate_id;
	row->ca_id = cm_rows_int64(&rows, 0, 0);
	row->der = cm_rows_slice(&rows, 0, 1);
	row->live = cm_rows_bool(&rows, 0, 2);
	row->renews = cm_rows_bool(&rows, 0, 3);
	row->renew_at = cm_rows_time(&rows, 0, 4, 0);
	row->renew_before = cm_rows_bool(&rows, 0, 5);
	row->not_before = cm_rows_time(&rows, 0, 6, 0);
	row->not_after = cm_rows_time(&rows, 0, 7, 0);
	row->issued_at = cm_rows_time(&rows, 0, 8, 0);
	row->window_start = cm_rows_time(&rows, 0, 9, 0);
	row->window_end = cm_rows_time(&rows, 0, 10, 0);
	row->chosen_at = cm_rows_time(&rows, 0, 11, 0);
	return row;
}

void
cm_renewal_info_set(const CmRenewalInfoRow *row, const char *explanation_url, const char *message, TimestampTz next_fetch_at)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_renewal_info SET window_start = $2, window_end = $3, chosen_at = $4, explanation_url = $5, status_message = $6,"
		" fetched_at = pg_catalog.clock_timestamp(), next_fetch_at = $7 WHERE certificate_id = $1",
		7, {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}};

	cm_query(&set,
			 (Datum[]) {Int64GetDatum(row->certificate_id), TimestampTzGetDatum(row->window_start), TimestampTzGetDatum(row->window_end),
						TimestampTzGetDatum(row->chosen_at), cm_datum_text(explanation_url), cm_datum_text(message), TimestampTzGetDatum(next_fetch_at)},
			 (bool[]) {false, row->window_start == 0, row->window_end == 0, row->chosen_at == 0, explanation_url == NULL, message == NULL, next_fetch_at == 0});
}

void
cm_renewal_info_set_renew_at(int64 certificate_id, TimestampTz at, const char *message)
{
	static CmQuery set = {
		"UPDATE certmgr.certificate SET renew_at = $2, status_message = $3 WHERE id = $1 AND renew_at IS NOT NULL",
		3, {INT8OID, TIMESTAMPTZOID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(certificate_id), TimestampTzGetDatum(at), cm_datum_text(message)}, (bool[]) {false, false, message == NULL});
}

CmSlice
cm_renewal_info_replaceable(int64 certificate_id, int64 ca_id)
{
	static CmQuery get = {
		"SELECT b.der FROM certmgr.acme_renewal_info i JOIN certmgr.certificate c ON c.id = i.certificate_id JOIN certmgr.certificate_body b ON b.certificate_id = c.id"
		" WHERE i.certificate_id = $1 AND c.ca_id = $2 AND i.window_start IS NOT NULL AND NOT i.replaced",
		2, {INT8OID, INT8OID}};
	CmRows		rows = cm_query(&get, (Datum[]) {Int64GetDatum(certificate_id), Int64GetDatum(ca_id)}, NULL);

	return rows.count == 0 ? cm_slice(NULL, 0) : cm_rows_slice(&rows, 0, 0);
}

void
cm_renewal_info_replaced(int64 certificate_id)
{
	static CmQuery set = {"UPDATE certmgr.acme_renewal_info SET replaced = true WHERE certificate_id = $1", 1, {INT8OID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(certificate_id)}, NULL);
}
