/*
 * ca.c - see lifecycle/ca.h. Backends, as certmgr_owner; locks the row of a CA
 * that is changed. What may fail: the master key is not there, the parent does not allow it.
 */
#include "postgres.h"

#include "base/encode.h"
#include "lifecycle/ca.h"
#include "lifecycle/ca_sign.h"
#include "lifecycle/crl.h"
#include "lifecycle/master_key.h"
#include "miscadmin.h"
#include "pg/error.h"
#include "pg/interval.h"
#include "pg/json.h"
#include "pg/lock.h"
#include "pg/own.h"
#include "pg/query.h"
#include "store/audit.h"
#include "store/ca.h"
#include "store/ca_issuer.h"
#include "store/certificate_row.h"
#include "store/instance.h"
#include "store/job.h"
#include "store/key.h"
#include "utils/builtins.h"
#include "x509/certificate.h"
#include "x509/chain.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/url.h"
#include "x509/usage.h"

/* A chain longer than this is no chain of ours: RFC 5280 knows no bound, verifiers do. */
#define CHAIN_MAX 16

/* ---- configuration ---- */

void
cm_ca_check_url(const char *what, const char *url)
{
	CmStatus	st = CM_STATUS_INIT;

	if (url == NULL)
		return;
	if ((strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0 && strncmp(url, "ldap://", 7) != 0) || strlen(url) > 1000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s \"%s\" is not a URL", what, url),
				 errdetail("It must begin with http://, https:// or ldap:// and have at most 1000 characters.")));
	if (!cm_url_check(url, what, &st))
		cm_throw(&st, NULL);
}

static void
put_member(CmBuf *json, const char *key, const char *value)
{
	if (value == NULL)
		return;
	cm_buf_append_str(json, json->len > 1 ? ", " : "");
	cm_json_quote(json, key);
	cm_buf_append_str(json, ": ");
	cm_json_quote(json, value);
}

const char *
cm_ca_config(const CmCaNew *ca)
{
	CmBuf	   *json = cm_own_buf(0);
	char		number[16];

	cm_ca_check_url("crl_url", ca->crl_url);
	if (ca->crl_ca_url != NULL)
		cm_crl_check_apart(ca->crl_url, ca->crl_ca_url);
	cm_ca_check_url("ca_issuers_url", ca->ca_issuers_url);
	cm_ca_check_url("ocsp_url", ca->ocsp_url);
	cm_buf_append_str(json, "{");
	if (ca->path_length >= 0)
	{
		snprintf(number, sizeof(number), "%d", ca->path_length);
		put_member(json, "path_length", number);
	}
	put_member(json, "subject", ca->subject);
	put_member(json, "crl_lifetime", DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(ca->crl_lifetime))));
	put_member(json, "crl_url", ca->crl_url);
	put_member(json, "crl_ca_url", ca->crl_ca_url);
	put_member(json, "ca_issuers_url", ca->ca_issuers_url);
	put_member(json, "ocsp_url", ca->ocsp_url);
	cm_buf_append_str(json, "}");
	return cm_buf_cstr(json);
}

/* ---- made here ---- */

static void
check_signs_here(const CmIssuer *parent)
{
	if (parent->external)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" is external and signs no CA certificates", parent->name)));
}

