/*
 * secret.c - see secret.h. Must run as certmgr_owner: row security hides the
 * table from everybody else. The plain value never becomes a Datum here.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "crypto/seal.h"
#include "pg/error.h"
#include "pg/own.h"
#include "pg/query.h"
#include "store/secret.h"

static CmSealPlace
place_of(int64 id)
{
	CmSealPlace place = {"certmgr_private.secret", id, "sealed", "secret", {NULL, 0}};

	return place;
}

int64
cm_secret_put(const char *name, CmSlice value)
{
	/* The row's id is part of what the seal protects, so the row comes first. */
	static CmQuery put = {
		"INSERT INTO certmgr_private.secret (name, sealed) VALUES ($1, '') ON CONFLICT (name) DO UPDATE SET updated_at = pg_catalog.now() RETURNING id",
		1, {TEXTOID}};
	static CmQuery seal = {"UPDATE certmgr_private.secret SET sealed = $2 WHERE id = $1", 2, {INT8OID, BYTEAOID}};
	CmBuf	   *sealed = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	CmSealPlace place;
	CmRows		rows;
	int64		id;

	rows = cm_query(&put, (Datum[]) {cm_datum_text(name)}, NULL);
	id = cm_rows_int64(&rows, 0, 0);
	place = place_of(id);
	if (!cm_seal(value, &place, sealed, &st))
		cm_throw(&st, NULL);
	cm_query(&seal, (Datum[]) {Int64GetDatum(id), cm_datum_bytea(sealed->data, sealed->len)}, NULL);
	return id;
}

CmBuf *
cm_secret_open(int64 id)
{
	static CmQuery get = {"SELECT sealed FROM certmgr_private.secret WHERE id = $1", 1, {INT8OID}};
	CmBuf	   *plain = cm_own_secret(0);
	CmRows		rows = cm_query(&get, (Datum[]) {Int64GetDatum(id)}, NULL);
	CmSealPlace place = place_of(id);
	CmStatus	st = CM_STATUS_INIT;
	bytea	   *sealed;

	if (rows.count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("secret %lld does not exist", (long long) id)));
	sealed = cm_rows_bytea(&rows, 0, 0);
	if (!cm_unseal(cm_slice(VARDATA_ANY(sealed), VARSIZE_ANY_EXHDR(sealed)), &place, plain, &st))
		cm_throw(&st, NULL);
	return plain;
}

void
cm_secret_delete(int64 id)
{
	static CmQuery delete = {"DELETE FROM certmgr_private.secret WHERE id = $1", 1, {INT8OID}};

	cm_query(&delete, (Datum[]) {Int64GetDatum(id)}, NULL);
}
