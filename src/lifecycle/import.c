/*
 * import.c - see import.h. Backends. A certificate that is there already is
 * found by its end and serial number, whose index is there anyhow, and compared
 * byte by byte; two sessions that import the same one at once are held apart by a lock.
 *
 * What exists elsewhere exists, so policy has its say only where a certificate
 * is to be a subscriber's who has a template. An issuer that is a CA of
 * ours is recognised by its name and signature, so that its certificates have
 * one place in the inventory.
 */
#include "postgres.h"

#include "crypto/pkcs.h"
#include "lifecycle/cache.h"
#include "lifecycle/foreign.h"
#include "lifecycle/import.h"
#include "lifecycle/notify.h"
#include "lifecycle/subject_key.h"
#include "miscadmin.h"
#include "pg/error.h"
#include "pg/lock.h"
#include "pg/own.h"
#include "store/audit.h"
#include "store/certificate.h"
#include "store/import.h"
#include "store/key.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "x509/certificate.h"
#include "x509/chain.h"
#include "x509/policy.h"

/* More than the root store of a browser holds. */
#define BUNDLE_MAX 1000
#define CHAIN_MAX 16

/* The CA of ours that signed it, if one did. */
static void
find_issuer(const CmCertificate *cert, CmCertificateNew *row)
{
	CmIssuerCandidate *candidates;
	int			count;

	candidates = cm_import_issuers(&count);
	for (int i = 0; i < count; i++)
	{
		CmCertificate issuer;

		CHECK_FOR_INTERRUPTS();
		if (cm_certificate_parse(candidates[i].der, &issuer, NULL) && cm_slice_equal(issuer.subject, cert->issuer) &&
			cm_certificate_issued_by(cert, &issuer, NULL))
		{
			row->ca_id = candidates[i].ca_id;
			row->issuer_id = candidates[i].certificate_id;
			return;
		}
	}
}

CmOwn *
cm_import_open_key(const char *private_key, const char *password, const CmCertificate *cert)
{
	CmOwn	   *own = cm_own_key();
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *spki = cm_own_buf(0);
	CmKey	   *key = NULL;

	if (!cm_key_from_encrypted_pem(cm_slice(private_key, strlen(private_key)), password, &key, &st))
		cm_throw(&st, NULL);
	own->object = key;
	if (!cm_key_spki(key, spki, &st))
		cm_throw(&st, NULL);
	if (!cm_slice_equal(cm_slice(spki->data, spki->len), cert->spki))
		ereport(ERROR,
				(errcode(CM_ERRCODE_MISMATCH),
				 errmsg("private key does not belong to the certificate"),
				 errdetail("The certificate certifies another public key.")));
	return own;
}

/* A subscriber's certificate must be one that it could have been issued: names as it has them, and what its template says. */
static void
judge(const CmSubscriber *s, const CmCertificate *cert, CmCertificateNew *row)
{
	const CmTemplateEntry *t = s->template_id != 0 ? cm_template_get(s->template_id) : NULL;
	CmPolicy	policy = {0};
	CmStatus	st = CM_STATUS_INIT;
	bool		refused;
	char	   *words;

	row->subscriber_id = s->id;
	if (t == NULL)
		return;
	row->template_id = t->id;
	policy.check_sans = true;
	policy.sans = s->sans;
	policy.any_usage = true;
	policy.ca = t->rules.ca;
	policy.max_path_length = -1;
	policy.not_before = INT64_MIN;
	policy.not_after = INT64_MAX;
	policy.template = &t->rules;
	policy.foreign = true;
	if (!cm_policy_check(cert->tbs, &policy, &st) && st.code != CM_POLICY)
		cm_throw(&st, NULL);
	words = cm_foreign_judge(t, cert, st.code == CM_POLICY ? st.detail : NULL, &refused);
	if (refused)
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("certificate is not allowed for subscriber \"%s\"", s->name),
				 errdetail("Template \"%s\": %s", t->name, words),
				 errhint("Import it without a subscriber, or SELECT certmgr.alter_template(%s, external => 'warn', lint => 'warn').", quote_literal_cstr(t->name))));
	row->status_message = words;
}

