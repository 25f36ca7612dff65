/*
 * acme_account.c - see acme_account.h. Sessions and engines, in a transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "pg/wake.h"
#include "store/acme_account.h"
#include "store/acme_quirk.h"
#include "store/key.h"

CmAcmeAccountRow *
cm_acme_account_get(int64 id)
{
	static CmQuery get = {
		"SELECT a.id, a.ca_id, c.name, c.config::text, c.dns_provider_id, a.key_id, a.state, a.url, a.contacts, a.terms_of_service_agreed, a.eab_kid, a.eab_secret_id,"
		" a.eab_algorithm, a.active, a.step, a.terms_of_service_agreed_to, a.update_wanted, a.deactivation_wanted, a.candidate_key_id, a.rollover,"
		" certmgr_private.caa_identities(c.config, a.caa_identities)"
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
	row->eab_algorithm = cm_rows_text(&rows, 0, 12);
	row->active = cm_rows_bool(&rows, 0, 13);
	row->step = cm_rows_text(&rows, 0, 14);
	row->agreed_to = cm_rows_text(&rows, 0, 15);
	row->update_wanted = cm_rows_bool(&rows, 0, 16);
	row->deactivation_wanted = cm_rows_bool(&rows, 0, 17);
	row->candidate_key_id = cm_rows_int64(&rows, 0, 18);
	row->rollover = cm_rows_text(&rows, 0, 19);
	row->caa_identities = cm_text_array(cm_rows_value(&rows, 0, 20), &row->caa_count);
	cm_acme_quirks_load(row->ca_id, row->ca_config, &row->quirks);
	return row;
}

int64
cm_acme_account_of_ca(int64 ca_id)
{
	static CmQuery find = {"SELECT id FROM certmgr.acme_account WHERE ca_id = $1 AND active", 1, {INT8OID}};
	CmRows		rows = cm_query(&find, (Datum[]) {Int64GetDatum(ca_id)}, NULL);

	return rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
}

void
cm_acme_account_lock(int64 id)
{
	static CmQuery lock = {"SELECT id FROM certmgr.acme_account WHERE id = $1 FOR NO KEY UPDATE", 1, {INT8OID}};

	cm_query(&lock, (Datum[]) {Int64GetDatum(id)}, NULL);
}

int64
cm_acme_account_insert(const CmAcmeAccountNew *account)
{
	static CmQuery former = {"UPDATE certmgr.acme_account SET active = false WHERE ca_id = $1 AND active", 1, {INT8OID}};
	static CmQuery insert = {
		"INSERT INTO certmgr.acme_account (ca_id, key_id, state, contacts, terms_of_service_agreed, terms_of_service_agreed_to, eab_kid, eab_algorithm, eab_secret_id, status_message)"
		" VALUES ($1, $2, 'pending', $3, $4, $5, $6, $7, $8, 'the worker has not registered it yet') RETURNING id",
		8, {INT8OID, INT8OID, TEXTARRAYOID, BOOLOID, TEXTOID, TEXTOID, TEXTOID, INT8OID}};
	CmRows		rows;

	cm_query(&former, (Datum[]) {Int64GetDatum(account->ca_id)}, NULL);
	rows = cm_query(&insert,
					(Datum[]) {Int64GetDatum(account->ca_id), Int64GetDatum(account->key_id), cm_datum_text_array(account->contacts, account->contact_count),
							   BoolGetDatum(account->agreed), cm_datum_text(account->agreed_to), cm_datum_text(account->eab_kid),
							   cm_datum_text(account->eab_algorithm), Int64GetDatum(account->eab_secret_id)},
					(bool[]) {false, false, false, false, account->agreed_to == NULL, account->eab_kid == NULL, false, account->eab_secret_id == 0});
	return cm_rows_int64(&rows, 0, 0);
}

/* Orders that wait for the account, and those that an error of the account had put off. */
static void
wake_orders(int64 id)
{
	static CmQuery orders = {
		"UPDATE certmgr_private.job j SET due_at = LEAST(j.due_at, pg_catalog.clock_timestamp()) FROM certmgr.acme_order o"
		" WHERE j.kind = 'acme_order' AND j.target_id = o.id AND o.account_id = $1 AND o.step NOT IN ('done', 'failed') AND j.lease_until IS NULL AND j.attempt <= 1",
		1, {INT8OID}};

	cm_query(&orders, (Datum[]) {Int64GetDatum(id)}, NULL);
	cm_wake_at_commit();
}

void
cm_acme_account_set_valid(const CmAcmeAccountRow *account, const char *url)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_account SET state = 'valid', step = 'find', url = $2, status_message = NULL,"
		" terms_of_service_agreed_to = CASE WHEN terms_of_service_agreed THEN COALESCE(terms_of_service_agreed_to, terms_of_service) END WHERE id = $1",
		2, {INT8OID, TEXTOID}};
	static CmQuery ca = {
		"UPDATE certmgr.ca SET state = CASE state WHEN 'pending' THEN 'active' ELSE state END, status_message = NULL, last_error = NULL, last_error_at = NULL WHERE id = $1",
		1, {INT8OID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(account->id), cm_datum_text(url)}, NULL);
	cm_query(&ca, (Datum[]) {Int64GetDatum(account->ca_id)}, NULL);
	wake_orders(account->id);
}

