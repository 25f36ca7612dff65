/*
 * acme_authorization.c - see acme_authorization.h. Engines only, in a transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/acme_authorization.h"

void
cm_acme_authorization_put(int64 order_id, const char *url)
{
	static CmQuery put = {
		"INSERT INTO certmgr.acme_authorization (order_id, url) VALUES ($1, $2) ON CONFLICT (order_id, url) DO NOTHING",
		2, {INT8OID, TEXTOID}};

	cm_query(&put, (Datum[]) {Int64GetDatum(order_id), cm_datum_text(url)}, NULL);
}

CmAcmeAuthorizationRow *
cm_acme_authorization_list(int64 order_id, int *count)
{
	static CmQuery list = {
		"SELECT id, url, identifier, wildcard, status, challenge_url, token, posted_at IS NOT NULL FROM certmgr.acme_authorization WHERE order_id = $1 ORDER BY id",
		1, {INT8OID}};
	CmRows		rows = cm_query(&list, (Datum[]) {Int64GetDatum(order_id)}, NULL);
	CmAcmeAuthorizationRow *found = palloc0(sizeof(CmAcmeAuthorizationRow) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
	{
		found[i].id = cm_rows_int64(&rows, i, 0);
		found[i].url = cm_rows_text(&rows, i, 1);
		found[i].identifier = cm_rows_text(&rows, i, 2);
		found[i].wildcard = cm_rows_bool(&rows, i, 3);
		found[i].status = cm_rows_text(&rows, i, 4);
		found[i].challenge_url = cm_rows_text(&rows, i, 5);
		found[i].token = cm_rows_text(&rows, i, 6);
		found[i].posted = cm_rows_bool(&rows, i, 7);
	}
	*count = rows.count;
	return found;
}

void
cm_acme_authorization_set(int64 id, const CmAcmeAuthorizationRow *said, const char *problem)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_authorization SET identifier = $2, wildcard = $3, status = $4, challenge_url = $5, token = $6,"
		" problem = COALESCE($7::pg_catalog.jsonb, problem) WHERE id = $1",
		7, {INT8OID, TEXTOID, BOOLOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};

	cm_query(&set,
			 (Datum[]) {Int64GetDatum(id), cm_datum_text(said->identifier), BoolGetDatum(said->wildcard), cm_datum_text(said->status),
						cm_datum_text(said->challenge_url), cm_datum_text(said->token), cm_datum_text(problem)},
			 (bool[]) {false, said->identifier == NULL, false, said->status == NULL, said->challenge_url == NULL, said->token == NULL, problem == NULL});
}

void
cm_acme_authorization_set_posted(int64 id, bool posted)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_authorization SET posted_at = CASE WHEN $2 THEN pg_catalog.clock_timestamp() END WHERE id = $1",
		2, {INT8OID, BOOLOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), BoolGetDatum(posted)}, NULL);
}