int64
cm_ca_create(const CmCaNew *ca)
{
	CmKeyAlg	alg;
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *subject = cm_own_buf(0);
	CmBuf	   *der = cm_own_buf(0);
	CmCaSign	sign = {ca->name};
	CmIssuer   *parent = NULL;
	bool		elsewhere = !ca->root && ca->parent == NULL;
	int64		key_id;
	int64		id;
	int64		certificate_id;

	if (!cm_key_alg_parse(ca->key_algorithm, &alg, &st) || !cm_name_parse(ca->subject, subject, &st))
		cm_throw(&st, NULL);
	if (subject->len <= 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a certificate authority needs a subject"),
				 errhint("Give subject => 'CN=Example Root CA,O=Example'.")));
	sign.subject = cm_slice(subject->data, subject->len);
	sign.lifetime = ca->lifetime;
	sign.path_length = ca->path_length;
	sign.shard = -1;
	if (ca->parent != NULL)
	{
		parent = cm_issuer_get(cm_ca_require(ca->parent, false)->id);
		check_signs_here(parent);
		cm_issuer_pin(parent);
		sign.issuer = parent;
		cm_ca_sign_check_path(&sign);
		(void) cm_issuer_shard(parent, true, &sign.shard);
	}
	if (ca->template != NULL)
	{
		if (parent == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a template says what a parent here signs"),
					 errhint("Give parent, or leave out template: the CA elsewhere decides.")));
		cm_ca_sign_by_template(&sign, ca->template);
	}
	cm_master_key_require();
	key_id = cm_store_key_create(alg);
	if (ca->signature_algorithm != NULL)
		cm_store_key_set_sign_alg(key_id, ca->signature_algorithm);
	id = cm_ca_insert(ca->name, "private", "pending", parent ? parent->ca_id : 0, key_id, cm_ca_config(ca),
					  elsewhere ? "waits for its certificate: certmgr.ca_csr(), then certmgr.install_ca_certificate()" : NULL);
	cm_audit(ca->actor, "create-ca", "ca", id, NULL);
	cm_instance_register();
	if (!elsewhere)
	{
		sign.spki = cm_store_key_spki(key_id, NULL);
		sign.key = cm_store_key_open(key_id);
		cm_ca_sign(&sign, der);
		certificate_id = cm_ca_certificate_put(parent ? parent->ca_id : id, parent ? parent->certificate_id : 0, sign.shard,
											   cm_slice(der->data, der->len), cm_slice(NULL, 0), 0, ca->actor);
		cm_ca_set_active(id, certificate_id, key_id);
	}
	if (parent != NULL)
		cm_issuer_unpin(parent);
	return id;
}

void
cm_ca_set_active(int64 ca_id, int64 certificate_id, int64 key_id)
{
	cm_ca_set_certificate(ca_id, certificate_id, key_id);
	if (key_id == 0)
		return;
	cm_job_put("crl", ca_id, GetCurrentTimestamp());
	cm_job_put("ocsp", ca_id, GetCurrentTimestamp());
}

/* ---- a parent elsewhere ---- */

char *
cm_ca_request(const char *name)
{
	CmCaRow    *ca = cm_ca_require(name, false);
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *subject = cm_own_buf(0);
	CmBuf	   *der = cm_own_buf(0);
	CmBuf	   *pem = cm_own_buf(0);
	CmCertificate present;
	CmSlice		wanted;
	CmJson	   *config;
	const char *path_length;

	if (strcmp(ca->type, "private") != 0 || ca->key_id == 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("the key of certificate authority \"%s\" is not here", name)));
	config = cm_json_config(ca->config, &st);
	if (config == NULL || !cm_name_parse(cm_json_get_string(config, "subject"), subject, &st))
		cm_throw(&st, NULL);
	wanted = cm_slice(subject->data, subject->len);
	/* The same name to the byte, whatever string types it was written with. */
	if (ca->der.len > 0)
	{
		if (!cm_certificate_parse(ca->der, &present, &st))
			cm_throw(&st, NULL);
		wanted = present.subject;
	}
	path_length = cm_json_get_string(config, "path_length");
	cm_master_key_require();
	if (!cm_csr_build(cm_store_key_open(ca->next_key_id != 0 ? ca->next_key_id : ca->key_id), wanted, cm_slice(NULL, 0), true,
					  path_length ? atoi(path_length) : -1, der, &st) ||
		!cm_pem_encode(pem, "CERTIFICATE REQUEST", der->data, der->len))
		cm_throw(&st, NULL);
	return pstrdup(cm_buf_cstr(pem));
}

void
cm_ca_check_certificate(const char *name, const CmCertificate *cert)
{
	int64_t		now = timestamptz_to_time_t(GetCurrentTimestamp());
	const char *wrong = NULL;

	if (!cert->ca)
		wrong = "It is not a CA certificate (basicConstraints).";
	else if (cert->has_key_usage && !(cert->key_usage & CM_KU_KEY_CERT_SIGN))
		wrong = "Its key usage lacks keyCertSign.";
	else if (cert->not_after <= now)
		wrong = "It has expired.";
	else if (cert->subject_key_id.len == 0)
		wrong = "It has no subject key identifier.";
	if (wrong != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("certificate cannot be used by certificate authority \"%s\"", name),
				 errdetail("%s", wrong)));
}

