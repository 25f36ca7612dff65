/*
 * crl_scope.c - see crl_scope.h. Backends and the worker, as certmgr_owner.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/crl_scope.h"
#include "utils/timestamp.h"

/* How many shards a CA wants: those of the configuration, one when only the address speaks of shards, none without it. */
#define WANTED \
	"SELECT id, key_id, config->>'crl_url' AS url, config->>'crl_ca_url' IS NOT NULL AS apart," \
	" CASE WHEN config->>'crl_ca_url' IS NULL THEN 'all' ELSE 'user' END AS covers," \
	" CASE WHEN pg_catalog.strpos(config->>'crl_url', '{shard}') > 0 THEN COALESCE((config->>'crl_shards')::int, 1) ELSE 0 END AS shards" \
	" FROM certmgr.ca WHERE id = $1 AND type = 'private' AND certificate_id IS NOT NULL AND key_id IS NOT NULL"

static const char *const covers_names[] = {"all", "ca", "user"};

bool
cm_crl_covers_parse(const char *name, CmCrlCovers *covers)
{
	for (size_t i = 0; i < lengthof(covers_names); i++)
	{
		if (pg_strcasecmp(name, covers_names[i]) == 0)
		{
			*covers = (CmCrlCovers) i;
			return true;
		}
	}
	return false;
}

const char *
cm_crl_covers_name(CmCrlCovers covers)
{
	return covers_names[covers];
}

static void
sync_shards(Datum *args)
{
	static CmQuery close = {
		"UPDATE certmgr.crl_scope s SET open = false FROM (" WANTED ") w"
		" WHERE s.ca_id = w.id AND s.shard IS NOT NULL AND s.open"
		" AND (s.key_id <> w.key_id OR s.url IS DISTINCT FROM w.url OR s.covers <> w.covers OR"
		" (SELECT pg_catalog.count(*) FROM certmgr.crl_scope e WHERE e.ca_id = s.ca_id AND e.shard < s.shard AND e.open AND e.key_id = w.key_id"
		" AND e.url = w.url AND e.covers = w.covers) >= w.shards)",
		1, {INT8OID}
	};
	static CmQuery open = {
		"INSERT INTO certmgr.crl_scope (ca_id, key_id, shard, url, open, covers)"
		" SELECT w.id, w.key_id, n.first + g.i, w.url, true, w.covers FROM (" WANTED ") w,"
		" LATERAL (SELECT COALESCE(pg_catalog.max(s.shard) + 1, 0) AS first, pg_catalog.count(*) FILTER (WHERE s.open)::int AS open"
		" FROM certmgr.crl_scope s WHERE s.ca_id = w.id AND s.shard IS NOT NULL) n, LATERAL pg_catalog.generate_series(0, w.shards - n.open - 1) AS g (i)",
		1, {INT8OID}
	};

	(void) cm_query(&close, args, NULL);
	(void) cm_query(&open, args, NULL);
}

/* Those without shards: what they cover follows from the key and basicConstraints alone, so old certificates are on them too, and a closed one may be opened again. */
static void
sync_whole(Datum *args)
{
	static CmQuery full = {
		"INSERT INTO certmgr.crl_scope (ca_id, key_id, open, covers) SELECT w.id, w.key_id, false, 'all' FROM (" WANTED ") w"
		" ON CONFLICT (ca_id, key_id, covers) WHERE shard IS NULL DO NOTHING",
		1, {INT8OID}
	};
	static CmQuery close = {
		"UPDATE certmgr.crl_scope s SET open = false FROM (" WANTED ") w"
		" WHERE s.ca_id = w.id AND s.shard IS NULL AND s.open AND (s.key_id <> w.key_id OR NOT w.apart OR (s.covers = 'user' AND w.shards > 0))",
		1, {INT8OID}
	};
	/* Also of older keys that still sign: what is at the addresses then says the same of all. */
	static CmQuery open = {
		"INSERT INTO certmgr.crl_scope AS o (ca_id, key_id, open, covers) SELECT w.id, s.key_id, s.key_id = w.key_id, k.covers"
		" FROM (" WANTED ") w JOIN certmgr.crl_scope s ON s.ca_id = w.id AND s.shard IS NULL AND s.covers = 'all' AND s.finished_at IS NULL,"
		" (VALUES ('ca'), ('user')) AS k (covers) WHERE w.apart AND (k.covers = 'ca' OR w.shards = 0)"
		" ON CONFLICT (ca_id, key_id, covers) WHERE shard IS NULL DO UPDATE SET open = EXCLUDED.open WHERE o.open <> EXCLUDED.open",
		1, {INT8OID}
	};

	(void) cm_query(&full, args, NULL);
	(void) cm_query(&close, args, NULL);
	(void) cm_query(&open, args, NULL);
}

