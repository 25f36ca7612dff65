/*
 * ca_sign.c - see ca_sign.h. Backends, as certmgr_owner, in the caller's
 * transaction. A CA's certificate is signed at once, not at commit: who makes a
 * hierarchy in one transaction needs it for the next level, and one that was
 * rolled back has its key nowhere, or is a certificate for a key that is ours.
 */
#include "postgres.h"

#include "lifecycle/ca_sign.h"
#include "lifecycle/foreign.h"
#include "lifecycle/import.h"
#include "pg/error.h"
#include "pg/interval.h"
#include "pg/own.h"
#include "pg/query.h"
#include "store/ca_issuer.h"
#include "store/certificate.h"
#include "utils/builtins.h"
#include "x509/policy.h"
#include "x509/tbs.h"
#include "x509/usage.h"

#define CA_USAGE (CM_KU_KEY_CERT_SIGN | CM_KU_CRL_SIGN)
/* Clocks differ. */
#define BACKDATE 60

/* ---- like the one before ---- */

#define OID(bytes) cm_slice(bytes, sizeof(bytes) - 1)

/* A SEQUENCE's content; what is none is kept whole, and the check refuses it. */
static CmSlice
content_of(CmSlice value)
{
	CmDer		list;

	return cm_der_expect(&value, CM_DER_SEQUENCE, &list) ? list.content : value;
}

/* Made anew for each certificate, or true of the old one only (SCTs). */
static bool
is_made_anew(CmSlice oid)
{
	const CmSlice anew[] = {
		OID("\x55\x1d\x0e"),	/* subjectKeyIdentifier */
		OID("\x55\x1d\x0f"),	/* keyUsage */
		OID("\x55\x1d\x13"),	/* basicConstraints */
		OID("\x55\x1d\x12"),	/* issuerAltName */
		OID("\x55\x1d\x1f"),	/* cRLDistributionPoints */
		OID("\x55\x1d\x23"),	/* authorityKeyIdentifier */
		OID("\x55\x1d\x2e"),	/* freshestCRL */
		OID("\x2b\x06\x01\x05\x05\x07\x01\x01"),	/* authorityInfoAccess */
		OID("\x2b\x06\x01\x04\x01\xd6\x79\x02\x04\x02"),	/* SCT list */
	};

	for (size_t i = 0; i < lengthof(anew); i++)
	{
		if (cm_slice_equal(oid, anew[i]))
			return true;
	}
	return false;
}

static void
put_extension(CmBuf *out, const CmExtension *ext)
{
	size_t		outer = cm_der_open(out, CM_DER_SEQUENCE);

	cm_der_put_slice(out, CM_DER_OID, ext->oid);
	if (ext->critical)
		cm_der_put_bool(out, true);
	cm_der_put_slice(out, CM_DER_OCTET_STRING, ext->value);
	cm_der_close(out, outer);
}

void
cm_ca_sign_like(CmCaSign *sign, const CmCertificate *old)
{
	CmBuf	   *others = cm_own_buf(0);
	CmSlice		rest = old->extensions;
	CmExtension ext;

	sign->path_length = old->path_length;
	sign->key_usage = old->has_key_usage ? old->key_usage & 0x1ff : 0;
	sign->sans = old->sans;
	sign->seconds = old->not_after - old->not_before - BACKDATE;
	while (cm_extension_next(&rest, &ext))
	{
		if (is_made_anew(ext.oid) || cm_slice_equal(ext.oid, OID("\x55\x1d\x11")))
			continue;
		if (cm_slice_equal(ext.oid, OID("\x55\x1d\x1e")))
			sign->name_constraints = content_of(ext.value);
		else if (cm_slice_equal(ext.oid, OID("\x55\x1d\x20")))
			sign->policies = content_of(ext.value);
		else if (cm_slice_equal(ext.oid, OID("\x55\x1d\x25")))
		{
			sign->ext_key_usage = old->ext_key_usage;
			sign->ext_key_usage_critical = ext.critical;
		}
		else
			put_extension(others, &ext);
	}
	if (others->failed)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	sign->extensions = cm_slice(others->data, others->len);
}

