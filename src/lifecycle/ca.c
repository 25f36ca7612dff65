/*
 * ca.c - see lifecycle/ca.h. A CA's own certificate is signed at once, not at
 * commit: its key is born in the same transaction, so one that was rolled
 * back has no key anywhere.
 */
#include "postgres.h"

#include "base/encode.h"
#include "lifecycle/ca.h"
#include "lifecycle/cache.h"
#include "lifecycle/master_key.h"
#include "pg/error.h"
#include "pg/interval.h"
#include "pg/json.h"
#include "pg/lock.h"
#include "pg/own.h"
#include "pg/query.h"
#include "store/audit.h"
#include "store/ca.h"
#include "store/certificate.h"
#include "store/insert.h"
#include "store/instance.h"
#include "store/job.h"
#include "store/key.h"
#include "utils/builtins.h"
#include "x509/certificate.h"
#include "x509/chain.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/policy.h"
#include "x509/san.h"
#include "x509/tbs.h"
#include "x509/usage.h"

#define CA_USAGE (CM_KU_KEY_CERT_SIGN | CM_KU_CRL_SIGN)
/* A chain longer than this is no chain of ours: RFC 5280 knows no bound, verifiers do. */
#define CHAIN_MAX 16

/* ---- configuration ---- */

static void
check_url(const char *what, const char *url)
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

static const char *
config_of(const CmCaNew *ca)
{
	CmBuf	   *json = cm_own_buf(0);
	char		number[16];

	check_url("crl_url", ca->crl_url);
	check_url("ca_issuers_url", ca->ca_issuers_url);
	check_url("ocsp_url", ca->ocsp_url);
	cm_buf_append_str(json, "{");
	if (ca->path_length >= 0)
	{
		snprintf(number, sizeof(number), "%d", ca->path_length);
		put_member(json, "path_length", number);
	}
	put_member(json, "subject", ca->subject);
	put_member(json, "crl_lifetime", DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(ca->crl_lifetime))));
	put_member(json, "crl_url", ca->crl_url);
	put_member(json, "ca_issuers_url", ca->ca_issuers_url);
	put_member(json, "ocsp_url", ca->ocsp_url);
	cm_buf_append_str(json, "}");
	return cm_buf_cstr(json);
}

/* ---- the certificate of a CA ---- */

static void
append_usage(const char *name, void *arg)
{
	char	 ***next = arg;

	*(*next)++ = pstrdup(name);
}

/* Row and body of a CA certificate, whoever signed it. */
static int64
put_ca_certificate(int64 issuing_ca, int64 issuer_id, int shard, CmSlice der, CmSlice chain, const char *actor)
{
	CmCertificate cert;
	CmStatus	st = CM_STATUS_INIT;
	CmCertificateNew row = {0};
	CmBodyNew	body = {0};
	CmBuf	   *subject = cm_own_buf(0);
	char	   *usages[16];
	char	  **next = usages;
	struct CmInserter *writer;

	if (!cm_certificate_parse(der, &cert, &st) || !cm_name_format(cert.subject, subject, &st))
		cm_throw(&st, NULL);
	cm_usage_each(cert.key_usage & 0x1ff, cm_slice(NULL, 0), append_usage, &next);
	row.id = cm_certificate_next_id();
	row.ca_id = issuing_ca;
	row.issuer_id = issuer_id;
	row.state = "issued";
	row.source = "ca";
	row.serial = cert.serial;
	row.subject = cm_datum_text(cm_buf_cstr(subject));
	row.sans = cm_datum_text_array(NULL, 0);
	row.usages = cm_datum_text_array(usages, (int) (next - usages));
	row.key_algorithm = cm_key_alg_name(cert.key_alg);
	row.not_before = time_t_to_timestamptz(cert.not_before);
	row.not_after = time_t_to_timestamptz(cert.not_after);
	row.created_at = GetCurrentTimestamp();
	row.requested_by = actor;
	row.action = "issue-ca";
	row.has_shard = shard >= 0;
	row.shard = shard;
	cm_certificate_put(&row);

	body.certificate_id = row.id;
	body.der = der;
	body.chain = chain;
	writer = cm_body_open();
	cm_body_put(writer, &body);
	cm_body_close(writer);
	return row.id;
}

static void
check_parent_allows(const CmCaNew *ca, const CmIssuer *parent)
{
	if (parent->external)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" is external and signs no CA certificates", ca->parent)));
	if (parent->path_length == 0 || (parent->path_length > 0 && (ca->path_length < 0 || ca->path_length >= parent->path_length)))
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("certificate authority \"%s\" does not allow this path length", ca->parent),
				 parent->path_length == 0 ? errdetail("Its own path length is 0: it can issue to end entities only.") :
				 errdetail("Its own path length is %d, so a CA below it must have at most %d.", parent->path_length, parent->path_length - 1),
				 parent->path_length == 0 ? errhint("Use another parent.") : errhint("Give path_length => %d.", parent->path_length - 1)));
}

