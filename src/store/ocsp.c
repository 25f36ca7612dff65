/*
 * ocsp.c - see ocsp.h. Column numbers below are those of
 * sql/extension/25_certificate.sql and 32_ocsp.sql.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pg/query.h"
#include "storage/lock.h"
#include "store/key.h"
#include "store/ocsp.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* ---- issuers ---- */

#define ISSUER_COLUMNS \
	"SELECT a.id, k.key_id, a.name, COALESCE((a.config->>'ocsp_lifetime')::interval, interval '1 hour')," \
	" COALESCE((a.config->>'ocsp_delegated')::boolean, a.config ? 'ocsp_url')," \
	" COALESCE((a.config->>'ocsp_signer_lifetime')::interval, interval '14 days'), COALESCE(a.config->>'ocsp_signer_key_algorithm', 'EC-P256')," \
	" ARRAY(SELECT i.certificate_id FROM certmgr.issuer i WHERE i.ca_id = a.id AND i.key_id = k.key_id)," \
	" (SELECT b.der FROM certmgr.issuer i JOIN certmgr.certificate_body b ON b.certificate_id = i.certificate_id" \
	" WHERE i.ca_id = a.id AND i.key_id = k.key_id AND b.der IS NOT NULL ORDER BY i.certificate_id = a.certificate_id DESC, i.certificate_id DESC LIMIT 1)"

static void
to_issuer(const CmRows *rows, int row, CmOcspIssuerRow *out)
{
	ArrayType  *certificates = DatumGetArrayTypeP(cm_rows_value(rows, row, 7));

	out->ca_id = cm_rows_int64(rows, row, 0);
	out->key_id = cm_rows_int64(rows, row, 1);
	out->name = cm_rows_text(rows, row, 2);
	out->lifetime = *DatumGetIntervalP(cm_rows_value(rows, row, 3));
	out->delegated = cm_rows_bool(rows, row, 4);
	out->signer_lifetime = *DatumGetIntervalP(cm_rows_value(rows, row, 5));
	out->signer_key_algorithm = cm_rows_text(rows, row, 6);
	/* ARRAY() of a column that is never null. */
	out->certificates = (int64 *) ARR_DATA_PTR(certificates);
	out->certificate_count = ArrayGetNItems(ARR_NDIM(certificates), ARR_DIMS(certificates));
	out->der = cm_rows_slice(rows, row, 8);
}

CmOcspIssuerRow *
cm_ocsp_issuer_find(CmSlice key_hash, CmSlice name_hash)
{
	static CmQuery query = {
		ISSUER_COLUMNS " FROM certmgr.issuer_hash k JOIN certmgr.ca a ON a.id = k.ca_id WHERE k.key_hash = $1 AND k.name_hash = $2",
		2, {BYTEAOID, BYTEAOID}
	};
	CmRows		rows = cm_query_latest(&query, (Datum[]) {cm_datum_bytea(key_hash.data, key_hash.len), cm_datum_bytea(name_hash.data, name_hash.len)}, NULL);
	CmOcspIssuerRow *issuer;

	if (rows.count == 0 || cm_rows_null(&rows, 0, 8))
		return NULL;
	issuer = palloc(sizeof(CmOcspIssuerRow));
	to_issuer(&rows, 0, issuer);
	return issuer;
}

CmOcspIssuerRow *
cm_ocsp_issuers_of(int64 ca_id, int *count)
{
	static CmQuery lock = {"SELECT FROM certmgr.ca WHERE id = $1 FOR NO KEY UPDATE", 1, {INT8OID}};
	static CmQuery query = {
		ISSUER_COLUMNS " FROM certmgr.ca a, LATERAL (SELECT DISTINCT i.key_id FROM certmgr.issuer i JOIN certmgr.certificate c ON c.id = i.certificate_id"
		" WHERE i.ca_id = a.id AND c.not_after > pg_catalog.now()) k WHERE a.id = $1 AND a.key_id IS NOT NULL AND COALESCE((a.config->>'ocsp_delegated')::boolean, a.config ? 'ocsp_url')",
		1, {INT8OID}
	};
	Datum		args[1] = {Int64GetDatum(ca_id)};
	CmRows		rows;
	CmOcspIssuerRow *issuers;

	(void) cm_query(&lock, args, NULL);
	rows = cm_query(&query, args, NULL);
	issuers = palloc(sizeof(CmOcspIssuerRow) * Max(rows.count, 1));
	for (int i = 0; i < rows.count; i++)
		to_issuer(&rows, i, &issuers[i]);
	*count = rows.count;
	return issuers;
}

/* ---- straight through an index ---- */

#define CERTIFICATE_ID 1
#define CERTIFICATE_CA_ID 2
#define CERTIFICATE_ISSUER_ID 3
#define CERTIFICATE_STATE 5
#define CERTIFICATE_SERIAL 7
#define CERTIFICATE_REVOKED_AT 19
#define CERTIFICATE_REASON 20

