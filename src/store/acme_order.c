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
		" c.state, c.subscriber_id, c.renewed_from, c.ca_id, o.expires, o.finished_at, o.replaces, o.replaces_sent, o.finalizes, o.losses, o.lifetime, CASE WHEN s.ca_id = c.ca_id THEN s.profile END, COALESCE(s.partial_issue, false), o.not_before, o.note"
		/* Profiles have the names that the subscriber's own CA gives them. */
		" FROM certmgr.acme_order o JOIN certmgr.certificate c ON c.id = o.certificate_id LEFT JOIN certmgr.subscriber s ON s.id = c.subscriber_id WHERE o.id = $1 FOR NO KEY UPDATE OF o",
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
	row->expires = cm_rows_time(&rows, 0, 16, 0);
	row->finished_at = cm_rows_time(&rows, 0, 17, 0);
	row->replaces = cm_rows_text(&rows, 0, 18);
	row->replaces_sent = cm_rows_bool(&rows, 0, 19);
	row->finalizes = DatumGetInt32(cm_rows_value(&rows, 0, 20));
	row->losses = DatumGetInt32(cm_rows_value(&rows, 0, 21));
	row->has_lifetime = !cm_rows_null(&rows, 0, 22);
	if (row->has_lifetime)
		row->lifetime = *DatumGetIntervalP(cm_rows_value(&rows, 0, 22));
	row->profile = cm_rows_text(&rows, 0, 23);
	row->partial_issue = cm_rows_bool(&rows, 0, 24);
	row->not_before = cm_rows_time(&rows, 0, 25, 0);
	row->note = cm_rows_text(&rows, 0, 26);
	row->context = CurrentMemoryContext;
	return row;
}

CmAcmeOrderRow *
cm_acme_order_of_certificate(int64 certificate_id)
{
	static CmQuery find = {"SELECT pg_catalog.max(id) FROM certmgr.acme_order WHERE certificate_id = $1", 1, {INT8OID}};
	CmRows		rows = cm_query(&find, (Datum[]) {Int64GetDatum(certificate_id)}, NULL);

	return cm_rows_null(&rows, 0, 0) ? NULL : cm_acme_order_get(cm_rows_int64(&rows, 0, 0));
}

int64
cm_acme_order_insert(int64 certificate_id, int64 account_id, char *const *identifiers, int count, const CmAcmeTimes *times)
{
	static CmQuery insert = {
		"INSERT INTO certmgr.acme_order (certificate_id, account_id, step, identifiers, step_since, created_at, lifetime, not_before)"
		" VALUES ($1, $2, CASE WHEN EXISTS (SELECT FROM certmgr.acme_account a JOIN certmgr.ca ON ca.id = a.ca_id WHERE a.id = $2"
		" AND (a.url IS NULL OR certmgr_private.caa_identities(ca.config, a.caa_identities) <> '{}')) THEN 'preflight' ELSE 'new_order' END, $3, pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp(), $4, $5) RETURNING id",
		5, {INT8OID, INT8OID, TEXTARRAYOID, INTERVALOID, TIMESTAMPTZOID}};
	CmRows		rows = cm_query(&insert,
							   (Datum[]) {Int64GetDatum(certificate_id), Int64GetDatum(account_id), cm_datum_text_array(identifiers, count), IntervalPGetDatum(times->lifetime),
										  TimestampTzGetDatum(times->not_before)},
							   (bool[]) {false, false, false, times->lifetime == NULL, times->not_before == 0});

	return cm_rows_int64(&rows, 0, 0);
}

int64
cm_acme_order_again(const CmAcmeOrderRow *order, char *const *identifiers, int count)
{
	CmAcmeTimes times = {order->has_lifetime ? &order->lifetime : NULL, order->not_before};

	return cm_acme_order_insert(order->certificate_id, order->account_id, identifiers, count, &times);
}

/* Into the row, whose memory outlives the step's. NULL: left as it is. */
static void
take(CmAcmeOrderRow *order, char **field, const char *value)
{
	if (value == NULL)
		return;
	*field = MemoryContextStrdup(order->context, value);
	order->changed = true;
}

