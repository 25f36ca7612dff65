/*
 * acme_limit.c - see acme_limit.h. Sessions and engines, in a transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "pg/table_watch.h"
#include "store/acme_limit.h"
#include "utils/timestamp.h"

/* ---- the limits themselves ---- */

typedef struct Slot
{
	int64		ca_id;
	uint64		generation;
	CmLimits	limits;
} Slot;

static HTAB *slots;
static CmTableWatch watch = {{"acme_limit", "acme_preset", "ca"}};

static void
open_cache(void)
{
	cm_table_watch(&watch);
	if (slots == NULL)
		slots = cm_process_table("certmgr ACME limits", sizeof(int64), sizeof(Slot), HASH_BLOBS);
}

void
cm_limits_load(int64 ca_id, CmLimits *out)
{
	static CmQuery get = {
		"SELECT l.scope, l.burst::bigint, (EXTRACT(epoch FROM l.period) * 1000000)::bigint, l.renewals_exempt FROM certmgr_private.acme_limits($1) l",
		1, {INT8OID}};
	uint64		seen;
	CmRows		rows;
	Slot	   *slot;
	bool		found;

	open_cache();
	slot = hash_search(slots, &ca_id, HASH_ENTER, &found);
	if (found && slot->generation == watch.generation)
	{
		*out = slot->limits;
		return;
	}
	slot->generation = 0;
	seen = watch.generation;
	rows = cm_query(&get, (Datum[]) {Int64GetDatum(ca_id)}, NULL);
	memset(out, 0, sizeof(*out));
	for (int i = 0; i < rows.count && i < CM_LIMIT_SCOPES; i++)
	{
		CmLimit    *limit = &out->limits[out->count++];

		strlcpy(limit->scope, cm_rows_text(&rows, i, 0), sizeof(limit->scope));
		limit->rate.burst = cm_rows_int64(&rows, i, 1);
		limit->rate.period = cm_rows_int64(&rows, i, 2);
		limit->renewals_exempt = cm_rows_bool(&rows, i, 3);
	}
	slot = hash_search(slots, &ca_id, HASH_ENTER, &found);
	slot->limits = *out;
	slot->generation = seen;
}

const CmLimit *
cm_limits_find(const CmLimits *limits, const char *scope)
{
	for (int i = 0; i < limits->count; i++)
	{
		if (strcmp(limits->limits[i].scope, scope) == 0)
			return &limits->limits[i];
	}
	return NULL;
}

/* ---- how far they are used up ---- */

void
cm_limit_read(int64 ca_id, CmLimitKey *keys, int count)
{
	static CmQuery get = {
		"SELECT u.n, s.tat, CASE WHEN s.parked_until > pg_catalog.clock_timestamp() THEN s.parked_until END, s.parked_message"
		" FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3)) WITH ORDINALITY AS u (scope, key, n)"
		" JOIN certmgr.acme_limit_state s ON s.ca_id = $1 AND s.scope = u.scope AND s.key = u.key",
		3, {INT8OID, TEXTARRAYOID, TEXTARRAYOID}};
	char	  **scopes = palloc(sizeof(char *) * Max(count, 1));
	char	  **texts = palloc(sizeof(char *) * Max(count, 1));
	CmRows		rows;

	for (int i = 0; i < count; i++)
	{
		scopes[i] = unconstify(char *, keys[i].scope);
		texts[i] = keys[i].key;
		keys[i].tat = 0;
		keys[i].parked_until = 0;
	}
	rows = cm_query(&get, (Datum[]) {Int64GetDatum(ca_id), cm_datum_text_array(scopes, count), cm_datum_text_array(texts, count)}, NULL);
	for (int i = 0; i < rows.count; i++)
	{
		CmLimitKey *key = &keys[cm_rows_int64(&rows, i, 0) - 1];

		key->tat = cm_rows_time(&rows, i, 1, 0);
		key->parked_until = cm_rows_time(&rows, i, 2, 0);
		key->parked_message = cm_rows_text(&rows, i, 3);
	}
}

void
cm_limit_charge(int64 ca_id, const char *scope, const char *key, const CmGcra *rate, TimestampTz now)
{
	/* $5: the time that one costs. As cm_gcra_charge(), of the row as it is once we have it. */
	static CmQuery put = {
		"INSERT INTO certmgr.acme_limit_state AS s (ca_id, scope, key, tat) VALUES ($1, $2, $3, $4 + $5 * interval '1 microsecond')"
		" ON CONFLICT (ca_id, scope, key) DO UPDATE SET tat = GREATEST(s.tat, $4) + $5 * interval '1 microsecond'",
		5, {INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT8OID}};

	cm_query(&put, (Datum[]) {Int64GetDatum(ca_id), cm_datum_text(scope), cm_datum_text(key), TimestampTzGetDatum(now), Int64GetDatum(cm_gcra_charge(rate, now, now) - now)}, NULL);
}

void
cm_limit_refund(int64 ca_id, const char *scope, const char *key, const CmGcra *rate)
{
	static CmQuery take = {
		"UPDATE certmgr.acme_limit_state SET tat = tat - $4 * interval '1 microsecond' WHERE ca_id = $1 AND scope = $2 AND key = $3",
		4, {INT8OID, TEXTOID, TEXTOID, INT8OID}};

	cm_query(&take, (Datum[]) {Int64GetDatum(ca_id), cm_datum_text(scope), cm_datum_text(key), Int64GetDatum(-cm_gcra_refund(rate, 0))}, NULL);
}

