/*
 * ca.c - see store/ca.h.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/ca.h"
#include "store/crl.h"
#include "store/crl_scope.h"
#include "store/issuer.h"
#include "store/key.h"
#include "store/ocsp.h"
#include "store/secret.h"
#include "utils/builtins.h"

#define CA_SELECT \
	"SELECT a.id, a.name, a.type, a.state, a.parent_id, a.key_id, a.certificate_id, a.config::text, b.der, c.state = 'revoked', a.next_key_id " \
	"FROM certmgr.ca a LEFT JOIN certmgr.certificate c ON c.id = a.certificate_id " \
	"LEFT JOIN certmgr.certificate_body b ON b.certificate_id = a.certificate_id "

static CmCaRow *
to_row(const CmRows *rows)
{
	CmCaRow    *ca;

	if (rows->count == 0)
		return NULL;
	ca = palloc0(sizeof(CmCaRow));
	ca->id = cm_rows_int64(rows, 0, 0);
	ca->name = cm_rows_text(rows, 0, 1);
	ca->type = cm_rows_text(rows, 0, 2);
	ca->state = cm_rows_text(rows, 0, 3);
	ca->parent_id = cm_rows_int64(rows, 0, 4);
	ca->key_id = cm_rows_int64(rows, 0, 5);
	ca->certificate_id = cm_rows_int64(rows, 0, 6);
	ca->config = cm_rows_text(rows, 0, 7);
	ca->der = cm_rows_slice(rows, 0, 8);
	ca->certificate_revoked = cm_rows_bool(rows, 0, 9);
	ca->next_key_id = cm_rows_int64(rows, 0, 10);
	return ca;
}

CmCaRow *
cm_ca_get(const char *name, bool for_update)
{
	static CmQuery plain = {CA_SELECT "WHERE a.name = $1", 1, {TEXTOID}};
	static CmQuery locked = {CA_SELECT "WHERE a.name = $1 FOR NO KEY UPDATE OF a", 1, {TEXTOID}};
	CmRows		rows = cm_query(for_update ? &locked : &plain, (Datum[]) {cm_datum_text(name)}, NULL);

	return to_row(&rows);
}

CmCaRow *
cm_ca_get_by_id(int64 id, bool latest)
{
	static CmQuery select = {CA_SELECT "WHERE a.id = $1", 1, {INT8OID}};
	Datum		arg = Int64GetDatum(id);
	CmRows		rows = latest ? cm_query_latest(&select, &arg, NULL) : cm_query(&select, &arg, NULL);

	return to_row(&rows);
}

CmCaRow *
cm_ca_require(const char *name, bool for_update)
{
	CmCaRow    *ca = cm_ca_get(name, for_update);

	if (ca == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("certificate authority \"%s\" does not exist", name),
				 errhint("SELECT name, type, state FROM certmgr.ca lists them.")));
	return ca;
}

int64
cm_ca_insert(const char *name, const char *type, const char *state, int64 parent_id, int64 key_id, const char *config, const char *status_message)
{
	static CmQuery insert = {"INSERT INTO certmgr.ca (name, type, state, parent_id, key_id, config, status_message) "
		"VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7) ON CONFLICT (name) DO NOTHING RETURNING id",
	7, {TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, TEXTOID, TEXTOID}};
	CmRows		rows = cm_query(&insert,
								(Datum[]) {cm_datum_text(name), cm_datum_text(type), cm_datum_text(state), Int64GetDatum(parent_id),
								Int64GetDatum(key_id), cm_datum_text(config), cm_datum_text(status_message)},
								(bool[]) {false, false, false, parent_id == 0, key_id == 0, false, status_message == NULL});

	if (rows.count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("certificate authority \"%s\" already exists", name),
				 errhint("SELECT name, type, state FROM certmgr.ca lists them.")));
	return cm_rows_int64(&rows, 0, 0);
}

void
cm_ca_set_certificate(int64 id, int64 certificate_id, int64 key_id)
{
	static CmQuery update = {"UPDATE certmgr.ca SET certificate_id = $2, key_id = $3, next_key_id = NULLIF(next_key_id, $3), "
		"state = CASE state WHEN 'disabled' THEN state ELSE 'active' END, status_message = NULL, last_error = NULL, last_error_at = NULL WHERE id = $1",
	3, {INT8OID, INT8OID, INT8OID}};

	cm_query(&update, (Datum[]) {Int64GetDatum(id), Int64GetDatum(certificate_id), Int64GetDatum(key_id)}, (bool[]) {false, false, key_id == 0});
	cm_issuer_row_put(id);
	cm_crl_scope_sync(id);
}

void
cm_ca_set_next_key(int64 id, int64 key_id, const char *status_message)
{
	static CmQuery update = {"UPDATE certmgr.ca SET next_key_id = $2, status_message = $3 WHERE id = $1", 3, {INT8OID, INT8OID, TEXTOID}};

	cm_query(&update, (Datum[]) {Int64GetDatum(id), Int64GetDatum(key_id), cm_datum_text(status_message)}, (bool[]) {false, key_id == 0, false});
}

void
cm_ca_config_merge(int64 id, const char *json)
{
	static CmQuery update = {"UPDATE certmgr.ca SET config = pg_catalog.jsonb_strip_nulls(config || $2::jsonb) WHERE id = $1", 2, {INT8OID, TEXTOID}};

	cm_query(&update, (Datum[]) {Int64GetDatum(id), cm_datum_text(json)}, NULL);
}

void
cm_ca_set_state(int64 id, const char *state)
{
	static CmQuery update = {"UPDATE certmgr.ca SET state = $2 WHERE id = $1", 2, {INT8OID, TEXTOID}};

	cm_query(&update, (Datum[]) {Int64GetDatum(id), cm_datum_text(state)}, NULL);
}

char *
cm_ca_in_use(int64 id)
{
	static CmQuery select = {"SELECT (SELECT 'subscriber \"' || name || '\" uses it' FROM certmgr.subscriber WHERE ca_id = $1 ORDER BY id LIMIT 1), "
		"(SELECT 'certificate authority \"' || name || '\" is below it' FROM certmgr.ca WHERE parent_id = $1 ORDER BY id LIMIT 1), "
		"(SELECT 'it issued certificate ' || id || ', which is valid' FROM certmgr.certificate WHERE ca_id = $1 AND (state = 'pending' OR (state = 'issued' AND not_after >= pg_catalog.now()))"
		" AND id IS DISTINCT FROM (SELECT certificate_id FROM certmgr.ca WHERE id = $1) AND id NOT IN (SELECT certificate_id FROM certmgr.issuer WHERE ca_id = $1)"
		" AND id NOT IN (SELECT certificate_id FROM certmgr.ocsp_signer WHERE ca_id = $1) ORDER BY id LIMIT 1)",
	1, {INT8OID}};
	CmRows		rows = cm_query(&select, (Datum[]) {Int64GetDatum(id)}, NULL);

	for (int i = 0; i < 3; i++)
	{
		if (!cm_rows_null(&rows, 0, i))
			return cm_rows_text(&rows, 0, i);
	}
	return NULL;
}

void
cm_ca_lock_account_jobs(int64 id)
{
	static CmQuery lock = {"SELECT id FROM certmgr_private.job WHERE kind = 'acme_account'"
	" AND target_id IN (SELECT id FROM certmgr.acme_account WHERE ca_id = $1) ORDER BY id FOR UPDATE", 1, {INT8OID}};

	cm_query(&lock, (Datum[]) {Int64GetDatum(id)}, NULL);
}

void
cm_ca_delete(int64 id)
{
	static CmQuery job = {"DELETE FROM certmgr_private.job WHERE (kind IN ('crl', 'ocsp') AND target_id = $1) "
	"OR (kind = 'acme_account' AND target_id IN (SELECT id FROM certmgr.acme_account WHERE ca_id = $1))", 1, {INT8OID}};
	static CmQuery account = {"DELETE FROM certmgr.acme_account WHERE ca_id = $1 RETURNING key_id, eab_secret_id, candidate_key_id", 1, {INT8OID}};
	static CmQuery ca = {"DELETE FROM certmgr.ca WHERE id = $1", 1, {INT8OID}};
	static CmQuery keys = {"SELECT key_id FROM certmgr.issuer WHERE ca_id = $1 UNION SELECT key_id FROM certmgr.ca WHERE id = $1 AND key_id IS NOT NULL"
	" UNION SELECT next_key_id FROM certmgr.ca WHERE id = $1 AND next_key_id IS NOT NULL", 1, {INT8OID}};
	Datum		arg = Int64GetDatum(id);
	CmRows		own = cm_query(&keys, &arg, NULL);
	CmRows		rows;

	cm_query(&job, &arg, NULL);
	cm_crl_forget_ca(id);
	cm_ocsp_forget_ca(id);
	cm_issuer_row_forget(id);
	rows = cm_query(&account, &arg, NULL);
	for (int i = 0; i < rows.count; i++)
	{
		cm_store_key_delete(cm_rows_int64(&rows, i, 0));
		if (!cm_rows_null(&rows, i, 1))
			cm_secret_delete(cm_rows_int64(&rows, i, 1));
		if (!cm_rows_null(&rows, i, 2))
			cm_store_key_delete(cm_rows_int64(&rows, i, 2));
	}
	cm_query(&ca, &arg, NULL);
	for (int i = 0; i < own.count; i++)
		cm_store_key_delete(cm_rows_int64(&own, i, 0));
}
