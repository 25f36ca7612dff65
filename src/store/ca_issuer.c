/*
 * ca_issuer.c - see ca_issuer.h. Backends, as certmgr_owner; locks nothing (the
 * row of the CA is locked by who changes its issuers).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/ca_issuer.h"

void
cm_ca_issuer_put(int64 ca_id, int64 certificate_id, int64 key_id)
{
	static CmQuery put = {"INSERT INTO certmgr.issuer (certificate_id, ca_id, key_id) VALUES ($1, $2, $3) ON CONFLICT (certificate_id) DO NOTHING",
	3, {INT8OID, INT8OID, INT8OID}};

	(void) cm_query(&put, (Datum[]) {Int64GetDatum(certificate_id), Int64GetDatum(ca_id), Int64GetDatum(key_id)}, NULL);
}

#define ISSUERS \
	"SELECT i.certificate_id, i.ca_id, a.name, i.key_id, b.der, c.state = 'revoked', k.provider <> 'none' FROM certmgr.issuer i" \
	" JOIN certmgr_private.key k ON k.id = i.key_id JOIN certmgr.ca a ON a.id = i.ca_id JOIN certmgr.certificate c ON c.id = i.certificate_id" \
	" JOIN certmgr.certificate_body b ON b.certificate_id = i.certificate_id AND b.der IS NOT NULL"

static void
to_issuer(const CmRows *rows, int row, CmCaIssuer *out)
{
	out->certificate_id = cm_rows_int64(rows, row, 0);
	out->ca_id = cm_rows_int64(rows, row, 1);
	out->ca = cm_rows_text(rows, row, 2);
	out->key_id = cm_rows_int64(rows, row, 3);
	out->der = cm_rows_slice(rows, row, 4);
	out->revoked = cm_rows_bool(rows, row, 5);
	out->has_key = cm_rows_bool(rows, row, 6);
}

CmCaIssuer *
cm_ca_issuer_get(int64 ca_id, int64 certificate_id)
{
	static CmQuery select = {ISSUERS " WHERE i.ca_id = $1 AND i.certificate_id = $2", 2, {INT8OID, INT8OID}};
	CmRows		rows = cm_query(&select, (Datum[]) {Int64GetDatum(ca_id), Int64GetDatum(certificate_id)}, NULL);
	CmCaIssuer *issuer;

	if (rows.count == 0)
		return NULL;
	issuer = palloc(sizeof(CmCaIssuer));
	to_issuer(&rows, 0, issuer);
	return issuer;
}

CmCaIssuer *
cm_ca_issuers(int *count)
{
	static CmQuery select = {ISSUERS " ORDER BY i.certificate_id = a.certificate_id DESC, i.certificate_id DESC", 0, {InvalidOid}};
	CmRows		rows = cm_query(&select, NULL, NULL);
	CmCaIssuer *issuers = palloc(sizeof(CmCaIssuer) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
		to_issuer(&rows, i, &issuers[i]);
	*count = rows.count;
	return issuers;
}

int64
cm_ca_issuer_key(int64 ca_id, CmSlice spki)
{
	static CmQuery select = {
		"SELECT k.id FROM certmgr.issuer i JOIN certmgr_private.key k ON k.id = i.key_id WHERE i.ca_id = $1 AND k.spki = $2 LIMIT 1",
		2, {INT8OID, BYTEAOID}
	};
	CmRows		rows = cm_query(&select, (Datum[]) {Int64GetDatum(ca_id), cm_datum_bytea(spki.data, spki.len)}, NULL);

	return rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
}

void
cm_ca_issuer_set_chain(int64 ca_id, int64 key_id, CmSlice chain)
{
	static CmQuery update = {"UPDATE certmgr.issuer SET chain = $3 WHERE ca_id = $1 AND key_id = $2", 3, {INT8OID, INT8OID, BYTEAOID}};

	(void) cm_query(&update, (Datum[]) {Int64GetDatum(ca_id), Int64GetDatum(key_id), cm_datum_bytea(chain.data, chain.len)},
					(bool[]) {false, false, chain.len == 0});
}

CmIssuerLink *
cm_issuer_links(int64 certificate_id, int *count)
{
	/* More than 16 certificates of one key are renewals of long ago. */
	static CmQuery select = {
		"SELECT c.id, c.issuer_id, b.der, b.chain, s.chain, c.state = 'issued' AND c.not_after > pg_catalog.now() AND c.not_before <= pg_catalog.now()"
		" FROM (SELECT i.certificate_id, i.chain FROM certmgr.issuer x JOIN certmgr.issuer i ON i.key_id = x.key_id WHERE x.certificate_id = $1"
		" UNION ALL SELECT $1, NULL WHERE NOT EXISTS (SELECT FROM certmgr.issuer x WHERE x.certificate_id = $1)) s"
		" JOIN certmgr.certificate c ON c.id = s.certificate_id JOIN certmgr.certificate_body b ON b.certificate_id = c.id AND b.der IS NOT NULL"
		" LEFT JOIN certmgr.issuer o ON o.certificate_id = c.id LEFT JOIN certmgr.ca a ON a.id = o.ca_id AND a.certificate_id = c.id"
		" ORDER BY s.chain IS NOT NULL DESC, a.id IS NOT NULL DESC, c.issuer_id IS NULL DESC, c.not_after DESC, c.id DESC LIMIT 16",
		1, {INT8OID}
	};
	CmRows		rows = cm_query(&select, (Datum[]) {Int64GetDatum(certificate_id)}, NULL);
	CmIssuerLink *links = palloc(sizeof(CmIssuerLink) * Max(rows.count, 1));

	for (int i = 0; i < rows.count; i++)
	{
		links[i].certificate_id = cm_rows_int64(&rows, i, 0);
		links[i].issuer_id = cm_rows_int64(&rows, i, 1);
		links[i].der = cm_rows_slice(&rows, i, 2);
		links[i].chain = cm_rows_slice(&rows, i, 3);
		links[i].manual = cm_rows_slice(&rows, i, 4);
		links[i].usable = cm_rows_bool(&rows, i, 5);
	}
	*count = rows.count;
	return links;
}

