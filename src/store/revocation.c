/*
 * revocation.c - see revocation.h. Backends, in the caller's transaction, as
 * certmgr_owner.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/revocation.h"
#include "utils/timestamp.h"

void
cm_revocation_put(int64 id, const CmRevocation *revocation, const char *status_message)
{
	static CmQuery query = {
		"UPDATE certmgr.certificate SET state = 'revoked', revoked_at = COALESCE(revoked_at, $2), revocation_reason = $3, invalid_since = $4,"
		" renew_at = NULL, status_message = $5 WHERE id = $1",
		5, {INT8OID, TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID, TEXTOID}
	};
	Datum		args[5] = {Int64GetDatum(id), TimestampTzGetDatum(revocation->at), cm_datum_text(revocation->reason),
	TimestampTzGetDatum(revocation->invalid_since), cm_datum_text(status_message)};

	(void) cm_query(&query, args, (bool[]) {false, false, false, revocation->invalid_since == 0, status_message == NULL});
}

bool
cm_revocation_put_ordinary(int64 id, const CmRevocation *revocation)
{
	/* The update looks at the row again once it has the lock: who comes second finds it revoked. */
	static CmQuery query = {
		"WITH r AS (UPDATE certmgr.certificate c SET state = 'revoked', revoked_at = $2, revocation_reason = $3, invalid_since = $4, renew_at = NULL, status_message = NULL"
		" WHERE c.id = $1 AND c.state = 'issued' AND c.not_after >= $2 AND c.source <> 'ca' AND EXISTS (SELECT FROM certmgr.ca a WHERE a.id = c.ca_id AND a.type = 'private' AND a.key_id IS NOT NULL)"
		" RETURNING c.ca_id, c.shard, c.is_ca, c.subscriber_id),"
		" h AS (INSERT INTO certmgr_private.crl_change (ca_id, shard, is_ca, event, certificate_id, subscriber_id)"
		" SELECT r.ca_id, r.shard, r.is_ca, 'revoked', $1, r.subscriber_id FROM r)"
		" INSERT INTO certmgr.audit_event (at, actor, action, object_type, object_id, detail)"
		" SELECT $5, $6, 'revoke', 'certificate', $1, pg_catalog.jsonb_build_object('reason', $3) FROM r",
		6, {INT8OID, TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID}
	};

	return cm_query(&query, (Datum[]) {Int64GetDatum(id), TimestampTzGetDatum(revocation->at), cm_datum_text(revocation->reason),
									   TimestampTzGetDatum(revocation->invalid_since), TimestampTzGetDatum(GetCurrentTimestamp()),
									   cm_datum_text(revocation->actor)},
					(bool[]) {false, false, false, revocation->invalid_since == 0, false, false}).count > 0;
}

void
cm_revocation_release(int64 id)
{
	static CmQuery query = {
		"UPDATE certmgr.certificate c SET state = 'issued', revoked_at = NULL, revocation_reason = NULL, invalid_since = NULL, status_message = NULL,"
		" renew_at = (SELECT c.not_after - COALESCE(s.renew_before, (c.not_after - c.not_before) / 3) FROM certmgr.subscriber s"
		" WHERE s.id = c.subscriber_id AND s.auto_renew AND s.state = 'active' AND NOT EXISTS"
		" (SELECT FROM certmgr.certificate n WHERE n.subscriber_id = c.subscriber_id AND n.id > c.id AND n.renewed_from = c.id))"
		" WHERE c.id = $1",
		1, {INT8OID}
	};

	(void) cm_query(&query, (Datum[]) {Int64GetDatum(id)}, NULL);
}

/* ---- many ---- */

CmRevocable
cm_revocation_check(Datum ids, Datum owners, bool all)
{
	static CmQuery query = {
		"SELECT pg_catalog.min(i.id) FILTER (WHERE c.id IS NULL OR NOT ($3 OR COALESCE(o.owner = ANY ($2), false))),"
		" pg_catalog.min(c.id) FILTER (WHERE c.state NOT IN ('issued', 'revoked')),"
		" pg_catalog.min(c.id) FILTER (WHERE c.state = 'issued' AND (a.id IS NULL OR (a.type = 'private' AND a.key_id IS NULL) OR (c.source = 'ca' AND c.issuer_id IS NULL))),"
		" pg_catalog.min(c.id) FILTER (WHERE c.source = 'ca')"
		" FROM pg_catalog.unnest($1) AS i (id) LEFT JOIN certmgr.certificate c ON c.id = i.id"
		" LEFT JOIN certmgr.ca a ON a.id = c.ca_id LEFT JOIN certmgr.subscriber s ON s.id = c.subscriber_id,"
		" LATERAL (SELECT CASE WHEN c.subscriber_id IS NULL AND c.template_id IS NOT NULL THEN c.requested_by ELSE s.owner END AS owner) o",
		3, {INT8ARRAYOID, TEXTARRAYOID, BOOLOID}
	};
	CmRows		rows = cm_query(&query, (Datum[]) {ids, owners, BoolGetDatum(all)}, NULL);
	CmRevocable found;

	found.any_missing = !cm_rows_null(&rows, 0, 0);
	found.missing = cm_rows_int64(&rows, 0, 0);
	found.never_issued = cm_rows_int64(&rows, 0, 1);
	found.foreign = cm_rows_int64(&rows, 0, 2);
	found.ca = cm_rows_int64(&rows, 0, 3);
	return found;
}

