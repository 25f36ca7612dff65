/*
 * acme_challenge.c - see acme_challenge.h. Engines, and certmgr.http_challenge()
 * in a session, in a transaction. What two orders want at once is decided by a
 * unique index: the second one waits for the first one's transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/acme_challenge.h"

bool
cm_acme_challenge_put(const CmAcmeChallengeRow *row)
{
	/* A row of the same order, identifier and token is this one; the account's key may be another one by now. */
	static CmQuery put = {
		"INSERT INTO certmgr.acme_challenge (order_id, challenge_type, identifier, token, key_authorization, created_at)"
		" VALUES ($1, $2, $3, $4, $5, pg_catalog.now()) ON CONFLICT DO NOTHING",
		5, {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}};
	static CmQuery have = {
		"UPDATE certmgr.acme_challenge SET key_authorization = $4 WHERE order_id = $1 AND identifier = $2 AND token = $3",
		4, {INT8OID, TEXTOID, TEXTOID, TEXTOID}};

	if (cm_query(&put,
				 (Datum[]) {Int64GetDatum(row->order_id), cm_datum_text(row->type), cm_datum_text(row->identifier), cm_datum_text(row->token), cm_datum_text(row->key_authorization)},
				 NULL).count > 0)
		return true;
	return cm_query(&have, (Datum[]) {Int64GetDatum(row->order_id), cm_datum_text(row->identifier), cm_datum_text(row->token), cm_datum_text(row->key_authorization)}, NULL).count > 0;
}

void
cm_acme_challenge_remove(int64 order_id)
{
	static CmQuery del = {"DELETE FROM certmgr.acme_challenge WHERE order_id = $1", 1, {INT8OID}};

	cm_query(&del, (Datum[]) {Int64GetDatum(order_id)}, NULL);
}

CmAcmeChallengeRow *
cm_acme_challenge_list(int *count)
{
	static CmQuery list = {"SELECT order_id, challenge_type, identifier, token, key_authorization FROM certmgr.acme_challenge ORDER BY id", 0, {0}};
	CmRows		rows = cm_query(&list, NULL, NULL);
	CmAcmeChallengeRow *found = palloc0(sizeof(CmAcmeChallengeRow) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
	{
		found[i].order_id = cm_rows_int64(&rows, i, 0);
		found[i].type = cm_rows_text(&rows, i, 1);
		found[i].identifier = cm_rows_text(&rows, i, 2);
		found[i].token = cm_rows_text(&rows, i, 3);
		found[i].key_authorization = cm_rows_text(&rows, i, 4);
	}
	*count = rows.count;
	return found;
}

char *
cm_acme_challenge_http(const char *token)
{
	static CmQuery get = {
		"SELECT key_authorization FROM certmgr.acme_challenge WHERE token = $1 AND challenge_type = 'http-01' LIMIT 1",
		1, {TEXTOID}};
	CmRows		rows = cm_query_latest(&get, (Datum[]) {cm_datum_text(token)}, NULL);

	return rows.count == 0 ? NULL : cm_rows_text(&rows, 0, 0);
}
