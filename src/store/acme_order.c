/*
 * acme_order.c - see acme_order.h. Sessions and engines, in a transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/acme_order.h"
#include "utils/timestamp.h"

CmAcmeOrderRow *
cm_acme_order_get(int64 id)
{
	static CmQuery get = {
		"SELECT o.id, o.certificate_id, o.account_id, o.step, o.identifiers, o.status, o.url, o.finalize_url, o.certificate_url, o.step_since, o.polls, o.created_at,"
		" c.state, c.subscriber_id, c.renewed_from, c.ca_id"
		" FROM certmgr.acme_order o JOIN certmgr.certificate c ON c.id = o.certificate_id WHERE o.id = $1 FOR NO KEY UPDATE OF o",
		1, {INT8OID}};
	CmRows		rows = cm_query(&get, (Datum[]) {Int64GetDatum(id)}, NULL);
	CmAcmeOrderRow *row;

	if (rows.count == 0)
		return NULL;
	row = palloc0(sizeof(CmAcmeOrderRow));
	row->id = cm_rows_int64(&rows, 0, 0);
	row->certificate_id = cm_rows_int64(&rows, 0, 1);
	row->account_id = cm_rows_int64(&rows, 0, 2);
	row->step = cm_rows_text(&rows, 0, 3);
	row->identifiers = cm_text_array(cm_rows_value(&rows, 0, 4), &row->identifier_count);
	row->status = cm_rows_text(&rows, 0, 5);
	row->url = cm_rows_text(&rows, 0, 6);
	row->finalize_url = cm_rows_text(&rows, 0, 7);
	row->certificate_url = cm_rows_text(&rows, 0, 8);
	row->step_since = DatumGetTimestampTz(cm_rows_value(&rows, 0, 9));
	row->polls = DatumGetInt32(cm_rows_value(&rows, 0, 10));
	row->created_at = DatumGetTimestampTz(cm_rows_value(&rows, 0, 11));
	row->certificate_state = cm_rows_text(&rows, 0, 12);
	row->subscriber_id = cm_rows_int64(&rows, 0, 13);
	row->renewed_from = cm_rows_int64(&rows, 0, 14);
	row->ca_id = cm_rows_int64(&rows, 0, 15);
	return row;
}

int64
cm_acme_order_insert(int64 certificate_id, int64 account_id, char *const *identifiers, int count)
{
	static CmQuery insert = {
		"INSERT INTO certmgr.acme_order (certificate_id, account_id, step, identifiers, step_since, created_at)"
		" VALUES ($1, $2, CASE WHEN EXISTS (SELECT FROM certmgr.acme_account a JOIN certmgr.ca ON ca.id = a.ca_id WHERE a.id = $2 AND ca.config OPERATOR(pg_catalog.?) 'caa_identities') THEN 'preflight' ELSE 'new_order' END, $3, pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp()) RETURNING id",
		3, {INT8OID, INT8OID, TEXTARRAYOID}};
	CmRows		rows = cm_query(&insert, (Datum[]) {Int64GetDatum(certificate_id), Int64GetDatum(account_id), cm_datum_text_array(identifiers, count)}, NULL);

	return cm_rows_int64(&rows, 0, 0);
}

void
cm_acme_order_set_step(int64 id, const char *step, const char *status)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_order SET step = $2, status = COALESCE($3, status), polls = 0, step_since = pg_catalog.clock_timestamp() WHERE id = $1",
		3, {INT8OID, TEXTOID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text(step), cm_datum_text(status)}, (bool[]) {false, false, status == NULL});
}

void
cm_acme_order_count_poll(int64 id)
{
	static CmQuery set = {"UPDATE certmgr.acme_order SET polls = polls + 1 WHERE id = $1", 1, {INT8OID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id)}, NULL);
}

void
cm_acme_order_set_answer(int64 id, const char *status, const char *finalize_url, const char *certificate_url, TimestampTz expires)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_order SET status = COALESCE($2, status), finalize_url = COALESCE($3, finalize_url),"
		" certificate_url = COALESCE($4, certificate_url), expires = COALESCE($5, expires) WHERE id = $1",
		5, {INT8OID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID}};

	cm_query(&set,
			 (Datum[]) {Int64GetDatum(id), cm_datum_text(status), cm_datum_text(finalize_url), cm_datum_text(certificate_url), TimestampTzGetDatum(expires)},
			 (bool[]) {false, status == NULL, finalize_url == NULL, certificate_url == NULL, expires == 0});
}

bool
cm_acme_order_set_url(int64 id, int64 account_id, const char *url)
{
	static CmQuery give_up = {
		"UPDATE certmgr.acme_order SET url = NULL WHERE account_id = $1 AND url = $2 AND id <> $3 AND step = 'failed'",
		3, {INT8OID, TEXTOID, INT8OID}};
	static CmQuery set = {
		"UPDATE certmgr.acme_order SET url = $2 WHERE id = $3 AND NOT EXISTS (SELECT FROM certmgr.acme_order WHERE account_id = $1 AND url = $2 AND id <> $3)",
		3, {INT8OID, TEXTOID, INT8OID}};
	Datum		args[] = {Int64GetDatum(account_id), cm_datum_text(url), Int64GetDatum(id)};

	cm_query(&give_up, args, NULL);
	return cm_query(&set, args, NULL).count > 0;
}

void
cm_acme_order_forget(int64 id)
{
	static CmQuery authorizations = {"DELETE FROM certmgr.acme_authorization WHERE order_id = $1", 1, {INT8OID}};
	static CmQuery forget = {
		"UPDATE certmgr.acme_order SET step = 'new_order', status = NULL, url = NULL, finalize_url = NULL, certificate_url = NULL, expires = NULL, polls = 0,"
		" step_since = pg_catalog.clock_timestamp() WHERE id = $1",
		1, {INT8OID}};
	Datum		args[] = {Int64GetDatum(id)};

	cm_query(&authorizations, args, NULL);
	cm_query(&forget, args, NULL);
}

void
cm_acme_order_end(int64 id, const char *step, const char *problem)
{
	static CmQuery end = {
		"UPDATE certmgr.acme_order SET step = $2, problem = COALESCE($3::pg_catalog.jsonb, problem), finished_at = pg_catalog.clock_timestamp(),"
		" step_since = pg_catalog.clock_timestamp() WHERE id = $1",
		3, {INT8OID, TEXTOID, TEXTOID}};

	cm_query(&end, (Datum[]) {Int64GetDatum(id), cm_datum_text(step), cm_datum_text(problem)}, (bool[]) {false, false, problem == NULL});
}

int64
cm_acme_order_cancel(int64 certificate_id)
{
	static CmQuery cancel = {
		"UPDATE certmgr.acme_order SET step = 'failed', finished_at = pg_catalog.clock_timestamp(), step_since = pg_catalog.clock_timestamp()"
		" WHERE certificate_id = $1 AND step NOT IN ('done', 'failed') RETURNING id",
		1, {INT8OID}};
	CmRows		rows = cm_query(&cancel, (Datum[]) {Int64GetDatum(certificate_id)}, NULL);

	return rows.count == 0 ? 0 : cm_rows_int64(&rows, rows.count - 1, 0);
}

int
cm_acme_order_count(int64 certificate_id)
{
	static CmQuery count = {"SELECT pg_catalog.count(*) FROM certmgr.acme_order WHERE certificate_id = $1", 1, {INT8OID}};
	CmRows		rows = cm_query(&count, (Datum[]) {Int64GetDatum(certificate_id)}, NULL);

	return (int) cm_rows_int64(&rows, 0, 0);
}