Datum
cm_revocation_roles(Oid role)
{
	static CmQuery query = {"SELECT pg_catalog.array_agg(rolname::pg_catalog.text) FROM pg_catalog.pg_roles WHERE pg_catalog.pg_has_role($1, oid, 'USAGE')", 1, {OIDOID}};
	CmRows		rows = cm_query(&query, (Datum[]) {ObjectIdGetDatum(role)}, NULL);

	return cm_rows_value(&rows, 0, 0);
}

CmRevokedOne *
cm_revocation_put_many(Datum ids, const CmRevocation *revocation, int *count)
{
	static CmQuery query = {
		"WITH l AS (SELECT c.id, a.type <> 'private' AS external FROM certmgr.certificate c JOIN certmgr.ca a ON a.id = c.ca_id"
		" WHERE c.id = ANY ($1) AND c.state = 'issued' AND c.not_after >= $2 ORDER BY c.id FOR UPDATE OF c),"
		" r AS (UPDATE certmgr.certificate c SET state = 'revoked', revoked_at = $2, revocation_reason = $3, invalid_since = $4, renew_at = NULL,"
		" status_message = CASE WHEN l.external THEN 'revoked here; the worker revokes it at the CA' END FROM l WHERE c.id = l.id"
		" RETURNING c.id, c.ca_id, c.shard, c.is_ca, c.subscriber_id, l.external, c.source = 'ca' AS ca),"
		" e AS (INSERT INTO certmgr.audit_event (at, actor, action, object_type, object_id, detail)"
		" SELECT $2, $5, 'revoke', 'certificate', r.id, pg_catalog.jsonb_build_object('reason', $3) FROM r),"
		" h AS (INSERT INTO certmgr_private.crl_change (ca_id, shard, is_ca) SELECT DISTINCT r.ca_id, r.shard, r.is_ca FROM r WHERE NOT r.external)"
		" SELECT id, subscriber_id, external, ca FROM r",
		5, {INT8ARRAYOID, TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID, TEXTOID}
	};
	CmRows		rows = cm_query(&query, (Datum[]) {ids, TimestampTzGetDatum(revocation->at), cm_datum_text(revocation->reason),
								TimestampTzGetDatum(revocation->invalid_since), cm_datum_text(revocation->actor)},
								(bool[]) {false, false, false, revocation->invalid_since == 0, false});
	CmRevokedOne *revoked = palloc(sizeof(CmRevokedOne) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
	{
		revoked[i].id = cm_rows_int64(&rows, i, 0);
		revoked[i].subscriber_id = cm_rows_int64(&rows, i, 1);
		revoked[i].external = cm_rows_bool(&rows, i, 2);
		revoked[i].ca = cm_rows_bool(&rows, i, 3);
	}
	*count = rows.count;
	return revoked;
}

/* ---- finding ---- */

int64
cm_revocation_find_serial(int64 ca_id, CmSlice serial)
{
	static CmQuery query = {"SELECT id FROM certmgr.certificate WHERE ca_id = $1 AND serial = $2", 2, {INT8OID, BYTEAOID}};
	CmRows		rows = cm_query(&query, (Datum[]) {Int64GetDatum(ca_id), cm_datum_bytea(serial.data, serial.len)}, NULL);

	return rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
}

int64
cm_revocation_find_der(CmSlice serial, CmSlice der)
{
	/* One look a CA at the index on (ca_id, serial). */
	static CmQuery query = {
		"SELECT c.id FROM certmgr.ca a JOIN certmgr.certificate c ON c.ca_id = a.id AND c.serial = $1"
		" JOIN certmgr.certificate_body b ON b.certificate_id = c.id WHERE b.der = $2 ORDER BY c.id LIMIT 1",
		2, {BYTEAOID, BYTEAOID}
	};
	CmRows		rows = cm_query(&query, (Datum[]) {cm_datum_bytea(serial.data, serial.len), cm_datum_bytea(der.data, der.len)}, NULL);

	return rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
}
