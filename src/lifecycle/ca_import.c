/*
 * ca_import.c - taking over a CA that exists elsewhere: with its key it goes on
 * issuing here, without it is known as the issuer of others.
 *
 * Backends, as certmgr_owner, in the caller's transaction. What may fail: the
 * master key is not there, the key is another one, the certificate is none of a CA.
 */
#include "postgres.h"

#include "crypto/pkcs.h"
#include "lifecycle/ca.h"
#include "lifecycle/import.h"
#include "lifecycle/master_key.h"
#include "pg/error.h"
#include "pg/own.h"
#include "store/audit.h"
#include "store/ca.h"
#include "store/ca_issuer.h"
#include "store/import.h"
#include "store/instance.h"
#include "store/key.h"
#include "utils/builtins.h"
#include "x509/chain.h"
#include "x509/name.h"

/* RFC 5280 knows no bound, verifiers do. */
#define CHAIN_MAX 16

/* Returns its id in the store. */
static int64
seal_key(const CmCaImport *import, const CmCertificate *cert)
{
	CmOwn	   *own;
	int64		id;

	cm_master_key_require();
	own = cm_import_open_key(import->private_key, import->password, cert);
	id = cm_store_key_put((const CmKey *) own->object);
	cm_own_release(own);
	if (import->as.signature_algorithm != NULL)
		cm_store_key_set_sign_alg(id, import->as.signature_algorithm);
	return id;
}

void
cm_ca_check_free(const CmCertificate *cert, int64 self)
{
	int			count;
	CmCaIssuer *issuers = cm_ca_issuers(&count);

	for (int i = 0; i < count; i++)
	{
		if (issuers[i].ca_id != self && cm_slice_equal(issuers[i].der, cert->der))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("certificate belongs to certificate authority \"%s\" already", issuers[i].ca)));
	}
}

static void
read_chain(const CmCaImport *import, CmBuf *ordered, CmCertificate *cert)
{
	CmBuf	   *ders = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	CmSlice		rest;
	CmDer		first;
	size_t		leaf_len;
	int			count = 0;
	int			more = 0;

	if (!cm_certificates_from_text(cm_slice(import->certificate, strlen(import->certificate)), CHAIN_MAX, ders, &count, &st) ||
		(import->chain != NULL && !cm_certificates_from_text(cm_slice(import->chain, strlen(import->chain)), CHAIN_MAX - 1, ders, &more, &st)))
		cm_throw(&st, NULL);
	rest = cm_slice(ders->data, ders->len);
	if (!cm_der_next(&rest, &first) || !cm_certificate_parse(first.whole, cert, &st))
		cm_throw(&st, NULL);
	cm_ca_check_certificate(import->as.name, cert);
	if (!cm_chain_order(cm_slice(ders->data, ders->len), cert->spki, ordered, &leaf_len, &st) ||
		!cm_certificate_parse(cm_slice(ordered->data, leaf_len), cert, &st))
		cm_throw(&st, NULL);
}

typedef struct Orphans
{
	const CmCertificate *issuer;
	int64	   *ids;
	int			count;
	int			room;
} Orphans;

static void
note_orphan(int64 id, CmSlice der, void *arg)
{
	Orphans    *orphans = arg;
	CmCertificate cert;

	if (!cm_certificate_parse(der, &cert, NULL) || !cm_certificate_issued_by(&cert, orphans->issuer, NULL))
		return;
	if (orphans->count == orphans->room)
	{
		orphans->room *= 2;
		orphans->ids = repalloc(orphans->ids, sizeof(int64) * orphans->room);
	}
	orphans->ids[orphans->count++] = id;
}

/* Certificates that it signed, of other CAs and of whomever else, whose issuer was not known until now. */
static void
adopt(int64 ca_id, int64 certificate_id, const CmCertificate *cert, const char *actor)
{
	Orphans		orphans = {cert, NULL, 0, 16};
	int			adopted;

	orphans.ids = palloc(sizeof(int64) * orphans.room);
	cm_import_orphans(cert->subject, note_orphan, &orphans);
	if (orphans.count == 0)
		return;
	adopted = cm_import_adopt(orphans.ids, orphans.count, ca_id, certificate_id);
	cm_audit(actor, "adopt-certificates", "ca", ca_id, psprintf("{\"issuer\": %lld, \"certificates\": %d}", (long long) certificate_id, adopted));
}

void
cm_ca_put_public(int64 ca_id, int64 certificate_id, const CmCertificate *cert, bool activate, const char *actor)
{
	int64		key_id = cm_ca_issuer_key(ca_id, cert->spki);

	if (key_id == 0)
		key_id = cm_store_key_put_public(cert->key_alg, cert->spki);
	cm_ca_issuer_put(ca_id, certificate_id, key_id);
	if (activate)
		cm_ca_set_active(ca_id, certificate_id, 0);
	adopt(ca_id, certificate_id, cert, actor);
}

int64
cm_ca_import(const CmCaImport *import)
{
	CmBuf	   *ordered = cm_own_buf(0);
	CmBuf	   *subject = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	CmCaNew		as = import->as;
	CmCertificate cert;
	int64		key_id = 0;
	int64		id;
	int64		certificate_id;

	read_chain(import, ordered, &cert);
	cm_ca_check_free(&cert, 0);
	if (!cm_name_format(cert.subject, subject, &st))
		cm_throw(&st, NULL);
	as.subject = cm_buf_cstr(subject);
	as.path_length = cert.path_length;
	if (import->private_key != NULL)
		key_id = seal_key(import, &cert);
	else if (as.signature_algorithm != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a CA without its key signs nothing"),
				 errhint("Give private_key, or leave out signature_algorithm.")));
	id = cm_ca_insert(as.name, "private", "pending", 0, key_id, cm_ca_config(&as), NULL);
	certificate_id = cm_ca_put_foreign(id, cm_slice(ordered->data, ordered->len), cert.der.len, 0, as.actor);
	if (key_id != 0)
	{
		cm_ca_set_active(id, certificate_id, key_id);
		adopt(id, certificate_id, &cert, as.actor);
	}
	else
		cm_ca_put_public(id, certificate_id, &cert, true, as.actor);
	cm_audit(as.actor, "import-ca", "ca", id, psprintf("{\"certificate\": %lld, \"key\": %s}", (long long) certificate_id, key_id != 0 ? "true" : "false"));
	if (key_id != 0)
		cm_instance_register();
	return id;
}
