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
		"SELECT id, url, identifier, wildcard, status, challenge_url, token, posted_at IS NOT NULL, challenge_type, issuer_domain_names FROM certmgr.acme_authorization WHERE order_id = $1 ORDER BY id",
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
		found[i].challenge_type = cm_rows_text(&rows, i, 8);
		if (!cm_rows_null(&rows, i, 9))
			found[i].issuers = cm_text_array(cm_rows_value(&rows, i, 9), &found[i].issuer_count);
	}
	*count = rows.count;
	return found;
}

void
cm_acme_authorization_set(int64 id, const CmAcmeAuthorizationRow *said, const char *problem)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_authorization SET identifier = $2, wildcard = $3, status = $4, challenge_url = $5, token = $6,"
		" problem = COALESCE($7::pg_catalog.jsonb, problem), challenge_type = $8, issuer_domain_names = $9 WHERE id = $1",
		9, {INT8OID, TEXTOID, BOOLOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID}};

	cm_query(&set,
			 (Datum[]) {Int64GetDatum(id), cm_datum_text(said->identifier), BoolGetDatum(said->wildcard), cm_datum_text(said->status),
						cm_datum_text(said->challenge_url), cm_datum_text(said->token), cm_datum_text(problem), cm_datum_text(said->challenge_type),
						cm_datum_text_array(said->issuers, said->issuer_count)},
			 (bool[]) {false, said->identifier == NULL, false, said->status == NULL, said->challenge_url == NULL, said->token == NULL, problem == NULL,
					   said->challenge_type == NULL, said->issuer_count == 0});
}

char *
cm_acme_authorization_type(int64 id)
{
	static CmQuery type = {"SELECT challenge_type FROM certmgr.acme_authorization WHERE id = $1", 1, {INT8OID}};
	CmRows		rows = cm_query(&type, (Datum[]) {Int64GetDatum(id)}, NULL);

	return rows.count == 0 ? NULL : cm_rows_text(&rows, 0, 0);
}

void
cm_acme_authorization_set_status(int64 id, const char *status)
{
	static CmQuery set = {"UPDATE certmgr.acme_authorization SET status = $2 WHERE id = $1", 2, {INT8OID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text(status)}, NULL);
}

void
cm_acme_authorization_set_posted(int64 id, bool posted)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_authorization SET posted_at = CASE WHEN $2 THEN pg_catalog.clock_timestamp() END WHERE id = $1",
		2, {INT8OID, BOOLOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), BoolGetDatum(posted)}, NULL);
}