static void
set_ca_error(int64 ca_id, const char *message)
{
	static CmQuery ca = {
		"UPDATE certmgr.ca SET last_error = $2, last_error_at = CASE WHEN $2 IS NULL THEN NULL ELSE pg_catalog.clock_timestamp() END WHERE id = $1",
		2, {INT8OID, TEXTOID}};

	cm_query(&ca, (Datum[]) {Int64GetDatum(ca_id), cm_datum_text(message)}, (bool[]) {false, message == NULL});
}

void
cm_acme_account_set_trouble(const CmAcmeAccountRow *account, const char *state, const char *step, const char *message)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_account SET state = $2, step = COALESCE($3, step), status_message = $4 WHERE id = $1",
		4, {INT8OID, TEXTOID, TEXTOID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(account->id), cm_datum_text(state), cm_datum_text(step), cm_datum_text(message)},
			 (bool[]) {false, false, step == NULL, false});
	set_ca_error(account->ca_id, message);
}

void
cm_acme_account_set_step(int64 id, const char *step)
{
	static CmQuery set = {"UPDATE certmgr.acme_account SET step = $2 WHERE id = $1", 2, {INT8OID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text(step)}, NULL);
}

void
cm_acme_account_say(const CmAcmeAccountRow *account, const char *message)
{
	static CmQuery set = {"UPDATE certmgr.acme_account SET status_message = $2 WHERE id = $1", 2, {INT8OID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(account->id), cm_datum_text(message)}, (bool[]) {false, message == NULL});
	set_ca_error(account->ca_id, message);
}

void
cm_acme_account_end(const CmAcmeAccountRow *account, const char *state, const char *message)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_account SET state = $2, status_message = $3, update_wanted = false, deactivation_wanted = false WHERE id = $1",
		3, {INT8OID, TEXTOID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(account->id), cm_datum_text(state), cm_datum_text(message)}, NULL);
	set_ca_error(account->ca_id, message);
}

void
cm_acme_account_set_directory(int64 id, const char *terms, char *const *caa_identities, int count)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_account SET terms_of_service = $2, caa_identities = $3 WHERE id = $1 AND (terms_of_service, caa_identities) IS DISTINCT FROM ($2, $3)",
		3, {INT8OID, TEXTOID, TEXTARRAYOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text(terms), cm_datum_text_array(caa_identities, count)}, (bool[]) {false, terms == NULL, false});
}

void
cm_acme_account_set_agreed(int64 id, bool agreed)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_account SET terms_of_service_agreed = $2, terms_of_service_agreed_to = CASE WHEN $2 THEN terms_of_service END WHERE id = $1",
		2, {INT8OID, BOOLOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), BoolGetDatum(agreed)}, NULL);
}

void
cm_acme_account_set_contacts(int64 id, char *const *contacts, int count)
{
	static CmQuery set = {"UPDATE certmgr.acme_account SET contacts = $2 WHERE id = $1", 2, {INT8OID, TEXTARRAYOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text_array(contacts, count)}, NULL);
}

void
cm_acme_account_set_eab(int64 id, const char *kid, const char *algorithm, int64 secret_id)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_account SET eab_kid = $2, eab_algorithm = COALESCE($3, eab_algorithm), eab_secret_id = $4 WHERE id = $1",
		4, {INT8OID, TEXTOID, TEXTOID, INT8OID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text(kid), cm_datum_text(algorithm), Int64GetDatum(secret_id)},
			 (bool[]) {false, kid == NULL, algorithm == NULL, secret_id == 0});
}

void
cm_acme_account_set_update(int64 id, bool wanted)
{
	static CmQuery set = {"UPDATE certmgr.acme_account SET update_wanted = $2 WHERE id = $1", 2, {INT8OID, BOOLOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), BoolGetDatum(wanted)}, NULL);
}

void
cm_acme_account_want_deactivation(int64 id)
{
	static CmQuery set = {"UPDATE certmgr.acme_account SET deactivation_wanted = true WHERE id = $1", 1, {INT8OID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id)}, NULL);
}

void
cm_acme_account_set_key(int64 id, int64 key_id)
{
	static CmQuery set = {
		"WITH old AS (SELECT key_id FROM certmgr.acme_account WHERE id = $1), new AS (UPDATE certmgr.acme_account SET key_id = $2 WHERE id = $1)"
		" SELECT key_id FROM old",
		2, {INT8OID, INT8OID}};
	CmRows		rows = cm_query(&set, (Datum[]) {Int64GetDatum(id), Int64GetDatum(key_id)}, NULL);

	cm_store_key_delete(cm_rows_int64(&rows, 0, 0));
}