static void
sign_ca_certificate(const CmCaNew *ca, CmSlice subject, CmSlice spki, const CmIssuer *parent, int shard, const CmKey *own_key, CmBuf *der)
{
	CmTbs		tbs = {0};
	CmPolicy	policy = {0};
	CmBuf	   *bytes = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	TimestampTz now = GetCurrentTimestamp();
	uint8_t		serial[CM_SERIAL_SIZE];
	uint8_t		self_id[20];

	if (!cm_serial_random(serial, &st) || !cm_key_identifier(spki, self_id, &st))
		cm_throw(&st, NULL);
	tbs.serial = cm_slice(serial, sizeof(serial));
	tbs.issuer_alg = cm_key_alg(parent ? parent->key : own_key);
	tbs.issuer = parent ? parent->subject : subject;
	tbs.authority_key_id = parent ? parent->key_identifier : cm_slice(self_id, sizeof(self_id));
	tbs.subject = subject;
	tbs.spki = spki;
	tbs.not_before = timestamptz_to_time_t(now) - 60;
	tbs.not_after = timestamptz_to_time_t(cm_timestamp_plus(now, ca->lifetime));
	if (parent)
	{
		tbs.not_before = Max(tbs.not_before, parent->not_before);
		/* Same lifetime as the parent's, asked for a little later (the default of an intermediate below another): they end together. */
		if (tbs.not_after > parent->not_after && tbs.not_after - parent->not_after <= SECS_PER_DAY)
			tbs.not_after = parent->not_after;
		if (tbs.not_after > parent->not_after)
			ereport(ERROR,
					(errcode(CM_ERRCODE_POLICY),
					 errmsg("certificate would outlive its issuer \"%s\"", parent->name),
					 errdetail("The CA's certificate expires at %s.", timestamptz_to_str(time_t_to_timestamptz(parent->not_after))),
					 errhint("Give a shorter lifetime.")));
		tbs.ca_issuers_url = parent->ca_issuers_url;
		tbs.ocsp_url = parent->ocsp_url;
		tbs.crl_url = parent->crl_url;
		tbs.freshest_crl_url = parent->delta_crl_url;
		tbs.url_values.ca = parent->name;
		tbs.url_values.shard = shard;
	}
	if (tbs.not_after <= timestamptz_to_time_t(now))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lifetime of a certificate authority must be positive")));
	tbs.ca = true;
	tbs.path_length = ca->path_length;
	tbs.key_usage = CA_USAGE;
	if (!cm_tbs_build(&tbs, bytes, &st))
		cm_throw(&st, NULL);

	policy.holder = psprintf("certificate authority \"%s\"", ca->name);
	policy.check_subject = true;
	policy.subject = subject;
	policy.check_sans = true;
	policy.key_usage = CA_USAGE;
	policy.ca = true;
	policy.max_path_length = ca->path_length;
	policy.not_before = tbs.not_before;
	policy.not_after = tbs.not_after;
	policy.spki = spki;
	policy.issuer = tbs.issuer;
	policy.authority_key_id = tbs.authority_key_id;
	if (parent)
		policy.issuer_constraints = parent->name_constraints;
	if (!cm_policy_check(cm_slice(bytes->data, bytes->len), &policy, &st) ||
		!cm_certificate_sign(parent ? parent->key : own_key, cm_slice(bytes->data, bytes->len), der, &st))
		cm_throw(&st, NULL);
}

int64
cm_ca_create(const CmCaNew *ca)
{
	CmKeyAlg	alg;
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *subject = cm_own_buf(0);
	CmBuf	   *der = cm_own_buf(0);
	CmIssuer   *parent = NULL;
	CmSlice		spki;
	bool		elsewhere = !ca->root && ca->parent == NULL;
	int64		key_id;
	int64		id;
	int64		certificate_id;
	int64		parent_id = 0;
	int			shard = -1;

	if (!cm_key_alg_parse(ca->key_algorithm, &alg, &st) || !cm_name_parse(ca->subject, subject, &st))
		cm_throw(&st, NULL);
	if (subject->len <= 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a certificate authority needs a subject"),
				 errhint("Give subject => 'CN=Example Root CA,O=Example'.")));
	if (ca->parent != NULL)
	{
		parent_id = cm_ca_require(ca->parent, false)->id;
		parent = cm_issuer_get(parent_id);
		check_parent_allows(ca, parent);
		cm_issuer_pin(parent);
	}
	cm_master_key_require();
	key_id = cm_store_key_create(alg);
	id = cm_ca_insert(ca->name, "private", "pending", parent_id, key_id, config_of(ca),
					  elsewhere ? "waits for its certificate: certmgr.ca_csr(), then certmgr.install_ca_certificate()" : NULL);
	cm_audit(ca->actor, "create-ca", "ca", id, NULL);
	cm_instance_register();
	if (!elsewhere)
	{
		spki = cm_store_key_spki(key_id, NULL);
		if (parent != NULL)
			(void) cm_issuer_shard(parent, &shard);
		sign_ca_certificate(ca, cm_slice(subject->data, subject->len), spki, parent, shard, cm_store_key_open(key_id), der);
		certificate_id = put_ca_certificate(parent ? parent_id : id, parent ? parent->certificate_id : 0, shard, cm_slice(der->data, der->len),
											cm_slice(NULL, 0), ca->actor);
		cm_ca_set_certificate(id, certificate_id);
		cm_job_put("crl", id, GetCurrentTimestamp());
		cm_job_put("ocsp", id, GetCurrentTimestamp());
	}
	if (parent != NULL)
		cm_issuer_unpin(parent);
	return id;
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
	CmJson	   *config;
	const char *path_length;

	if (strcmp(ca->type, "private") != 0 || ca->key_id == 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("the key of certificate authority \"%s\" is not here", name)));
	config = cm_json_parse(cm_slice(ca->config, strlen(ca->config)), 65536, &st);
	if (config == NULL || !cm_name_parse(cm_json_get_string(config, "subject"), subject, &st))
		cm_throw(&st, NULL);
	path_length = cm_json_get_string(config, "path_length");
	cm_master_key_require();
	if (!cm_csr_build(cm_store_key_open(ca->key_id), cm_slice(subject->data, subject->len), cm_slice(NULL, 0), true,
					  path_length ? atoi(path_length) : -1, der, &st) ||
		!cm_pem_encode(pem, "CERTIFICATE REQUEST", der->data, der->len))
		cm_throw(&st, NULL);
	return pstrdup(cm_buf_cstr(pem));
}