/* Which of its keys the certificate is for. */
static int64
key_of(const char *name, const CmCaRow *ca, CmSlice spki)
{
	if (ca->next_key_id != 0 && cm_slice_equal(cm_store_key_spki(ca->next_key_id, NULL), spki))
		return ca->next_key_id;
	if (cm_slice_equal(cm_store_key_spki(ca->key_id, NULL), spki))
		return ca->key_id;
	ereport(ERROR,
			(errcode(CM_ERRCODE_MISMATCH),
			 errmsg("certificate does not belong to certificate authority \"%s\"", name),
			 errdetail("It certifies another public key."),
			 errhint("Have the request from certmgr.ca_csr(%s) signed.", quote_literal_cstr(name))));
}

static void
check_same_subject(const char *name, const CmCaRow *ca, const CmCertificate *cert)
{
	CmCertificate present;
	CmStatus	st = CM_STATUS_INIT;

	if (ca->der.len == 0)
		return;
	if (!cm_certificate_parse(ca->der, &present, &st))
		cm_throw(&st, NULL);
	if (!cm_slice_equal(present.subject, cert->subject))
		ereport(ERROR,
				(errcode(CM_ERRCODE_MISMATCH),
				 errmsg("certificate does not belong to certificate authority \"%s\"", name),
				 errdetail("Its subject is not that of the present certificate, byte for byte, so it would not fit what was issued."),
				 ca->key_id == 0 ? errhint("SELECT certmgr.import_ca(...) takes it as that of another CA.") :
				 errhint("Have the request from certmgr.ca_csr(%s) signed with its subject as it is.", quote_literal_cstr(name))));
}

void
cm_ca_find_issuer(const CmCertificate *cert, int64 self, int64 *ca_id, int64 *issuer_id)
{
	CmCaIssuer *issuers;
	CmCertificate issuer;
	int			count;

	*ca_id = *issuer_id = 0;
	if (cm_certificate_issued_by(cert, cert, NULL))
	{
		*ca_id = self;
		return;
	}
	issuers = cm_ca_issuers(&count);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (cm_certificate_parse(issuers[i].der, &issuer, NULL) && cm_slice_equal(issuer.subject, cert->issuer) &&
			cm_certificate_issued_by(cert, &issuer, NULL))
		{
			*ca_id = issuers[i].ca_id;
			*issuer_id = issuers[i].certificate_id;
			return;
		}
	}
}

/*
 * What its own issuers forbid (path length, name constraints, dates) no client would take; the last one is who they
 * trust. Verifying takes the first for the end of the path: it is a CA that counts.
 */
static void
check_path(CmSlice ordered, size_t leaf_len)
{
	CmBuf	   *anchor = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	CmSlice		rest = ordered;
	CmCertificate cert;
	CmDer		last;
	int			cas = 0;

	if (ordered.len == leaf_len)
		return;
	while (rest.len > 0 && cm_der_next(&rest, &last))
	{
		if (!cm_certificate_parse(last.whole, &cert, &st))
			cm_throw(&st, NULL);
		if (cert.path_length >= 0 && cert.path_length < cas)
			ereport(ERROR,
					(errcode(CM_ERRCODE_POLICY),
					 errmsg("certificate cannot be used to issue"),
					 errdetail("Above it is a CA with path length %d; CAs below that one: %d.", cert.path_length, cas)));
		if (!cm_slice_equal(cert.issuer, cert.subject))
			cas++;
	}
	if (!cm_pem_encode(anchor, "CERTIFICATE", last.whole.data, last.whole.len))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	if (!cm_chain_verify(ordered, cm_slice(anchor->data, anchor->len), timestamptz_to_time_t(GetCurrentTimestamp()), &st))
		cm_throw(&st, NULL);
}

int64
cm_ca_put_foreign(int64 ca_id, CmSlice ordered, size_t leaf_len, int64 renewed_from, const char *actor)
{
	CmSlice		chain = cm_slice(ordered.data + leaf_len, ordered.len - leaf_len);
	CmStatus	st = CM_STATUS_INIT;
	CmCertificate cert;
	int64		issuing_ca;
	int64		issuer_id;

	if (!cm_certificate_parse(cm_slice(ordered.data, leaf_len), &cert, &st))
		cm_throw(&st, NULL);
	check_path(ordered, leaf_len);
	cm_ca_find_issuer(&cert, ca_id, &issuing_ca, &issuer_id);
	/* What is in our own rows is not kept twice. */
	return cm_ca_certificate_put(issuing_ca, issuer_id, -1, cert.der, issuer_id != 0 ? cm_slice(NULL, 0) : chain, renewed_from, actor);
}