/* Its key, for one that was there without; another one cannot be, since it fits. */
static void
add_key(int64 id, const CmOwn *key, const char *actor)
{
	CmSubjectKey sealed = {0};

	if (key == NULL || cm_import_has_key(id))
		return;
	if (cm_import_is_ca(id))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the key of a certificate authority is not kept with its certificate"),
				 errhint("SELECT certmgr.import_ca(name, certificate, private_key) takes a CA with its key.")));
	cm_subject_key_seal((const CmKey *) key->object, id, &sealed);
	cm_import_set_key(id, sealed.sealed);
	cm_audit(actor, "import-key", "certificate", id, NULL);
}

int64
cm_import_there(CmSlice der, CmCertificate *cert)
{
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_certificate_parse(der, cert, &st))
		cm_throw(&st, NULL);
	cm_lock_exclusive(CM_LOCK_IMPORT, cert->not_after);
	return cm_import_find(cert);
}

/* Puts one certificate; key may be NULL. */
static int64
put(CmSlice der, CmSlice chain, const CmOwn *key, const CmSubscriber *subscriber, const char *actor)
{
	CmCertificate cert;
	CmCertificateNew row = {0};
	CmBodyNew	body = {0};
	CmSubjectKey sealed = {0};
	int64		there = cm_import_there(der, &cert);

	if (there != 0)
	{
		add_key(there, key, actor);
		return there;
	}
	cm_foreign_row(&cert, &row);
	row.id = cm_certificate_next_id();
	row.requested_by = actor;
	if (subscriber != NULL)
		judge(subscriber, &cert, &row);
	find_issuer(&cert, &row);
	cm_certificate_put(&row);
	if (key != NULL)
		cm_subject_key_seal((const CmKey *) key->object, row.id, &sealed);
	body.certificate_id = row.id;
	body.der = der;
	/* What is in our own rows is not kept twice. */
	body.chain = row.issuer_id == 0 ? chain : cm_slice(NULL, 0);
	body.sealed_key = sealed.sealed;
	cm_body_insert(&body);
	cm_notify("imported", row.id, row.subscriber_id);
	return row.id;
}

int64
cm_import_certificate(const CmImport *import)
{
	CmBuf	   *ders = cm_own_buf(0);
	CmBuf	   *ordered = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	CmCertificate leaf;
	CmSlice		rest;
	CmDer		first;
	CmOwn	   *key = NULL;
	size_t		leaf_len;
	int			count = 0;
	int64		id;

	if (!cm_certificates_from_text(cm_slice(import->certificate, strlen(import->certificate)), CHAIN_MAX, ders, &count, &st))
		cm_throw(&st, NULL);
	/* The first is the leaf; the others are put in order behind it. */
	rest = cm_slice(ders->data, ders->len);
	if (!cm_der_next(&rest, &first) || !cm_certificate_parse(first.whole, &leaf, &st))
		cm_throw(&st, NULL);
	if (!cm_chain_order(cm_slice(ders->data, ders->len), leaf.spki, ordered, &leaf_len, &st))
		cm_throw(&st, NULL);
	if (import->private_key != NULL)
		key = cm_import_open_key(import->private_key, import->password, &leaf);
	id = put(cm_slice(ordered->data, leaf_len), cm_slice(ordered->data + leaf_len, ordered->len - leaf_len), key,
			 import->subscriber != NULL ? cm_subscriber_get(import->subscriber) : NULL, import->actor);
	if (key != NULL)
		cm_own_release(key);
	if (import->metadata != NULL)
		cm_import_set_metadata(id, import->metadata);
	return id;
}

int64 *
cm_import_bundle(const char *bundle, const char *actor, int *count)
{
	CmBuf	   *ders = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	CmSlice		rest;
	CmDer		one;
	int64	   *ids;
	int			n = 0;

	if (!cm_certificates_from_text(cm_slice(bundle, strlen(bundle)), BUNDLE_MAX, ders, count, &st))
		cm_throw(&st, NULL);
	ids = palloc(sizeof(int64) * Max(*count, 1));
	rest = cm_slice(ders->data, ders->len);
	while (n < *count && cm_der_next(&rest, &one))
	{
		CHECK_FOR_INTERRUPTS();
		ids[n++] = put(one.whole, cm_slice(NULL, 0), NULL, NULL, actor);
	}
	*count = n;
	return ids;
}