static void
check_installable(const char *name, const CmCaRow *ca, const CmCertificate *cert)
{
	CmSlice		spki = cm_store_key_spki(ca->key_id, NULL);
	int64_t		now = timestamptz_to_time_t(GetCurrentTimestamp());
	const char *wrong = NULL;

	if (!cm_slice_equal(spki, cert->spki))
		ereport(ERROR,
				(errcode(CM_ERRCODE_MISMATCH),
				 errmsg("certificate does not belong to certificate authority \"%s\"", name),
				 errdetail("It certifies another public key."),
				 errhint("Have the request from certmgr.ca_csr(%s) signed.", quote_literal_cstr(name))));
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

int64
cm_ca_install(const char *name, const char *certificate, const char *chain, const char *actor)
{
	CmCaRow    *ca = cm_ca_require(name, true);
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *ders = cm_own_buf(0);
	CmBuf	   *ordered = cm_own_buf(0);
	CmCertificate cert;
	size_t		leaf_len;
	int			count = 0;
	int			more = 0;
	int64		id;

	if (strcmp(ca->type, "private") != 0 || ca->key_id == 0 || ca->parent_id != 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" takes no certificate from elsewhere", name),
				 errdetail("Only a private CA made with parent => NULL does.")));
	if (ca->certificate_id != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate authority \"%s\" has a certificate already", name)));
	if (!cm_certificates_from_text(cm_slice(certificate, strlen(certificate)), CHAIN_MAX, ders, &count, &st) ||
		(chain != NULL && !cm_certificates_from_text(cm_slice(chain, strlen(chain)), CHAIN_MAX - 1, ders, &more, &st)))
		cm_throw(&st, NULL);
	if (!cm_chain_order(cm_slice(ders->data, ders->len), cm_store_key_spki(ca->key_id, NULL), ordered, &leaf_len, &st))
	{
		CmSlice		rest = cm_slice(ders->data, ders->len);
		CmDer		first;

		/* Say what is wrong with the certificate itself before speaking of chains. */
		if (cm_der_next(&rest, &first) && cm_certificate_parse(first.whole, &cert, &st))
			check_installable(name, ca, &cert);
		cm_throw(&st, NULL);
	}
	if (!cm_certificate_parse(cm_slice(ordered->data, leaf_len), &cert, &st))
		cm_throw(&st, NULL);
	check_installable(name, ca, &cert);
	id = put_ca_certificate(0, 0, -1, cert.der, cm_slice(ordered->data + leaf_len, ordered->len - leaf_len), actor);
	cm_ca_set_certificate(ca->id, id);
	cm_audit(actor, "install-ca-certificate", "ca", ca->id, NULL);
	cm_job_put("crl", ca->id, GetCurrentTimestamp());
	cm_job_put("ocsp", ca->id, GetCurrentTimestamp());
	return id;
}

/* ---- off, on, away ---- */

void
cm_ca_enable(const char *name, bool enabled, const char *actor)
{
	CmCaRow    *ca = cm_ca_require(name, true);

	if ((strcmp(ca->state, "disabled") == 0) != enabled)
		return;
	cm_ca_set_state(ca->id, !enabled ? "disabled" : strcmp(ca->type, "private") == 0 && ca->certificate_id == 0 ? "pending" : "active");
	cm_audit(actor, enabled ? "enable-ca" : "disable-ca", "ca", ca->id, NULL);
}

void
cm_ca_drop(const char *name, const char *actor)
{
	CmCaRow    *ca = cm_ca_require(name, false);
	char	   *use;

	/* Jobs first, as engines take them, or we would wait for each other. */
	cm_ca_lock_jobs(ca->id);
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
