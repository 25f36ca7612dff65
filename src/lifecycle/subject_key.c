/*
 * subject_key.c - see subject_key.h. The private part is in clear only in
 * buffers that are wiped when the current memory context goes.
 */
#include "postgres.h"

#include "crypto/seal.h"
#include "lifecycle/master_key.h"
#include "lifecycle/subject_key.h"
#include "pg/error.h"
#include "pg/own.h"
#include "store/key.h"

static CmSealPlace
place_of(int64 certificate_id, CmKeyAlg alg, CmSlice spki)
{
	CmSealPlace place = {"certmgr.certificate_body", certificate_id, "sealed_key", cm_key_alg_name(alg), spki};

	return place;
}

static void
seal_for(int64 certificate_id, CmSlice private_bytes, CmSubjectKey *out)
{
	CmBuf	   *sealed = cm_own_buf(0);
	CmSealPlace place = place_of(certificate_id, out->alg, out->spki);
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_seal(private_bytes, &place, sealed, &st))
		cm_throw(&st, NULL);
	out->sealed = cm_slice(sealed->data, sealed->len);
}

static CmBuf *
unseal_from(int64 certificate_id, CmSlice sealed, CmKeyAlg alg, CmSlice spki)
{
	CmBuf	   *private_bytes = cm_own_secret(0);
	CmSealPlace place = place_of(certificate_id, alg, spki);
	CmStatus	st = CM_STATUS_INIT;

	cm_master_key_require();
	if (!cm_unseal(sealed, &place, private_bytes, &st))
		cm_throw(&st, NULL);
	return private_bytes;
}

CmOwn *
cm_subject_key_open(CmSlice sealed, CmSlice spki, CmKeyAlg alg, int64 certificate_id)
{
	CmOwn	   *own = cm_own_key();
	CmBuf	   *private_bytes = unseal_from(certificate_id, sealed, alg, spki);
	CmStatus	st = CM_STATUS_INIT;
	CmKey	   *key = NULL;

	if (!cm_key_from_private(alg, cm_slice(private_bytes->data, private_bytes->len), spki, &key, &st))
		cm_throw(&st, NULL);
	own->object = key;
	cm_buf_free(private_bytes);
	return own;
}

void
cm_subject_key_seal(const CmKey *key, int64 certificate_id, CmSubjectKey *out)
{
	CmBuf	   *spki = cm_own_buf(0);
	CmBuf	   *private_bytes = cm_own_secret(0);
	CmStatus	st = CM_STATUS_INIT;

	cm_master_key_require();
	if (!cm_key_spki(key, spki, &st) || !cm_key_private_bytes(key, private_bytes, &st))
		cm_throw(&st, NULL);
	out->alg = cm_key_alg(key);
	out->spki = cm_slice(spki->data, spki->len);
	seal_for(certificate_id, cm_slice(private_bytes->data, private_bytes->len), out);
	cm_buf_free(private_bytes);
}

void
cm_subject_key_create(CmKeyAlg alg, int64 certificate_id, bool keep_open, CmSubjectKey *out)
{
	CmOwn	   *own = cm_own_key();
	CmStatus	st = CM_STATUS_INIT;
	CmKey	   *key = NULL;

	cm_master_key_require();
	if (!cm_key_generate(alg, &key, &st))
		cm_throw(&st, NULL);
	own->object = key;
	cm_subject_key_seal(key, certificate_id, out);
	out->key = keep_open ? key : NULL;
	if (!keep_open)
		cm_own_release(own);
}

void
cm_subject_key_reuse(CmSlice sealed, CmSlice spki, CmKeyAlg alg, int64 from_certificate, int64 certificate_id, bool keep_open, CmSubjectKey *out)
{
	CmBuf	   *private_bytes = unseal_from(from_certificate, sealed, alg, spki);
	CmOwn	   *own = keep_open ? cm_own_key() : NULL;
	CmStatus	st = CM_STATUS_INIT;

	out->alg = alg;
	out->spki = spki;
	seal_for(certificate_id, cm_slice(private_bytes->data, private_bytes->len), out);
	if (keep_open && !cm_key_from_private(alg, cm_slice(private_bytes->data, private_bytes->len), spki, &out->key, &st))
		cm_throw(&st, NULL);
	if (keep_open)
		own->object = out->key;
	cm_buf_free(private_bytes);
}