void
cm_crl_scope_sync(int64 ca_id)
{
	static CmQuery lock = {"SELECT FROM certmgr.ca WHERE id = $1 FOR NO KEY UPDATE", 1, {INT8OID}};
	Datum		args[1] = {Int64GetDatum(ca_id)};

	(void) cm_query(&lock, args, NULL);
	sync_whole(args);
	sync_shards(args);
}

CmCrlScope *
cm_crl_scopes(int64 ca_id, int *count)
{
	static CmQuery select = {
		"SELECT s.id, s.key_id, s.shard, s.url, s.open, l.number, l.this_update, l.next_update, d.this_update, d.next_update, s.covers"
		" FROM certmgr.crl_scope s"
		" LEFT JOIN LATERAL (SELECT number, this_update, next_update FROM certmgr.crl WHERE scope_id = s.id AND base_number IS NULL ORDER BY number DESC LIMIT 1) l ON true"
		" LEFT JOIN LATERAL (SELECT this_update, next_update FROM certmgr.crl WHERE scope_id = s.id AND base_number IS NOT NULL ORDER BY number DESC LIMIT 1) d ON true"
		" WHERE s.ca_id = $1 AND s.finished_at IS NULL ORDER BY s.shard NULLS FIRST, s.id DESC",
		1, {INT8OID}
	};
	CmRows		rows = cm_query_latest(&select, (Datum[]) {Int64GetDatum(ca_id)}, NULL);
	CmCrlScope *scopes = palloc0(sizeof(CmCrlScope) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
	{
		scopes[i].id = cm_rows_int64(&rows, i, 0);
		scopes[i].key_id = cm_rows_int64(&rows, i, 1);
		scopes[i].shard = cm_rows_null(&rows, i, 2) ? -1 : DatumGetInt32(cm_rows_value(&rows, i, 2));
		scopes[i].url = cm_rows_text(&rows, i, 3);
		scopes[i].open = cm_rows_bool(&rows, i, 4);
		scopes[i].number = cm_rows_int64(&rows, i, 5);
		scopes[i].this_update = cm_rows_time(&rows, i, 6, 0);
		scopes[i].next_update = cm_rows_time(&rows, i, 7, 0);
		scopes[i].delta_this_update = cm_rows_time(&rows, i, 8, 0);
		scopes[i].delta_next_update = cm_rows_time(&rows, i, 9, 0);
		if (!cm_crl_covers_parse(cm_rows_text(&rows, i, 10), &scopes[i].covers))
			elog(ERROR, "unknown kind of CRL of scope %lld", (long long) scopes[i].id);
	}
	*count = rows.count;
	return scopes;
}

int *
cm_crl_shards_open(int64 ca_id, int *count)
{
	static CmQuery select = {"SELECT shard FROM certmgr.crl_scope WHERE ca_id = $1 AND open AND shard IS NOT NULL ORDER BY shard", 1, {INT8OID}};
	CmRows		rows = cm_query_latest(&select, (Datum[]) {Int64GetDatum(ca_id)}, NULL);
	int		   *shards = palloc(sizeof(int) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
		shards[i] = DatumGetInt32(cm_rows_value(&rows, i, 0));
	*count = rows.count;
	return shards;
}

bool
cm_crl_shard_alive(int64 ca_id, int shard, TimestampTz since)
{
	static CmQuery select = {
		"SELECT FROM certmgr.certificate WHERE ca_id = $1 AND shard = $2 AND not_after >= $3 LIMIT 1",
		3, {INT8OID, INT4OID, TIMESTAMPTZOID}
	};

	return cm_query_latest(&select, (Datum[]) {Int64GetDatum(ca_id), Int32GetDatum(shard), TimestampTzGetDatum(since)}, NULL).count > 0;
}

void
cm_crl_scope_finish(int64 id)
{
	static CmQuery update = {"UPDATE certmgr.crl_scope SET finished_at = pg_catalog.now() WHERE id = $1", 1, {INT8OID}};

	(void) cm_query(&update, (Datum[]) {Int64GetDatum(id)}, NULL);
}