void
cm_acme_order_set_step(CmAcmeOrderRow *order, const char *step, const char *status)
{
	take(order, &order->step, step);
	take(order, &order->status, status);
	order->polls = 0;
	order->step_since = GetCurrentTimestamp();
}

void
cm_acme_order_set_replaces(CmAcmeOrderRow *order, const char *replaces, bool sent)
{
	take(order, &order->replaces, replaces);
	order->replaces_sent = sent;
	order->changed = true;
}

void
cm_acme_order_set_note(CmAcmeOrderRow *order, const char *note)
{
	take(order, &order->note, note);
}

void
cm_acme_order_count_poll(CmAcmeOrderRow *order)
{
	order->polls++;
	order->changed = true;
}

void
cm_acme_order_set_answer(CmAcmeOrderRow *order, const char *status, const char *finalize_url, const char *certificate_url, TimestampTz expires)
{
	take(order, &order->status, status);
	take(order, &order->finalize_url, finalize_url);
	take(order, &order->certificate_url, certificate_url);
	if (expires != 0)
		order->expires = expires;
	order->changed = true;
}

bool
cm_acme_order_set_url(CmAcmeOrderRow *order, const char *url)
{
	static CmQuery give_up = {
		"UPDATE certmgr.acme_order SET url = NULL WHERE account_id = $1 AND url = $2 AND id <> $3 AND step = 'failed'",
		3, {INT8OID, TEXTOID, INT8OID}};
	static CmQuery taken = {
		"SELECT id FROM certmgr.acme_order WHERE account_id = $1 AND url = $2 AND id <> $3",
		3, {INT8OID, TEXTOID, INT8OID}};
	Datum		args[] = {Int64GetDatum(order->account_id), cm_datum_text(url), Int64GetDatum(order->id)};

	if (cm_query(&taken, args, NULL).count > 0)
	{
		cm_query(&give_up, args, NULL);
		if (cm_query(&taken, args, NULL).count > 0)
			return false;
	}
	take(order, &order->url, url);
	return true;
}

void
cm_acme_order_forget(CmAcmeOrderRow *order)
{
	static CmQuery authorizations = {"DELETE FROM certmgr.acme_authorization WHERE order_id = $1", 1, {INT8OID}};

	cm_query(&authorizations, (Datum[]) {Int64GetDatum(order->id)}, NULL);
	cm_acme_order_set_step(order, "new_order", NULL);
	order->status = order->url = order->finalize_url = order->certificate_url = NULL;
	order->expires = 0;
	order->finalizes = 0;
	order->losses++;
}

void
cm_acme_order_end(CmAcmeOrderRow *order, const char *step, const char *problem)
{
	cm_acme_order_set_step(order, step, NULL);
	take(order, &order->problem, problem);
	order->finished_at = order->step_since;
}

void
cm_acme_order_save(CmAcmeOrderRow *order)
{
	static CmQuery save = {
		"UPDATE certmgr.acme_order SET step = $2, status = $3, url = $4, finalize_url = $5, certificate_url = $6, expires = $7, step_since = $8, polls = $9,"
		" problem = COALESCE($10::pg_catalog.jsonb, problem), finished_at = $11, replaces = $12, replaces_sent = $13, finalizes = $14, losses = $15, note = $16 WHERE id = $1",
		16, {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, TEXTOID, TIMESTAMPTZOID, TEXTOID, BOOLOID, INT4OID, INT4OID, TEXTOID}};

	if (!order->changed)
		return;
	cm_query(&save,
			 (Datum[]) {Int64GetDatum(order->id), cm_datum_text(order->step), cm_datum_text(order->status), cm_datum_text(order->url),
						cm_datum_text(order->finalize_url), cm_datum_text(order->certificate_url), TimestampTzGetDatum(order->expires),
						TimestampTzGetDatum(order->step_since), Int32GetDatum(order->polls), cm_datum_text(order->problem), TimestampTzGetDatum(order->finished_at),
						cm_datum_text(order->replaces), BoolGetDatum(order->replaces_sent), Int32GetDatum(order->finalizes), Int32GetDatum(order->losses),
						cm_datum_text(order->note)},
			 (bool[]) {false, false, order->status == NULL, order->url == NULL, order->finalize_url == NULL, order->certificate_url == NULL, order->expires == 0,
					   false, false, order->problem == NULL, order->finished_at == 0, order->replaces == NULL, false, false, false, order->note == NULL});
	order->changed = false;
}