#define RESPONSE_CERTIFICATE_ID 1
#define RESPONSE_FORM 2
#define RESPONSE_STATUS 3
#define RESPONSE_THIS_UPDATE 4
#define RESPONSE_NEXT_UPDATE 5
#define RESPONSE_DER 6

#define KEPT_MAX 20

/* Serial numbers of requests are shorter, or not ours. */
#define SERIAL_MAX 64

static Oid
relation_of(const char *schema, const char *name)
{
	Oid			oid = get_relname_relid(name, get_namespace_oid(schema, false));

	if (!OidIsValid(oid))
		elog(ERROR, "relation %s.%s does not exist", schema, name);
	return oid;
}

static Datum
get(HeapTuple tuple, Relation rel, int column, bool *null)
{
	return heap_getattr(tuple, column, RelationGetDescr(rel), null);
}

static void
read_status(HeapTuple tuple, Relation rel, CmOcspStatusRow *out)
{
	Datum		value;
	bool		null;

	memset(out, 0, sizeof(*out));
	out->id = DatumGetInt64(get(tuple, rel, CERTIFICATE_ID, &null));
	value = get(tuple, rel, CERTIFICATE_ISSUER_ID, &null);
	if (!null)
		out->issuer_id = DatumGetInt64(value);
	value = get(tuple, rel, CERTIFICATE_STATE, &null);
	out->revoked = VARSIZE_ANY_EXHDR(DatumGetPointer(value)) == 7 && memcmp(VARDATA_ANY(DatumGetPointer(value)), "revoked", 7) == 0;
	out->issued = out->revoked || (VARSIZE_ANY_EXHDR(DatumGetPointer(value)) == 6 && memcmp(VARDATA_ANY(DatumGetPointer(value)), "issued", 6) == 0);
	if (!out->revoked)
		return;
	value = get(tuple, rel, CERTIFICATE_REVOKED_AT, &null);
	if (!null)
		out->revoked_at = DatumGetTimestampTz(value);
	value = get(tuple, rel, CERTIFICATE_REASON, &null);
	if (!null)
		text_to_cstring_buffer((text *) DatumGetPointer(value), out->reason, sizeof(out->reason));
}

