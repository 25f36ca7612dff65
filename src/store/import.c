/*
 * import.c - see import.h. The rows themselves are put by certificate.c.
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

typedef struct Orphans
{
	CmOrphanFn	fn;
	void	   *arg;
} Orphans;

static void
orphan(const Datum *values, const bool *nulls, void *arg)
{
	Orphans    *orphans = arg;

	orphans->fn(DatumGetInt64(values[0]), cm_slice_of_datum(values[1]), orphans->arg);
}

void
cm_import_orphans(CmSlice issuer, CmOrphanFn fn, void *arg)
{
	static CmQuery select = {
		"SELECT c.id, b.der FROM certmgr.certificate c JOIN certmgr.certificate_body b ON b.certificate_id = c.id"
		" WHERE c.ca_id IS NULL AND pg_catalog.position(b.der, $1) > 0", 1, {BYTEAOID}};
	Orphans		orphans = {fn, arg};

	(void) cm_query_each(&select, (Datum[]) {cm_datum_bytea(issuer.data, issuer.len)}, NULL, orphan, &orphans);
}

/* What came along with one of them leads on from its issuer, which may know no way of its own. */
static void
hand_chain_up(Datum ids, int64 issuer_id)
{
	static CmQuery update = {
		"UPDATE certmgr.certificate_body u SET chain = o.chain FROM ("
		"SELECT i.certificate_id, pg_catalog.substring(b.chain, pg_catalog.octet_length(i.der) + 1) FROM certmgr.certificate_body i"
		" JOIN certmgr.certificate c ON c.id = i.certificate_id AND c.ca_id IS NULL"
		" JOIN certmgr.certificate_body b ON b.certificate_id = ANY ($1) AND pg_catalog.octet_length(b.chain) > pg_catalog.octet_length(i.der)"
		" AND pg_catalog.substring(b.chain, 1, pg_catalog.octet_length(i.der)) = i.der WHERE i.certificate_id = $2 AND i.chain IS NULL"
		" ORDER BY pg_catalog.octet_length(b.chain) DESC, b.certificate_id LIMIT 1) o (certificate_id, chain)"
		" WHERE u.certificate_id = o.certificate_id", 2, {INT8ARRAYOID, INT8OID}};

	(void) cm_query_now(&update, (Datum[]) {ids, Int64GetDatum(issuer_id)}, NULL);
}

int
cm_import_adopt(const int64 *ids, int count, int64 ca_id, int64 issuer_id)
{
	static CmQuery update = {
		"UPDATE certmgr.certificate c SET ca_id = $2, issuer_id = $3"
		" FROM (SELECT DISTINCT ON (x.serial) x.id FROM certmgr.certificate x WHERE x.id = ANY ($1) ORDER BY x.serial, x.id) o"
		" WHERE c.id = o.id AND c.ca_id IS NULL AND NOT EXISTS (SELECT FROM certmgr.certificate y WHERE y.ca_id = $2 AND y.serial = c.serial)"
		" RETURNING c.id", 3, {INT8ARRAYOID, INT8OID, INT8OID}};
	static CmQuery forget = {"UPDATE certmgr.certificate_body SET chain = NULL WHERE certificate_id = ANY ($1) AND chain IS NOT NULL", 1, {INT8ARRAYOID}};
	CmRows		rows = cm_query_now(&update, (Datum[]) {cm_datum_int8_array(ids, count), Int64GetDatum(ca_id), Int64GetDatum(issuer_id)}, NULL);
	int64	   *adopted = palloc(sizeof(int64) * Max(rows.count, 1));
	Datum		array;

	for (int i = 0; i < rows.count; i++)
		adopted[i] = cm_rows_int64(&rows, i, 0);
	array = cm_datum_int8_array(adopted, rows.count);
	hand_chain_up(array, issuer_id);
	/* What is in our own rows is not kept twice. */
	(void) cm_query_now(&forget, (Datum[]) {array}, NULL);
	return rows.count;
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