void
cm_acme_order_lock(int64 certificate_id)
{
	static CmQuery jobs = {
		"SELECT FROM certmgr_private.job j JOIN certmgr.acme_order o ON j.kind IN ('acme_order', 'acme_cleanup') AND j.target_id = o.id"
		" WHERE o.certificate_id = $1 ORDER BY j.id FOR UPDATE OF j",
		1, {INT8OID}};
	static CmQuery orders = {"SELECT FROM certmgr.acme_order WHERE certificate_id = $1 ORDER BY id FOR UPDATE", 1, {INT8OID}};
	Datum		arg = Int64GetDatum(certificate_id);

	(void) cm_query(&jobs, &arg, NULL);
	(void) cm_query(&orders, &arg, NULL);
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

int64
cm_acme_order_twin(const CmAcmeOrderRow *order)
{
	static CmQuery twin = {
		"SELECT certificate_id FROM certmgr.acme_order WHERE account_id = $1 AND id < $2 AND step NOT IN ('done', 'failed') AND finished_at IS NULL AND identifiers @> $3 AND identifiers <@ $3 LIMIT 1",
		3, {INT8OID, INT8OID, TEXTARRAYOID}};
	CmRows		rows = cm_query(&twin, (Datum[]) {Int64GetDatum(order->account_id), Int64GetDatum(order->id), cm_datum_text_array(order->identifiers, order->identifier_count)}, NULL);

	return rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
}

bool
cm_acme_order_key_refused(int64 certificate_id)
{
	static CmQuery find = {"SELECT FROM certmgr.acme_order WHERE certificate_id = $1 AND problem->>'type' ~* '(^|:)badPublicKey$' LIMIT 1", 1, {INT8OID}};

	return cm_query(&find, (Datum[]) {Int64GetDatum(certificate_id)}, NULL).count > 0;
}

int
cm_acme_order_count(int64 certificate_id)
{
	static CmQuery count = {"SELECT pg_catalog.count(*) FROM certmgr.acme_order WHERE certificate_id = $1", 1, {INT8OID}};
	CmRows		rows = cm_query(&count, (Datum[]) {Int64GetDatum(certificate_id)}, NULL);

	return (int) cm_rows_int64(&rows, 0, 0);
}

CmAcmeEvent *
cm_acme_order_events(int64 certificate_id, int *count)
{
	static CmQuery list = {"SELECT e.at, e.event FROM certmgr_private.explain_order($1) e WHERE e.event IS NOT NULL", 1, {INT8OID}};
	CmRows		rows = cm_query(&list, (Datum[]) {Int64GetDatum(certificate_id)}, NULL);
	CmAcmeEvent *events = palloc(sizeof(CmAcmeEvent) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
	{
		events[i].at = cm_rows_time(&rows, i, 0, 0);
		events[i].words = cm_rows_text(&rows, i, 1);
	}
	*count = rows.count;
	return events;
}

int64 *
cm_acme_orders_started(int64 account_id, int *count)
{
	static CmQuery started = {
		"SELECT o.id FROM certmgr_private.job j JOIN certmgr.acme_order o ON o.id = j.target_id"
		" WHERE j.lane = $1 AND j.kind = 'acme_order' AND (j.lease_until IS NOT NULL OR j.due_at < pg_catalog.clock_timestamp() + interval '1 minute')"
		" AND o.url IS NOT NULL AND o.step NOT IN ('done', 'failed')",
		1, {INT8OID}};
	CmRows		rows = cm_query(&started, (Datum[]) {Int64GetDatum(account_id)}, NULL);
	int64	   *ids = palloc(sizeof(int64) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
		ids[i] = cm_rows_int64(&rows, i, 0);
	*count = rows.count;
	return ids;
}