void
cm_ca_sign_by_template(CmCaSign *sign, const char *template)
{
	const CmTemplateEntry *t = cm_template_get_by_name(template);

	if (!t->rules.ca)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("template \"%s\" is not for CA certificates", template),
				 errhint("SELECT certmgr.create_template(..., ca => true) makes one that is.")));
	cm_template_check_ca(t, sign->issuer->name);
	if (t->rules.path_length >= 0 && (sign->path_length < 0 || sign->path_length > t->rules.path_length))
		sign->path_length = t->rules.path_length;
	sign->policies = t->rules.policies;
	sign->name_constraints = t->rules.name_constraints;
	sign->ext_key_usage = t->ext_key_usage;
	sign->ext_key_usage_critical = t->rules.ext_key_usage_critical;
	sign->extensions = t->fixed_extensions;
	if (sign->lifetime == NULL)
		sign->lifetime = &t->lifetime;
	sign->template = t;
}

/* ---- signing ---- */

void
cm_ca_sign_check_path(const CmCaSign *sign)
{
	const CmIssuer *issuer = sign->issuer;

	/* Self-issued ones do not count (RFC 5280 4.2.1.9): a CA's old key certifies its new one. */
	if (issuer == NULL || issuer->path_length < 0 || cm_slice_equal(issuer->subject, sign->subject))
		return;
	if (issuer->path_length == 0 || sign->path_length < 0 || sign->path_length >= issuer->path_length)
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("certificate authority \"%s\" does not allow this path length", issuer->name),
				 issuer->path_length == 0 ? errdetail("Its own path length is 0: it can issue to end entities only.") :
				 errdetail("Its own path length is %d, so a CA below it must have at most %d.", issuer->path_length, issuer->path_length - 1),
				 issuer->path_length == 0 ? errhint("Use another parent.") : errhint("Give path_length => %d.", issuer->path_length - 1)));
}

static void
outlives(const CmIssuer *issuer)
{
	ereport(ERROR,
			(errcode(CM_ERRCODE_POLICY),
			 errmsg("certificate would outlive its issuer \"%s\"", issuer->name),
			 errdetail("The CA's certificate expires at %s.", timestamptz_to_str(time_t_to_timestamptz(issuer->not_after))),
			 errhint("Give a shorter lifetime, or renew that CA first.")));
}

/* What a template says of it, as for other certificates. */
static bool
may_shorten(const CmCaSign *sign, int64 seconds)
{
	if (sign->template != NULL)
		return sign->template->clamp;
	/* Same lifetime as the parent's, asked for a little later (the default of an intermediate below another): they end together. */
	return sign->lifetime == NULL || seconds <= SECS_PER_DAY;
}

static void
set_validity(const CmCaSign *sign, CmTbs *tbs)
{
	const CmIssuer *issuer = sign->issuer;
	TimestampTz now = GetCurrentTimestamp();
	int64		start = timestamptz_to_time_t(now);

	tbs->not_before = start - BACKDATE;
	tbs->not_after = sign->lifetime != NULL ? timestamptz_to_time_t(cm_timestamp_plus(now, sign->lifetime)) : start + sign->seconds;
	if (issuer != NULL)
	{
		tbs->not_before = Max(tbs->not_before, issuer->not_before);
		if (issuer->not_after <= start)
			outlives(issuer);
		if (tbs->not_after > issuer->not_after)
		{
			if (!may_shorten(sign, tbs->not_after - issuer->not_after))
				outlives(issuer);
			tbs->not_after = issuer->not_after;
		}
	}
	if (tbs->not_after <= start)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lifetime of a certificate authority must be positive")));
}

static void
set_issuer(const CmCaSign *sign, CmTbs *tbs, uint8_t *self_id)
{
	const CmIssuer *issuer = sign->issuer;
	const CmKey *key = issuer != NULL ? issuer->key : sign->key;

	tbs->issuer_alg = cm_key_alg(key);
	tbs->signature_algorithm = cm_key_sign_algorithm(key);
	tbs->issuer = issuer != NULL ? issuer->subject : sign->subject;
	tbs->authority_key_id = issuer != NULL ? issuer->key_identifier : cm_slice(self_id, 20);
	if (issuer == NULL)
		return;
	tbs->ca_issuers_url = issuer->ca_issuers_url;
	tbs->ocsp_url = issuer->ocsp_url;
	cm_issuer_crl_urls(issuer, true, &tbs->crl_url, &tbs->freshest_crl_url);
	tbs->url_values.ca = issuer->name;
	tbs->url_values.shard = sign->shard;
}

