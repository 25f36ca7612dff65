/*
 * key.c - see store/key.h. Must run as certmgr_owner: row security hides the
 * table from everybody else.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "crypto/seal.h"
#include "pg/error.h"
#include "pg/query.h"
#include "store/key.h"

static void
free_key(void *object)
{
	cm_key_free((CmKey *) object);
}

CmOwn *
cm_own_key(void)
{
	return cm_own(free_key);
}

static CmSealPlace
place_of(int64 id, const char *algorithm, CmSlice spki)
{
	CmSealPlace place = {"certmgr_private.key", id, "sealed", algorithm, spki};

	return place;
}

static CmRows
get(int64 id)
{
	static CmQuery select = {"SELECT algorithm, spki, sealed, signature_algorithm FROM certmgr_private.key WHERE id = $1", 1, {INT8OID}};
	CmRows		rows = cm_query(&select, (Datum[]) {Int64GetDatum(id)}, NULL);

	if (rows.count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("key %lld does not exist", (long long) id)));
	return rows;
}

int64
cm_store_key_put(const CmKey *key)
{
	static CmQuery insert = {"INSERT INTO certmgr_private.key (algorithm, spki) VALUES ($1, $2) RETURNING id", 2, {TEXTOID, BYTEAOID}};
	static CmQuery seal = {"UPDATE certmgr_private.key SET sealed = $2 WHERE id = $1", 2, {INT8OID, BYTEAOID}};
	const char *algorithm = cm_key_alg_name(cm_key_alg(key));
	CmBuf	   *spki = cm_own_buf(0);
	CmBuf	   *sealed = cm_own_buf(0);
	CmBuf	   *private_bytes = cm_own_secret(0);
	CmStatus	st = CM_STATUS_INIT;
	CmSealPlace place;
	CmRows		rows;
	int64		id;

	if (!cm_key_spki(key, spki, &st) || !cm_key_private_bytes(key, private_bytes, &st))
		cm_throw(&st, NULL);

	rows = cm_query(&insert, (Datum[]) {cm_datum_text(algorithm), cm_datum_bytea(spki->data, spki->len)}, NULL);
	id = cm_rows_int64(&rows, 0, 0);

	/* The row's id is part of what the seal protects, so the row comes first. */
	place = place_of(id, algorithm, cm_slice(spki->data, spki->len));
	if (!cm_seal(cm_slice(private_bytes->data, private_bytes->len), &place, sealed, &st))
		cm_throw(&st, NULL);
	cm_query(&seal, (Datum[]) {Int64GetDatum(id), cm_datum_bytea(sealed->data, sealed->len)}, NULL);
	cm_buf_free(private_bytes);
	return id;
}

int64
cm_store_key_put_public(CmKeyAlg alg, CmSlice spki)
{
	static CmQuery insert = {"INSERT INTO certmgr_private.key (algorithm, spki, provider) VALUES ($1, $2, 'none') RETURNING id", 2, {TEXTOID, BYTEAOID}};
	CmRows		rows = cm_query(&insert, (Datum[]) {cm_datum_text(cm_key_alg_name(alg)), cm_datum_bytea(spki.data, spki.len)}, NULL);

	return cm_rows_int64(&rows, 0, 0);
}

int64
cm_store_key_create(CmKeyAlg alg)
{
	CmOwn	   *own = cm_own_key();
	CmStatus	st = CM_STATUS_INIT;
	CmKey	   *key = NULL;
	int64		id;

	if (!cm_key_generate(alg, &key, &st))
		cm_throw(&st, NULL);
	own->object = key;
	id = cm_store_key_put(key);
	cm_own_release(own);
	return id;
}

void
cm_store_key_set_sign_alg(int64 id, const char *signature_algorithm)
{
	static CmQuery update = {"UPDATE certmgr_private.key SET signature_algorithm = $2 WHERE id = $1", 2, {INT8OID, TEXTOID}};
	CmRows		rows = get(id);
	CmStatus	st = CM_STATUS_INIT;
	CmKeyAlg	alg;
	CmSignAlg	sign;

	if (!cm_key_alg_parse(cm_rows_text(&rows, 0, 0), &alg, &st) || !cm_sign_alg_parse(signature_algorithm, alg, &sign, &st))
		cm_throw(&st, NULL);
	(void) cm_query(&update, (Datum[]) {Int64GetDatum(id), cm_datum_text(cm_sign_alg_name(sign, alg))}, NULL);
}

char *
cm_store_key_sign_alg(int64 id, CmKeyAlg *alg)
{
	CmRows		rows = get(id);
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_key_alg_parse(cm_rows_text(&rows, 0, 0), alg, &st))
		cm_throw(&st, NULL);
	return cm_rows_text(&rows, 0, 3);
}

CmKey *
cm_store_key_open(int64 id)
{
	CmOwn	   *own = cm_own_key();
	CmRows		rows = get(id);
	char	   *algorithm = cm_rows_text(&rows, 0, 0);
	CmSlice		public_part = cm_rows_slice(&rows, 0, 1);
	CmSlice		sealed = cm_rows_slice(&rows, 0, 2);
	char	   *sign_alg = cm_rows_text(&rows, 0, 3);
	CmSealPlace place = place_of(id, algorithm, public_part);
	CmBuf	   *private_bytes = cm_own_secret(0);
	CmStatus	st = CM_STATUS_INIT;
	CmKeyAlg	alg;
	CmSignAlg	sign;
	CmKey	   *key = NULL;

	if (sealed.len == 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_SEALED),
				 errmsg("key %lld has no private part here", (long long) id)));
	if (!cm_key_alg_parse(algorithm, &alg, &st) ||
		!cm_unseal(sealed, &place, private_bytes, &st) ||
		!cm_key_from_private(alg, cm_slice(private_bytes->data, private_bytes->len), public_part, &key, &st))
		cm_throw(&st, NULL);
	own->object = key;
	cm_buf_free(private_bytes);
	if (sign_alg != NULL && (!cm_sign_alg_parse(sign_alg, alg, &sign, &st) || !cm_key_set_sign_alg(key, sign, &st)))
		cm_throw(&st, NULL);
	return key;
}

CmSlice
cm_store_key_spki(int64 id, CmKeyAlg *alg)
{
	CmRows		rows = get(id);
	CmStatus	st = CM_STATUS_INIT;

	if (alg != NULL && !cm_key_alg_parse(cm_rows_text(&rows, 0, 0), alg, &st))
		cm_throw(&st, NULL);
	return cm_rows_slice(&rows, 0, 1);
}

void
cm_store_key_delete(int64 id)
{
	static CmQuery delete = {"DELETE FROM certmgr_private.key WHERE id = $1", 1, {INT8OID}};

	cm_query(&delete, (Datum[]) {Int64GetDatum(id)}, NULL);
}