void
cm_acme_account_set_rollover(int64 id, const char *rollover, int64 candidate_key_id, const char *message)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_account SET rollover = $2, candidate_key_id = COALESCE($3, candidate_key_id), rollover_message = $4 WHERE id = $1",
		4, {INT8OID, TEXTOID, INT8OID, TEXTOID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(id), cm_datum_text(rollover), Int64GetDatum(candidate_key_id), cm_datum_text(message)},
			 (bool[]) {false, false, candidate_key_id == 0, message == NULL});
}

void
cm_acme_account_rolled(const CmAcmeAccountRow *account)
{
	static CmQuery set = {
		"UPDATE certmgr.acme_account SET key_id = candidate_key_id, candidate_key_id = NULL, rollover = 'done',"
		" rollover_message = 'the key was changed at ' || pg_catalog.date_trunc('second', pg_catalog.clock_timestamp())::text WHERE id = $1",
		1, {INT8OID}};
	/* A TXT value is made of the account key: what was not shown to the CA yet is made anew. */
	static CmQuery orders = {
		"UPDATE certmgr.acme_order SET step = 'authorize' WHERE account_id = $1 AND step IN ('present', 'confirm', 'propagate', 'challenge')",
		1, {INT8OID}};
	Datum		arg = Int64GetDatum(account->id);

	cm_query(&set, &arg, NULL);
	cm_query(&orders, &arg, NULL);
	cm_store_key_delete(account->key_id);
	wake_orders(account->id);
}

void
cm_acme_account_drop_candidate(const CmAcmeAccountRow *account)
{
	static CmQuery set = {"UPDATE certmgr.acme_account SET candidate_key_id = NULL WHERE id = $1", 1, {INT8OID}};

	cm_query(&set, (Datum[]) {Int64GetDatum(account->id)}, NULL);
	cm_store_key_delete(account->candidate_key_id);
}

int
cm_acme_account_busy(int64 id)
{
	static CmQuery count = {
		"SELECT pg_catalog.count(*) FROM certmgr.acme_order o JOIN certmgr_private.job j ON j.kind = 'acme_order' AND j.target_id = o.id"
		" WHERE o.account_id = $1 AND o.step NOT IN ('done', 'failed') AND j.lease_until > pg_catalog.clock_timestamp()",
		1, {INT8OID}};
	CmRows		rows = cm_query(&count, (Datum[]) {Int64GetDatum(id)}, NULL);

	return (int) cm_rows_int64(&rows, 0, 0);
}

int
cm_acme_account_move_orders(int64 from, int64 to)
{
	static CmQuery authorizations = {
		"DELETE FROM certmgr.acme_authorization z USING certmgr.acme_order o WHERE o.id = z.order_id AND o.account_id = $1 AND o.step NOT IN ('done', 'failed')",
		1, {INT8OID}};
	static CmQuery orders = {
		"UPDATE certmgr.acme_order SET account_id = $2, step = 'new_order', status = NULL, url = NULL, finalize_url = NULL, certificate_url = NULL, expires = NULL,"
		" polls = 0, step_since = pg_catalog.clock_timestamp() WHERE account_id = $1 AND step NOT IN ('done', 'failed')",
		2, {INT8OID, INT8OID}};
	static CmQuery lanes = {
		"UPDATE certmgr_private.job SET lane = $2, due_at = CASE WHEN lease_until IS NULL THEN LEAST(due_at, pg_catalog.clock_timestamp()) ELSE due_at END"
		" WHERE lane = $1 AND kind = 'acme_order'",
		2, {INT8OID, INT8OID}};
	Datum		args[] = {Int64GetDatum(from), Int64GetDatum(to)};

	cm_query(&authorizations, args, NULL);
	cm_query(&lanes, args, NULL);
	return cm_query(&orders, args, NULL).count;
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

void
cm_acme_ca_change(int64 id, const char *patch, const char *quirks, bool has_provider, int64 dns_provider_id)
{
	/* {} takes all quirks away; an object without members takes no place. */
	static CmQuery change = {
		"UPDATE certmgr.ca SET config = pg_catalog.jsonb_strip_nulls(config || $2::pg_catalog.jsonb || pg_catalog.jsonb_build_object('quirks',"
		" NULLIF(pg_catalog.jsonb_strip_nulls(CASE WHEN $3 = '{}' THEN '{}' ELSE COALESCE(config->'quirks', '{}') END || COALESCE($3::pg_catalog.jsonb, '{}')), '{}'))),"
		" dns_provider_id = CASE WHEN $4 THEN $5 ELSE dns_provider_id END WHERE id = $1",
		5, {INT8OID, TEXTOID, TEXTOID, BOOLOID, INT8OID}};

	cm_query(&change, (Datum[]) {Int64GetDatum(id), cm_datum_text(patch), cm_datum_text(quirks), BoolGetDatum(has_provider), Int64GetDatum(dns_provider_id)},
			 (bool[]) {false, false, quirks == NULL, false, dns_provider_id == 0});
}