bool
cm_ocsp_status_find(int64 ca_id, CmSlice serial, CmOcspStatusRow *out)
{
	union
	{
		struct varlena header;
		char		space[VARHDRSZ + SERIAL_MAX];
	}			key;
	ScanKeyData keys[2];
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found;

	if (serial.len == 0 || serial.len > SERIAL_MAX)
		return false;
	SET_VARSIZE(&key, VARHDRSZ + serial.len);
	memcpy(key.space + VARHDRSZ, serial.data, serial.len);
	rel = table_open(relation_of("certmgr", "certificate"), AccessShareLock);
	ScanKeyInit(&keys[0], CERTIFICATE_CA_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(ca_id));
	ScanKeyInit(&keys[1], CERTIFICATE_SERIAL, BTEqualStrategyNumber, F_BYTEAEQ, PointerGetDatum(&key));
	scan = systable_beginscan(rel, relation_of("certmgr", "certificate_ca_id_serial_key"), true, GetActiveSnapshot(), 2, keys);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
		read_status(tuple, rel, out);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

bool
cm_ocsp_cached_find(int64 certificate_id, int form, int64 status, TimestampTz ends_after, CmOcspCached *out)
{
	ScanKeyData keys[2];
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		found = false;
	bool		null;

	/* Unlogged tables cannot even be opened there. */
	if (RecoveryInProgress())
		return false;
	rel = table_open(relation_of("certmgr_private", "ocsp_response"), AccessShareLock);
	ScanKeyInit(&keys[0], RESPONSE_CERTIFICATE_ID, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(certificate_id));
	ScanKeyInit(&keys[1], RESPONSE_FORM, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(form));
	scan = systable_beginscan(rel, relation_of("certmgr_private", "ocsp_response_pkey"), true, GetActiveSnapshot(), 2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple) && DatumGetInt64(get(tuple, rel, RESPONSE_STATUS, &null)) == status)
	{
		out->this_update = DatumGetTimestampTz(get(tuple, rel, RESPONSE_THIS_UPDATE, &null));
		out->next_update = DatumGetTimestampTz(get(tuple, rel, RESPONSE_NEXT_UPDATE, &null));
		found = out->next_update > ends_after;
		if (found)
		{
			struct varlena *der = PG_DETOAST_DATUM_COPY(get(tuple, rel, RESPONSE_DER, &null));

			out->der = cm_slice(VARDATA(der), VARSIZE(der) - VARHDRSZ);
		}
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

/*
 * A transaction that answers for many keeps no more than this: each takes a
 * lock to the end of the transaction, and the lock table is shared by all.
 */
static bool
may_keep_more(void)
{
	static TimestampTz transaction;
	static int	kept;

	if (transaction != GetCurrentTransactionStartTimestamp())
		kept = 0;
	transaction = GetCurrentTransactionStartTimestamp();
	return kept++ < KEPT_MAX;
}

/* Who holds it writes the row; others need not wait for that one's commit. */
static bool
lock_answer(int64 certificate_id, int form)
{
	LOCKTAG		tag;

	/* Of the namespace of advisory locks by two keys (2), which nobody else uses with our table's number. */
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, relation_of("certmgr_private", "ocsp_response"), (uint32) (certificate_id * 8 + form), 2);
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

void
cm_ocsp_cached_put(int64 certificate_id, int form, int64 status, const CmOcspCached *answer)
{
	static CmQuery put = {
		"INSERT INTO certmgr_private.ocsp_response AS r (certificate_id, form, status, this_update, next_update, der) VALUES ($1, $2, $3, $4, $5, $6)"
		" ON CONFLICT (certificate_id, form) DO UPDATE SET status = EXCLUDED.status, this_update = EXCLUDED.this_update, next_update = EXCLUDED.next_update, der = EXCLUDED.der",
		6, {INT8OID, INT4OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, BYTEAOID}
	};

	/* In a serializable world somebody's later row would be an error. */
	if (RecoveryInProgress() || XactReadOnly || IsInParallelMode() || IsolationUsesXactSnapshot() || !may_keep_more() || !lock_answer(certificate_id, form))
		return;
	(void) cm_query(&put, (Datum[]) {Int64GetDatum(certificate_id), Int32GetDatum(form), Int64GetDatum(status), TimestampTzGetDatum(answer->this_update),
					TimestampTzGetDatum(answer->next_update), cm_datum_bytea(answer->der.data, answer->der.len)}, NULL);
}

/* Rows at a time, so that no transaction is long. */
#define PRUNE_ROWS 1000

bool
cm_ocsp_cached_prune(TimestampTz before)
{
	/* One that is being signed anew at this moment is left to whoever does. */
	static CmQuery prune = {
		"DELETE FROM certmgr_private.ocsp_response WHERE (certificate_id, form) IN (SELECT certificate_id, form FROM certmgr_private.ocsp_response"
		" WHERE next_update < $1 ORDER BY next_update LIMIT $2 FOR UPDATE SKIP LOCKED)",
		2, {TIMESTAMPTZOID, INT4OID}};

	return cm_query(&prune, (Datum[]) {TimestampTzGetDatum(before), Int32GetDatum(PRUNE_ROWS)}, NULL).count == PRUNE_ROWS;
}

/* ---- signers ---- */

bool
cm_ocsp_signer_find(int64 ca_id, int64 issuer_key_id, TimestampTz at, CmOcspSignerRow *out)
{
	static CmQuery query = {
		"SELECT s.key_id, s.not_before, s.not_after, b.der FROM certmgr.ocsp_signer s JOIN certmgr.certificate_body b ON b.certificate_id = s.certificate_id"
		" JOIN certmgr.certificate c ON c.id = s.certificate_id"
		" WHERE s.ca_id = $1 AND s.issuer_key_id = $2 AND s.not_before <= $3 AND s.not_after > $3 AND c.state = 'issued' ORDER BY s.not_after DESC LIMIT 1",
		3, {INT8OID, INT8OID, TIMESTAMPTZOID}
	};
	CmRows		rows = cm_query_latest(&query, (Datum[]) {Int64GetDatum(ca_id), Int64GetDatum(issuer_key_id), TimestampTzGetDatum(at)}, NULL);

	if (rows.count == 0)
		return false;
	out->key_id = cm_rows_int64(&rows, 0, 0);
	out->not_before = cm_rows_time(&rows, 0, 1, 0);
	out->not_after = cm_rows_time(&rows, 0, 2, 0);
	out->der = cm_rows_slice(&rows, 0, 3);
	return true;
}

void
cm_ocsp_signer_put(int64 certificate_id, int64 ca_id, int64 issuer_key_id, int64 key_id, TimestampTz not_before, TimestampTz not_after)
{
	static CmQuery put = {
		"INSERT INTO certmgr.ocsp_signer (certificate_id, ca_id, issuer_key_id, key_id, not_before, not_after) VALUES ($1, $2, $3, $4, $5, $6)",
		6, {INT8OID, INT8OID, INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID}
	};

	(void) cm_query(&put, (Datum[]) {Int64GetDatum(certificate_id), Int64GetDatum(ca_id), Int64GetDatum(issuer_key_id), Int64GetDatum(key_id),
					TimestampTzGetDatum(not_before), TimestampTzGetDatum(not_after)}, NULL);
}

void
cm_ocsp_signer_prune(int64 ca_id, TimestampTz ended_before)
{
	static CmQuery prune = {"DELETE FROM certmgr.ocsp_signer WHERE ca_id = $1 AND not_after < $2 RETURNING key_id", 2, {INT8OID, TIMESTAMPTZOID}};
	CmRows		rows = cm_query(&prune, (Datum[]) {Int64GetDatum(ca_id), TimestampTzGetDatum(ended_before)}, NULL);

	for (int i = 0; i < rows.count; i++)
		cm_store_key_delete(cm_rows_int64(&rows, i, 0));
}

void
cm_ocsp_forget_ca(int64 ca_id)
{
	cm_ocsp_signer_prune(ca_id, DT_NOEND);
}
