/*
 * crl.c - see crl.h.
 *
 * Runs in backends and in the database worker, as certmgr_owner. Locks the
 * row of the CA while a CRL is signed (not against issuing, which only reads it).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/crl.h"
#include "utils/timestamp.h"

#define ISSUER_COLUMNS \
	"SELECT a.id, a.name, a.type, a.state, a.key_id, a.certificate_id, COALESCE((a.config->>'crl_lifetime')::interval, interval '7 days'), b.der" \
	" FROM certmgr.ca a LEFT JOIN certmgr.certificate_body b ON b.certificate_id = a.certificate_id"

static bool
issuer_of(const CmRows *rows, CmCrlIssuer *out)
{
	if (rows->count == 0)
		return false;
	memset(out, 0, sizeof(*out));
	out->id = cm_rows_int64(rows, 0, 0);
	out->name = cm_rows_text(rows, 0, 1);
	out->type = cm_rows_text(rows, 0, 2);
	out->state = cm_rows_text(rows, 0, 3);
	out->key_id = cm_rows_int64(rows, 0, 4);
	out->certificate_id = cm_rows_int64(rows, 0, 5);
	out->crl_lifetime = *DatumGetIntervalP(cm_rows_value(rows, 0, 6));
	out->der = cm_rows_slice(rows, 0, 7);
	return true;
}

bool
cm_crl_issuer_lock(int64 id, CmCrlIssuer *out)
{
	static CmQuery query = {ISSUER_COLUMNS " WHERE a.id = $1 FOR NO KEY UPDATE OF a", 1, {INT8OID}};
	Datum		args[1] = {Int64GetDatum(id)};
	CmRows		rows = cm_query(&query, args, NULL);

	return issuer_of(&rows, out);
}

bool
cm_crl_row_newest(int64 ca_id, CmSlice *der)
{
	static CmQuery query = {"SELECT der FROM certmgr.crl WHERE ca_id = $1 ORDER BY number DESC LIMIT 1", 1, {INT8OID}};
	Datum		args[1] = {Int64GetDatum(ca_id)};
	CmRows		rows = cm_query(&query, args, NULL);

	if (rows.count == 0)
		return false;
	*der = cm_rows_slice(&rows, 0, 0);
	return true;
}

bool
cm_crl_row_last(int64 ca_id, int64 *number, TimestampTz *this_update)
{
	static CmQuery query = {"SELECT number, this_update FROM certmgr.crl WHERE ca_id = $1 ORDER BY number DESC LIMIT 1", 1, {INT8OID}};
	Datum		args[1] = {Int64GetDatum(ca_id)};
	CmRows		rows = cm_query_latest(&query, args, NULL);

	if (rows.count == 0)
		return false;
	*number = cm_rows_int64(&rows, 0, 0);
	*this_update = DatumGetTimestampTz(cm_rows_value(&rows, 0, 1));
	return true;
}

void
cm_crl_row_insert(int64 ca_id, int64 number, TimestampTz this_update, TimestampTz next_update, int64 entries, CmSlice der)
{
	static CmQuery query = {
		"INSERT INTO certmgr.crl (ca_id, number, this_update, next_update, entries, der) VALUES ($1, $2, $3, $4, $5, $6)",
		6, {INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, BYTEAOID}
	};
	Datum		args[6] = {Int64GetDatum(ca_id), Int64GetDatum(number), TimestampTzGetDatum(this_update), TimestampTzGetDatum(next_update),
	Int64GetDatum(entries), cm_datum_bytea(der.data, der.len)};

	(void) cm_query(&query, args, NULL);
}

void
cm_crl_row_prune(int64 ca_id)
{
	static CmQuery query = {
		"DELETE FROM certmgr.crl WHERE ca_id = $1 AND number <"
		" (SELECT pg_catalog.min(n.number) FROM (SELECT number FROM certmgr.crl WHERE ca_id = $1 ORDER BY number DESC LIMIT 3) n)",
		1, {INT8OID}
	};
	Datum		args[1] = {Int64GetDatum(ca_id)};

	(void) cm_query(&query, args, NULL);
}

CmRevokedRow *
cm_crl_revoked_next(int64 ca_id, CmSlice after, TimestampTz alive_since, int *count)
{
	/* The literal state makes certificate_revoked_idx usable, whose order this is. 10000 is CM_REVOKED_BATCH. */
	static CmQuery query = {
		"SELECT serial, revoked_at, revocation_reason FROM certmgr.certificate"
		" WHERE ca_id = $1 AND state = 'revoked' AND serial > $2 AND not_after >= $3 ORDER BY serial LIMIT 10000",
		3, {INT8OID, BYTEAOID, TIMESTAMPTZOID}
	};
	Datum		args[3] = {Int64GetDatum(ca_id), cm_datum_bytea(after.data, after.len), TimestampTzGetDatum(alive_since)};
	CmRows		rows = cm_query_latest(&query, args, NULL);
	CmRevokedRow *revoked = palloc(sizeof(CmRevokedRow) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
	{
		revoked[i].serial = cm_rows_slice(&rows, i, 0);
		revoked[i].revoked_at = cm_rows_null(&rows, i, 1) ? 0 : DatumGetTimestampTz(cm_rows_value(&rows, i, 1));
		revoked[i].reason = cm_rows_text(&rows, i, 2);
	}
	*count = rows.count;
	return revoked;
}
