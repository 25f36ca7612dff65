/*
 * issuer.c - see issuer.h. Backends and the worker, as certmgr_owner.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/issuer.h"
#include "utils/timestamp.h"

void
cm_issuer_row_put(int64 ca_id)
{
	static CmQuery put = {
		"INSERT INTO certmgr.issuer (certificate_id, ca_id, key_id)"
		" SELECT certificate_id, id, key_id FROM certmgr.ca WHERE id = $1 AND type = 'private' AND certificate_id IS NOT NULL AND key_id IS NOT NULL"
		" ON CONFLICT (certificate_id) DO NOTHING",
		1, {INT8OID}
	};

	(void) cm_query(&put, (Datum[]) {Int64GetDatum(ca_id)}, NULL);
}

CmIssuerRow *
cm_issuer_rows(int64 ca_id, int *count)
{
	static CmQuery select = {
		"SELECT i.certificate_id, i.key_id, c.not_after, i.certificate_id = a.certificate_id, b.der FROM certmgr.issuer i"
		" JOIN certmgr.ca a ON a.id = i.ca_id JOIN certmgr.certificate c ON c.id = i.certificate_id"
		" JOIN certmgr.certificate_body b ON b.certificate_id = i.certificate_id"
		" WHERE i.ca_id = $1 AND b.der IS NOT NULL ORDER BY 4 DESC, i.certificate_id DESC",
		1, {INT8OID}
	};
	CmRows		rows = cm_query(&select, (Datum[]) {Int64GetDatum(ca_id)}, NULL);
	CmIssuerRow *issuers = palloc0(sizeof(CmIssuerRow) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
	{
		issuers[i].certificate_id = cm_rows_int64(&rows, i, 0);
		issuers[i].key_id = cm_rows_int64(&rows, i, 1);
		issuers[i].not_after = cm_rows_time(&rows, i, 2, DT_NOEND);
		issuers[i].active = cm_rows_bool(&rows, i, 3);
		issuers[i].der = cm_rows_slice(&rows, i, 4);
	}
	*count = rows.count;
	return issuers;
}

void
cm_issuer_row_forget(int64 ca_id)
{
	static CmQuery delete = {"DELETE FROM certmgr.issuer WHERE ca_id = $1", 1, {INT8OID}};

	(void) cm_query(&delete, (Datum[]) {Int64GetDatum(ca_id)}, NULL);
}
