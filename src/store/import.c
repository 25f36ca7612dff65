/*
 * import.c - see import.h. Reads, but for the metadata; the rows themselves are
 * put by certificate.c.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/import.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

int64
cm_import_find(const CmCertificate *cert)
{
	static CmQuery select = {
		"SELECT c.id FROM certmgr.certificate c JOIN certmgr.certificate_body b ON b.certificate_id = c.id"
		" WHERE c.not_after = $1 AND c.serial = $2 AND b.der = $3 ORDER BY c.id LIMIT 1", 3, {TIMESTAMPTZOID, BYTEAOID, BYTEAOID}};
	CmRows		rows = cm_query_latest(&select, (Datum[]) {
		TimestampTzGetDatum(time_t_to_timestamptz(cert->not_after)), cm_datum_bytea(cert->serial.data, cert->serial.len),
		cm_datum_bytea(cert->der.data, cert->der.len)}, NULL);

	return rows.count > 0 ? cm_rows_int64(&rows, 0, 0) : 0;
}

CmIssuerCandidate *
cm_import_issuers(int *count)
{
	static CmQuery select = {
		"SELECT i.ca_id, i.certificate_id, b.der FROM certmgr.issuer i JOIN certmgr.ca a ON a.id = i.ca_id"
		" JOIN certmgr.certificate_body b ON b.certificate_id = i.certificate_id AND b.der IS NOT NULL"
		" ORDER BY i.ca_id, i.certificate_id = a.certificate_id DESC, i.certificate_id DESC", 0, {InvalidOid}};
	CmRows		rows = cm_query(&select, NULL, NULL);
	CmIssuerCandidate *candidates = palloc0(sizeof(CmIssuerCandidate) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
	{
		candidates[i].ca_id = cm_rows_int64(&rows, i, 0);
		candidates[i].certificate_id = cm_rows_int64(&rows, i, 1);
		candidates[i].der = cm_rows_slice(&rows, i, 2);
	}
	*count = rows.count;
	return candidates;
}

bool
cm_import_has_key(int64 id)
{
	static CmQuery select = {"SELECT FROM certmgr.certificate_body WHERE certificate_id = $1 AND sealed_key IS NOT NULL", 1, {INT8OID}};

	return cm_query_latest(&select, (Datum[]) {Int64GetDatum(id)}, NULL).count > 0;
}

bool
cm_import_is_ca(int64 id)
{
	static CmQuery select = {"SELECT FROM certmgr.certificate WHERE id = $1 AND source = 'ca'", 1, {INT8OID}};

	return cm_query(&select, (Datum[]) {Int64GetDatum(id)}, NULL).count > 0;
}

void
cm_import_set_key(int64 id, CmSlice sealed)
{
	static CmQuery update = {"UPDATE certmgr.certificate_body SET sealed_key = $2 WHERE certificate_id = $1 AND sealed_key IS NULL", 2, {INT8OID, BYTEAOID}};

	cm_query(&update, (Datum[]) {Int64GetDatum(id), cm_datum_bytea(sealed.data, sealed.len)}, NULL);
}

void
cm_import_set_metadata(int64 id, const char *metadata)
{
	static CmQuery update = {"UPDATE certmgr.certificate SET metadata = $2::pg_catalog.jsonb WHERE id = $1", 2, {INT8OID, TEXTOID}};

	cm_query(&update, (Datum[]) {Int64GetDatum(id), cm_datum_text(metadata)}, NULL);
}