static void
set_policy(const CmCaSign *sign, const CmTbs *tbs, CmPolicy *policy)
{
	policy->holder = psprintf("certificate authority \"%s\"", sign->name);
	policy->check_subject = true;
	policy->subject = tbs->subject;
	policy->check_sans = true;
	policy->sans = tbs->sans;
	policy->key_usage = tbs->key_usage;
	policy->ext_key_usage = tbs->ext_key_usage;
	policy->ext_key_usage_critical = tbs->ext_key_usage_critical;
	policy->ca = true;
	policy->max_path_length = tbs->path_length;
	policy->not_before = tbs->not_before;
	policy->not_after = tbs->not_after;
	policy->spki = tbs->spki;
	policy->issuer = tbs->issuer;
	policy->authority_key_id = tbs->authority_key_id;
	policy->policies = tbs->policies;
	policy->name_constraints = tbs->name_constraints;
	policy->extensions = tbs->extensions;
	if (sign->issuer != NULL)
		policy->issuer_constraints = sign->issuer->name_constraints;
	if (sign->template != NULL)
		policy->template = &sign->template->rules;
}

void
cm_ca_sign(const CmCaSign *sign, CmBuf *der)
{
	CmTbs		tbs = {0};
	CmPolicy	policy = {0};
	CmBuf	   *bytes = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	uint8_t		serial[CM_SERIAL_SIZE];
	uint8_t		self_id[20];

	cm_ca_sign_check_path(sign);
	if (!cm_serial_random(serial, &st) || !cm_key_identifier(sign->spki, self_id, &st))
		cm_throw(&st, NULL);
	tbs.serial = cm_slice(serial, sizeof(serial));
	tbs.subject = sign->subject;
	tbs.spki = sign->spki;
	set_issuer(sign, &tbs, self_id);
	set_validity(sign, &tbs);
	tbs.ca = true;
	tbs.path_length = sign->path_length;
	tbs.key_usage = CA_USAGE | sign->key_usage;
	tbs.sans = sign->sans;
	tbs.ext_key_usage = sign->ext_key_usage;
	tbs.ext_key_usage_critical = sign->ext_key_usage_critical;
	tbs.policies = sign->policies;
	tbs.name_constraints = sign->name_constraints;
	tbs.extensions = sign->extensions;
	if (!cm_tbs_build(&tbs, bytes, &st))
		cm_throw(&st, NULL);
	set_policy(sign, &tbs, &policy);
	if (!cm_policy_check(cm_slice(bytes->data, bytes->len), &policy, &st) ||
		!cm_certificate_sign(sign->issuer != NULL ? sign->issuer->key : sign->key, cm_slice(bytes->data, bytes->len), der, &st))
		cm_throw(&st, NULL);
}

/* ---- into the inventory ---- */

int64
cm_ca_certificate_put(int64 issuing_ca, int64 issuer_id, int shard, CmSlice der, CmSlice chain, int64 renewed_from, const char *actor)
{
	CmCertificate cert;
	CmCertificateNew row = {0};
	CmBodyNew	body = {0};
	int64		there = cm_import_there(der, &cert);

	if (there != 0)
	{
		cm_ca_certificate_claim(there, issuing_ca, issuer_id);
		return there;
	}
	cm_foreign_row(&cert, &row);
	row.source = "ca";
	row.action = "issue-ca";
	row.id = cm_certificate_next_id();
	row.ca_id = issuing_ca;
	row.issuer_id = issuer_id;
	row.requested_by = actor;
	row.renewed_from = renewed_from;
	row.has_shard = shard >= 0;
	row.shard = shard;
	cm_certificate_put(&row);

	body.certificate_id = row.id;
	body.der = der;
	body.chain = chain;
	cm_body_insert(&body);
	return row.id;
}