CmSlice *
cm_ca_issuer_path(int64 certificate_id, int *count)
{
	/* UNION and not UNION ALL: it ends though CAs cross-signed each other. */
	static CmQuery select = {
		"WITH RECURSIVE up (id) AS (SELECT $1 UNION SELECT c.issuer_id FROM up JOIN certmgr.certificate c ON c.id = up.id WHERE c.issuer_id IS NOT NULL)"
		" SELECT b.der, b.chain FROM up JOIN certmgr.certificate_body b ON b.certificate_id = up.id WHERE b.der IS NOT NULL",
		1, {INT8OID}
	};
	CmRows		rows = cm_query_latest(&select, (Datum[]) {Int64GetDatum(certificate_id)}, NULL);
	CmSlice    *ders = palloc(sizeof(CmSlice) * Max(rows.count, 1) * 2);

	*count = 0;
	for (int i = 0; i < rows.count; i++)
	{
		ders[(*count)++] = cm_rows_slice(&rows, i, 0);
		if (!cm_rows_null(&rows, i, 1))
			ders[(*count)++] = cm_rows_slice(&rows, i, 1);
	}
	return ders;
}

void
cm_ca_certificate_claim(int64 certificate_id, int64 issuing_ca, int64 issuer_id)
{
	static CmQuery update = {
		"UPDATE certmgr.certificate SET source = 'ca', ca_id = COALESCE(ca_id, $2), issuer_id = COALESCE(issuer_id, $3), renew_at = NULL WHERE id = $1",
		3, {INT8OID, INT8OID, INT8OID}
	};

	(void) cm_query(&update, (Datum[]) {Int64GetDatum(certificate_id), Int64GetDatum(issuing_ca), Int64GetDatum(issuer_id)},
					(bool[]) {false, issuing_ca == 0, issuer_id == 0});
}

int64
cm_ca_of_certificate(int64 certificate_id)
{
	static CmQuery select = {"SELECT ca_id FROM certmgr.certificate WHERE id = $1", 1, {INT8OID}};
	CmRows		rows = cm_query(&select, (Datum[]) {Int64GetDatum(certificate_id)}, NULL);

	return rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
}