int64
cm_ca_install(const char *name, const char *certificate, const char *chain, bool activate, const char *actor)
{
	CmCaRow    *ca = cm_ca_require(name, true);
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *ders = cm_own_buf(0);
	CmBuf	   *ordered = cm_own_buf(0);
	CmSlice		rest;
	CmDer		first;
	CmCertificate cert;
	size_t		leaf_len;
	int			count = 0;
	int			more = 0;
	int64		key_id;
	int64		id;

	if (strcmp(ca->type, "private") != 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" takes no certificate from elsewhere", name),
				 errdetail("Only a private CA does.")));
	if (!cm_certificates_from_text(cm_slice(certificate, strlen(certificate)), CHAIN_MAX, ders, &count, &st) ||
		(chain != NULL && !cm_certificates_from_text(cm_slice(chain, strlen(chain)), CHAIN_MAX - 1, ders, &more, &st)))
		cm_throw(&st, NULL);
	/* The first one is the CA's own, then what leads up from it, in any order. */
	rest = cm_slice(ders->data, ders->len);
	if (!cm_der_next(&rest, &first) || !cm_certificate_parse(first.whole, &cert, &st))
		cm_throw(&st, NULL);
	key_id = ca->key_id != 0 ? key_of(name, ca, cert.spki) : 0;
	if (key_id == 0)
		cm_ca_check_free(&cert, ca->id);
	cm_ca_check_certificate(name, &cert);
	check_same_subject(name, ca, &cert);
	if (!cm_chain_order(cm_slice(ders->data, ders->len), cert.spki, ordered, &leaf_len, &st))
		cm_throw(&st, NULL);
	id = cm_ca_put_foreign(ca->id, cm_slice(ordered->data, ordered->len), leaf_len, ca->certificate_id, actor);
	if (key_id == 0)
		cm_ca_put_public(ca->id, id, &cert, activate, actor);
	else if (activate || ca->certificate_id == 0)
		cm_ca_set_active(ca->id, id, key_id);
	else
		cm_ca_issuer_put(ca->id, id, key_id);
	cm_audit(actor, "install-ca-certificate", "ca", ca->id, psprintf("{\"certificate\": %lld}", (long long) id));
	return id;
}

/* ---- off, on, away ---- */

/* Enabled, it would refuse to issue: better said now. */
static void
check_not_revoked(const CmCaRow *ca)
{
	const CmCertificateRow *row = ca->certificate_id != 0 ? cm_certificate_row_get(ca->certificate_id, false) : NULL;

	if (row != NULL && strcmp(row->state, "revoked") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the certificate of certificate authority \"%s\" is revoked", ca->name),
				 errdetail("It is certificate %lld, revoked with reason %s.", (long long) row->id, row->revocation_reason),
				 strcmp(row->revocation_reason, "certificateHold") == 0 ? errhint("SELECT certmgr.unhold(%lld);", (long long) row->id) :
				 errhint("SELECT certmgr.renew_ca(%s, new_key => true);", quote_literal_cstr(ca->name))));
}

void
cm_ca_enable(const char *name, bool enabled, const char *actor)
{
	CmCaRow    *ca = cm_ca_require(name, true);

	if ((strcmp(ca->state, "disabled") == 0) != enabled)
		return;
	if (enabled)
		check_not_revoked(ca);
	cm_ca_set_state(ca->id, !enabled ? "disabled" : strcmp(ca->type, "private") == 0 && ca->certificate_id == 0 ? "pending" : "active");
	cm_audit(actor, enabled ? "enable-ca" : "disable-ca", "ca", ca->id, NULL);
}

void
cm_ca_drop(const char *name, const char *actor)
{
	CmCaRow    *ca = cm_ca_require(name, false);
	char	   *use;

	/* As engines take them, or we would wait for each other: an account's job before the CA, a CRL's after it. */
	cm_ca_lock_account_jobs(ca->id);
	ca = cm_ca_require(name, true);
	/* What is being issued is seen or waited for. */
	cm_lock_exclusive(CM_LOCK_CA, ca->id);
	use = cm_ca_in_use(ca->id);
	if (use != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop certificate authority \"%s\" because something depends on it", name),
				 errdetail("%s.", use),
				 errhint("SELECT certmgr.disable_ca(%s) keeps it from issuing.", quote_literal_cstr(name))));
	cm_ca_delete(ca->id);
	cm_audit(actor, "drop-ca", "ca", ca->id, NULL);
}
