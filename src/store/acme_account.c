/*
 * acme_account.c - see acme_account.h. Sessions and engines, in a transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "pg/wake.h"
#include "store/acme_account.h"
#include "store/acme_quirk.h"

CmAcmeAccountRow *
cm_acme_account_get(int64 id)
{
	static CmQuery get = {
		"SELECT a.id, a.ca_id, c.name, c.config::text, c.dns_provider_id, a.key_id, a.state, a.url, a.contacts, a.terms_of_service_agreed, a.eab_kid, a.eab_secret_id"
		" FROM certmgr.acme_account a JOIN certmgr.ca c ON c.id = a.ca_id WHERE a.id = $1",
		1, {INT8OID}};
	CmRows		rows = cm_query(&get, (Datum[]) {Int64GetDatum(id)}, NULL);
	CmAcmeAccountRow *row;

	if (rows.count == 0)
		return NULL;
	row = palloc0(sizeof(CmAcmeAccountRow));
	row->id = cm_rows_int64(&rows, 0, 0);
	row->ca_id = cm_rows_int64(&rows, 0, 1);
	row->ca_name = cm_rows_text(&rows, 0, 2);
	row->ca_config = cm_rows_text(&rows, 0, 3);
	row->dns_provider_id = cm_rows_int64(&rows, 0, 4);
	row->key_id = cm_rows_int64(&rows, 0, 5);
	row->state = cm_rows_text(&rows, 0, 6);
	row->url = cm_rows_text(&rows, 0, 7);
	row->contacts = cm_text_array(cm_rows_value(&rows, 0, 8), &row->contact_count);
	row->agreed = cm_rows_bool(&rows, 0, 9);
	row->eab_kid = cm_rows_text(&rows, 0, 10);
	row->eab_secret_id = cm_rows_int64(&rows, 0, 11);
	cm_acme_quirks_load(row->ca_id, row->ca_config, &row->quirks);
	return row;
}

int64
cm_acme_account_of_ca(int64 ca_id)
{
	static CmQuery find = {"SELECT id FROM certmgr.acme_account WHERE ca_id = $1", 1, {INT8OID}};
	CmRows		rows = cm_query(&find, (Datum[]) {Int64GetDatum(ca_id)}, NULL);

	return rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
}

int64
cm_acme_account_insert(int64 ca_id, int64 key_id, char *const *contacts, int count, bool agreed, const char *eab_kid, int64 eab_secret_id)
{
	static CmQuery insert = {
		"INSERT INTO certmgr.acme_account (ca_id, key_id, state, contacts, terms_of_service_agreed, eab_kid, eab_secret_id, status_message)"
		" VALUES ($1, $2, 'pending', $3, $4, $5, $6, 'the worker has not registered it yet') RETURNING id",
		6, {INT8OID, INT8OID, TEXTARRAYOID, BOOLOID, TEXTOID, INT8OID}};
	CmRows		rows = cm_query(&insert,
								(Datum[]) {Int64GetDatum(ca_id), Int64GetDatum(key_id), cm_datum_text_array(contacts, count), BoolGetDatum(agreed),
										   cm_datum_text(eab_kid), Int64GetDatum(eab_secret_id)},
								(bool[]) {false, false, false, false, eab_kid == NULL, eab_secret_id == 0});

	return cm_rows_int64(&rows, 0, 0);
}

void
cm_acme_account_set_valid(const CmAcmeAccountRow *account, const char *url)
{
	static CmQuery set = {"UPDATE certmgr.acme_account SET state = 'valid', url = $2, status_message = NULL WHERE id = $1", 2, {INT8OID, TEXTOID}};
	static CmQuery ca = {
		"UPDATE certmgr.ca SET state = CASE state WHEN 'pending' THEN 'active' ELSE state END, status_message = NULL, last_error = NULL, last_error_at = NULL WHERE id = $1",
		1, {INT8OID}};
	static CmQuery orders = {
		"UPDATE certmgr_private.job j SET due_at = LEAST(j.due_at, pg_catalog.clock_timestamp()) FROM certmgr.acme_order o"
		" WHERE j.kind = 'acme_order' AND j.target_id = o.id AND o.account_id = $1 AND o.step = 'new_order' AND o.url IS NULL AND j.lease_until IS NULL AND j.attempt = 0",
		1, {INT8OID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(account->id), cm_datum_text(url)}, NULL);
	cm_query(&ca, (Datum[]) {Int64GetDatum(account->ca_id)}, NULL);
	cm_query(&orders, (Datum[]) {Int64GetDatum(account->id)}, NULL);
	cm_wake_at_commit();
}

void
cm_acme_account_set_trouble(const CmAcmeAccountRow *account, const char *state, const char *message, bool forget_url)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_account SET state = $2, status_message = $3, url = CASE WHEN $4 THEN NULL ELSE url END WHERE id = $1",
		4, {INT8OID, TEXTOID, TEXTOID, BOOLOID}};
	static CmQuery ca = {"UPDATE certmgr.ca SET last_error = $2, last_error_at = pg_catalog.clock_timestamp() WHERE id = $1", 2, {INT8OID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(account->id), cm_datum_text(state), cm_datum_text(message), BoolGetDatum(forget_url)}, NULL);
	cm_query(&ca, (Datum[]) {Int64GetDatum(account->ca_id), cm_datum_text(message)}, NULL);
}

int64
cm_acme_ca_insert(const char *name, const char *config, int64 dns_provider_id, const char *message)
{
	static CmQuery insert = {
		"INSERT INTO certmgr.ca (name, type, state, config, dns_provider_id, status_message) VALUES ($1, 'acme', 'pending', $2::pg_catalog.jsonb, $3, $4) RETURNING id",
		4, {TEXTOID, TEXTOID, INT8OID, TEXTOID}};
	CmRows		rows = cm_query(&insert, (Datum[]) {cm_datum_text(name), cm_datum_text(config), Int64GetDatum(dns_provider_id), cm_datum_text(message)},
								(bool[]) {false, false, dns_provider_id == 0, false});

	return cm_rows_int64(&rows, 0, 0);
}

void
cm_acme_ca_set_config(int64 ca_id, const char *key, const char *json)
{
	static CmQuery set = {
		"UPDATE certmgr.ca SET config = CASE WHEN $3 IS NULL THEN config - $2 ELSE config || pg_catalog.jsonb_build_object($2, $3::pg_catalog.jsonb) END"
		" WHERE id = $1",
		3, {INT8OID, TEXTOID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(ca_id), cm_datum_text(key), cm_datum_text(json)}, (bool[]) {false, false, json == NULL});
}