void
cm_limit_park(int64 ca_id, const char *scope, const char *key, TimestampTz until, const char *message)
{
	static CmQuery put = {
		"INSERT INTO certmgr.acme_limit_state (ca_id, scope, key, tat, parked_until, parked_message) VALUES ($1, $2, $3, pg_catalog.clock_timestamp(), $4, $5)"
		" ON CONFLICT (ca_id, scope, key) DO UPDATE SET parked_until = EXCLUDED.parked_until, parked_message = EXCLUDED.parked_message",
		5, {INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID}};

	cm_query(&put, (Datum[]) {Int64GetDatum(ca_id), cm_datum_text(scope), cm_datum_text(key), TimestampTzGetDatum(until), cm_datum_text(message)}, NULL);
}

bool
cm_charge_put(int64 order_id, bool renewal)
{
	static CmQuery put = {"INSERT INTO certmgr_private.acme_charge (order_id, renewal) VALUES ($1, $2) ON CONFLICT DO NOTHING", 2, {INT8OID, BOOLOID}};

	return cm_query(&put, (Datum[]) {Int64GetDatum(order_id), BoolGetDatum(renewal)}, NULL).count > 0;
}

bool
cm_charge_exists(int64 order_id)
{
	static CmQuery get = {"SELECT 1 FROM certmgr_private.acme_charge WHERE order_id = $1", 1, {INT8OID}};

	return cm_query(&get, (Datum[]) {Int64GetDatum(order_id)}, NULL).count > 0;
}

bool
cm_charge_take(int64 order_id, bool *renewal)
{
	static CmQuery take = {"DELETE FROM certmgr_private.acme_charge WHERE order_id = $1 RETURNING renewal", 1, {INT8OID}};
	CmRows		rows = cm_query(&take, (Datum[]) {Int64GetDatum(order_id)}, NULL);

	*renewal = rows.count > 0 && cm_rows_bool(&rows, 0, 0);
	return rows.count > 0;
}

void
cm_limit_set(int64 ca_id, const char *scope, int burst, const Interval *period)
{
	static CmQuery clear = {"DELETE FROM certmgr.acme_limit WHERE ca_id = $1 AND scope = $2", 2, {INT8OID, TEXTOID}};
	static CmQuery put = {
		"INSERT INTO certmgr.acme_limit (ca_id, scope, burst, period) VALUES ($1, $2, $3, $4)",
		4, {INT8OID, TEXTOID, INT4OID, INTERVALOID}};
	Datum		args[] = {Int64GetDatum(ca_id), cm_datum_text(scope), Int32GetDatum(burst), IntervalPGetDatum(period)};

	cm_query(&clear, args, NULL);
	if (burst > 0)
		cm_query(&put, args, NULL);
}

/* ---- circuit breakers ---- */

CmBreaker *
cm_breaker_list(int *count)
{
	static CmQuery list = {"SELECT ca_id, opens::bigint, open_until FROM certmgr.acme_breaker", 0, {InvalidOid}};
	CmRows		rows = cm_query(&list, NULL, NULL);
	CmBreaker  *breakers = palloc0(sizeof(CmBreaker) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
	{
		breakers[i].ca_id = cm_rows_int64(&rows, i, 0);
		breakers[i].opens = (int) cm_rows_int64(&rows, i, 1);
		breakers[i].open_until = cm_rows_time(&rows, i, 2, 0);
	}
	*count = rows.count;
	return breakers;
}

void
cm_breaker_open(int64 ca_id, const char *reason)
{
	static CmQuery open = {
		"INSERT INTO certmgr.acme_breaker AS b (ca_id, opens, opened_at, open_until, reason)"
		" VALUES ($1, 1, pg_catalog.clock_timestamp(), pg_catalog.clock_timestamp() + interval '30 seconds', $2)"
		" ON CONFLICT (ca_id) DO UPDATE SET opens = b.opens + 1, reason = EXCLUDED.reason,"
		" open_until = pg_catalog.clock_timestamp() + LEAST(interval '30 seconds' * (2 ^ LEAST(b.opens, 10)), interval '15 minutes') WHERE b.open_until <= pg_catalog.clock_timestamp()",
		2, {INT8OID, TEXTOID}};
	static CmQuery ca = {
		"UPDATE certmgr.ca SET last_error = $2, last_error_at = pg_catalog.clock_timestamp() WHERE id = $1",
		2, {INT8OID, TEXTOID}};
	CmRows		rows = cm_query(&open, (Datum[]) {Int64GetDatum(ca_id), cm_datum_text(reason)}, NULL);

	/* What was under way when it opened fails as well: that is no other reason. */
	if (rows.count == 0)
		return;
	cm_query(&ca, (Datum[]) {Int64GetDatum(ca_id), cm_datum_text(psprintf("the CA does not answer as it should, it is asked again when a pause is over (certmgr.acme_breaker): %s", reason))}, NULL);
}

void
cm_breaker_close(int64 ca_id)
{
	static CmQuery close_it = {"DELETE FROM certmgr.acme_breaker WHERE ca_id = $1", 1, {INT8OID}};
	static CmQuery ca = {"UPDATE certmgr.ca SET last_error = NULL, last_error_at = NULL WHERE id = $1 AND state <> 'pending'", 1, {INT8OID}};
	Datum		arg = Int64GetDatum(ca_id);

	if (cm_query(&close_it, &arg, NULL).count > 0)
		cm_query(&ca, &arg, NULL);
}
