/*
 * issuer.c - see issuer.h. Backends and the worker, as certmgr_owner.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "crypto/digest.h"
#include "pg/error.h"
#include "pg/query.h"
#include "store/issuer.h"
#include "utils/timestamp.h"
#include "x509/certificate.h"

static void
put_row(int64 ca_id)
{
	static CmQuery put = {
		"INSERT INTO certmgr.issuer (certificate_id, ca_id, key_id)"
		" SELECT certificate_id, id, key_id FROM certmgr.ca WHERE id = $1 AND type = 'private' AND certificate_id IS NOT NULL AND key_id IS NOT NULL"
		" ON CONFLICT (certificate_id) DO NOTHING",
		1, {INT8OID}
	};

	(void) cm_query(&put, (Datum[]) {Int64GetDatum(ca_id)}, NULL);
}

/* The bits of the key, which a CertID has the hash of. */
static CmSlice
key_bits(CmSlice spki)
{
	CmDer		outer;
	CmDer		v;

	if (!cm_der_expect(&spki, CM_DER_SEQUENCE, &outer) || !cm_der_expect(&outer.content, CM_DER_SEQUENCE, &v) ||
		!cm_der_expect(&outer.content, CM_DER_BIT_STRING, &v) || v.content.len < 1)
		return cm_slice(NULL, 0);
	return cm_slice(v.content.data + 1, v.content.len - 1);
}

static void
put_hashes(int64 ca_id, int64 key_id, CmSlice der)
{
	static CmQuery put = {
		"INSERT INTO certmgr.issuer_hash (key_hash, name_hash, ca_id, key_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
		4, {BYTEAOID, BYTEAOID, INT8OID, INT8OID}
	};
	CmStatus	st = CM_STATUS_INIT;
	CmCertificate cert;
	CmSlice		bits;

	if (!cm_certificate_parse(der, &cert, &st))
		cm_throw(&st, NULL);
	bits = key_bits(cert.spki);
	for (int alg = 0; alg < CM_DIGEST_COUNT; alg++)
	{
		uint8_t		key_hash[CM_DIGEST_MAX];
		uint8_t		name_hash[CM_DIGEST_MAX];
		size_t		len;

		if (!cm_digest(alg, bits, key_hash, &len) || !cm_digest(alg, cert.subject, name_hash, &len))
		{
			cm_fail_crypto(&st, "could not compute the hashes of an issuer");
			cm_throw(&st, NULL);
		}
		(void) cm_query(&put, (Datum[]) {cm_datum_bytea(key_hash, len), cm_datum_bytea(name_hash, len), Int64GetDatum(ca_id), Int64GetDatum(key_id)}, NULL);
	}
}

void
cm_issuer_row_put(int64 ca_id)
{
	int			count;
	CmIssuerRow *rows;

	put_row(ca_id);
	rows = cm_issuer_rows(ca_id, &count);
	if (count > 0 && rows[0].active)
		put_hashes(ca_id, rows[0].key_id, rows[0].der);
}

CmIssuerRow *
cm_issuer_rows(int64 ca_id, int *count)
{
	static CmQuery select = {
		"SELECT i.certificate_id, i.key_id, c.not_after, i.certificate_id = a.certificate_id, b.der FROM certmgr.issuer i"
		" JOIN certmgr.ca a ON a.id = i.ca_id JOIN certmgr.certificate c ON c.id = i.certificate_id"
		" JOIN certmgr.certificate_body b ON b.certificate_id = i.certificate_id"
		" WHERE i.ca_id = $1 AND a.key_id IS NOT NULL AND b.der IS NOT NULL ORDER BY 4 DESC, i.certificate_id DESC",
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
	static CmQuery hash = {"DELETE FROM certmgr.issuer_hash WHERE ca_id = $1", 1, {INT8OID}};
	static CmQuery delete = {"DELETE FROM certmgr.issuer WHERE ca_id = $1", 1, {INT8OID}};
	Datum		args[1] = {Int64GetDatum(ca_id)};

	(void) cm_query(&hash, args, NULL);
	(void) cm_query(&delete, args, NULL);
}
