/*
 * issue.c - see issue.h. One path for everything that is issued: a CmWanted is
 * filled (by a subscriber, by issue_from, by a renewal), its key is made or
 * taken from a CSR, and it goes to the private CA (TBS, policy check, row, list of the
 * transaction) or to the ACME machine (CSR, row, order).
 */
#include "postgres.h"

#include "lifecycle/acme_request.h"
#include "lifecycle/issue.h"
#include "lifecycle/notify.h"
#include "lifecycle/sign.h"
#include "lifecycle/subject_key.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/guc.h"
#include "common/pg_prng.h"
#include "lib/stringinfo.h"
#include "pg/interval.h"
#include "pg/own.h"
#include "pg/query.h"
#include "store/ca.h"
#include "store/certificate.h"
#include "store/insert.h"
#include "store/predecessor.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "x509/certificate.h"
#include "x509/csr.h"
#include "x509/name.h"
#include "x509/policy.h"
#include "x509/san.h"
#include "x509/tbs.h"
#include "x509/usage.h"

/* Clocks differ: a certificate is valid a little before it was asked for, but by no more than a tenth of its life. */
#define BACKDATE_MAX 60
/* Renewals of certificates that were issued together spread over this part of their lifetime. */
#define JITTER_PART 50

/* What is to be issued. Text forms go into the row, binary ones into the certificate; a CSR may narrow them. */
typedef struct CmWanted
{
	int64		ca_id;
	const char *holder;			/* for messages */
	const CmSubscriber *subscriber; /* NULL: none */
	Datum		subject_text;
	CmSlice		subject;
	Datum		sans_text;
	char	  **san_list;
	int			san_count;
	CmSlice		sans;
	Datum		usages_text;
	uint32_t	key_usage;
	CmSlice		ext_key_usage;
	Interval	lifetime;
	bool		lifetime_explicit;	/* asked for in this call: never shortened silently */
	CmKeyAlg	key_alg;
	bool		auto_renew;
	const Interval *renew_before;
	int64		renewed_from;
	CmSlice		csr;			/* DER */
	CmSlice		csr_spki;		/* its public key, proof of possession checked */
	const CmPredecessor *reuse; /* take this certificate's key */
	const char *actor;
} CmWanted;

void
cm_subscriber_check_access(const CmSubscriber *s, const char *what)
{
	if (!cm_caller_acts_for(s->owner) && !cm_caller_is_operator())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to %s for subscriber \"%s\"", what, s->name),
				 errdetail("Role \"%s\" is neither a member of its owner nor of certmgr_operator.", cm_caller_name()),
				 errhint("An operator can run SELECT certmgr.alter_subscriber(%s, owner => %s).", quote_literal_cstr(s->name),
						 quote_literal_cstr(cm_caller_name()))));
	if (s->disabled)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("subscriber \"%s\" is disabled", s->name),
				 errhint("SELECT certmgr.alter_subscriber(%s, state => 'active');", quote_literal_cstr(s->name))));
}

static void
want_subscriber(CmWanted *w, const CmSubscriber *s)
{
	w->ca_id = s->ca_id;
	w->holder = psprintf("subscriber \"%s\"", s->name);
	w->subscriber = s;
	w->subject_text = s->subject_text;
	w->subject = s->subject;
	w->sans_text = s->sans_text;
	w->san_list = s->san_list;
	w->san_count = s->san_count;
	w->sans = s->sans;
	w->usages_text = s->usages_text;
	w->key_usage = s->key_usage;
	w->ext_key_usage = s->ext_key_usage;
	w->lifetime = s->lifetime;
	w->key_alg = s->key_alg;
	w->auto_renew = s->auto_renew;
	w->renew_before = s->has_renew_before ? &s->renew_before : NULL;
}

/* ---- names and usages from texts (issue_from, renewals without a subscriber) ---- */

static void
want_texts(CmWanted *w, const char *subject, char **sans, int san_count, char **usages, int usage_count)
{
	CmBuf	   *name = cm_own_buf(0);
	CmBuf	   *names = cm_own_buf(0);
	CmBuf	   *ekus = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_name_parse(subject, name, &st))
		cm_throw(&st, NULL);
	for (int i = 0; i < san_count; i++)
	{
		if (!cm_san_parse(sans[i], names, &st))
			cm_throw(&st, NULL);
	}
	for (int i = 0; i < usage_count; i++)
	{
		if (!cm_usage_parse(usages[i], &w->key_usage, ekus, &st))
			cm_throw(&st, NULL);
	}
	w->subject = cm_slice(name->data, name->len);
	w->sans = cm_slice(names->data, names->len);
	w->ext_key_usage = cm_slice(ekus->data, ekus->len);
	w->usages_text = cm_datum_text_array(usages, usage_count);
}

/* The text forms that go into the row, from the binary ones. */
static void
fill_subject_text(CmWanted *w)
{
	CmBuf	   *buf = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_name_format(w->subject, buf, &st))
		cm_throw(&st, NULL);
	w->subject_text = cm_datum_text(cm_buf_cstr(buf));
}

static void
fill_sans_text(CmWanted *w)
{
	CmSlice		rest = w->sans;
	CmDer		name;
	CmStatus	st = CM_STATUS_INIT;
	int			count = 0;

	while (cm_der_next(&rest, &name))
		count++;
	w->san_list = palloc0(sizeof(char *) * (count + 1));
	w->san_count = 0;
	rest = w->sans;
	while (cm_der_next(&rest, &name))
	{
		CmBuf	   *buf = cm_own_buf(0);

		if (!cm_san_format(name.whole, buf, &st))
			cm_throw(&st, NULL);
		w->san_list[w->san_count++] = pstrdup(cm_buf_cstr(buf));
	}
	w->sans_text = cm_datum_text_array(w->san_list, w->san_count);
}

/* ---- CSR against what is allowed ---- */

static void
refuse(const CmWanted *w, const char *detail)
{
	CmStatus	st = CM_STATUS_INIT;

	cm_fail(&st, CM_POLICY, "request is not allowed for %s", w->holder);
	cm_fail_detail(&st, "%s", detail);
	cm_throw(&st, w->subscriber == NULL ? NULL : "certmgr.subscriber shows what it may have; an operator changes it by certmgr.alter_subscriber().");
}

static void
check_csr_names(CmWanted *w, CmSlice asked)
{
	CmSlice		rest = asked;
	CmDer		name;
	CmStatus	st = CM_STATUS_INIT;

	while (cm_der_next(&rest, &name))
	{
		CmBuf	   *buf;

		if (cm_san_contains(w->sans, name.whole))
			continue;
		buf = cm_own_buf(0);
		if (!cm_san_format(name.whole, buf, &st))
			cm_throw(&st, NULL);
		refuse(w, psprintf("Name \"%s\" is not among the allowed names.", cm_buf_cstr(buf)));
	}
	if (!cm_slice_equal(asked, w->sans))
	{
		w->sans = asked;
		fill_sans_text(w);
	}
}

static void
append_usage(const char *name, void *arg)
{
	StringInfo	list = arg;

	appendStringInfo(list, "%s%s", list->len > 0 ? ", " : "", name);
}

static void
check_csr_usages(const CmWanted *w, const CmCsr *csr)
{
	CmSlice		rest = csr->ext_key_usage;
	CmDer		oid;
	CmBuf	   *extra = cm_own_buf(0);
	uint32_t	bits = csr->has_key_usage ? csr->key_usage & ~w->key_usage : 0;
	StringInfoData list;

	while (cm_der_next(&rest, &oid))
	{
		CmSlice		allowed = w->ext_key_usage;
		CmDer		one;
		bool		found = false;

		while (!found && cm_der_next(&allowed, &one))
			found = cm_slice_equal(one.whole, oid.whole);
		if (!found)
			cm_buf_append(extra, oid.whole.data, oid.whole.len);
	}
	if (bits == 0 && extra->len == 0)
		return;
	initStringInfo(&list);
	cm_usage_each(bits, cm_slice(extra->data, extra->len), append_usage, &list);
	refuse(w, psprintf("Usage %s is not among the allowed usages.", list.data));
}

/* Reads the CSR (proof of possession included) and narrows what is wanted to what it asks for. free_names: issue_from without names takes those of the CSR. */
static void
want_csr(CmWanted *w, CmSlice der, bool free_subject, bool free_names)
{
	CmCsr		csr;
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *sans = cm_own_buf(0);
	CmBuf	   *asked = cm_own_buf(0);

	if (!cm_csr_parse(der, &csr, &st))
		cm_throw(&st, NULL);
	if (csr.has_basic_constraints && csr.ca)
		refuse(w, "The request asks for a CA certificate (basicConstraints CA:TRUE).");
	if (csr.sans.len > 0 && !cm_san_canonical(csr.sans, sans, &st))
		cm_throw(&st, NULL);

	if (free_subject)
	{
		w->subject = csr.subject;
		fill_subject_text(w);
	}
	else if (csr.subject.len > 2 && !cm_slice_equal(csr.subject, w->subject))
	{
		if (!cm_name_format(csr.subject, asked, &st))
			cm_throw(&st, NULL);
		/* Same attributes in other string types are the same subject. */
		if (strcmp(cm_buf_cstr(asked), TextDatumGetCString(w->subject_text)) != 0)
			refuse(w, psprintf("Subject \"%s\" is not the allowed subject \"%s\".", cm_buf_cstr(asked), TextDatumGetCString(w->subject_text)));
	}
	if (free_names)
	{
		w->sans = cm_slice(sans->data, sans->len);
		fill_sans_text(w);
	}
	else if (sans->len > 0)
		check_csr_names(w, cm_slice(sans->data, sans->len));
	check_csr_usages(w, &csr);
	w->csr = der;
	w->csr_spki = csr.spki;
	w->key_alg = csr.key_alg;
}

static CmSlice
csr_der(const char *pem)
{
	CmBuf	   *der = cm_own_buf(CM_CSR_MAX);
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_csr_from_text(cm_slice(pem, strlen(pem)), der, &st))
		cm_throw(&st, NULL);
	return cm_slice(der->data, der->len);
}

/* ---- times ---- */

static void
set_validity(const CmWanted *w, const CmIssuer *issuer, TimestampTz now, CmTbs *tbs)
{
	int64_t		start = timestamptz_to_time_t(now);
	int64_t		end = timestamptz_to_time_t(cm_timestamp_plus(now, &w->lifetime));
	int64_t		backdate = Min(BACKDATE_MAX, (end - start) / 10);

	if (end <= start)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lifetime of a certificate must be at least one second")));
	if (end > issuer->not_after)
	{
		if (w->lifetime_explicit || issuer->not_after <= start)
			ereport(ERROR,
					(errcode(CM_ERRCODE_POLICY),
					 errmsg("certificate would outlive its issuer \"%s\"", issuer->name),
					 errdetail("The CA's certificate expires at %s.", timestamptz_to_str(time_t_to_timestamptz(issuer->not_after))),
					 errhint("Ask for a shorter lifetime, or renew the CA.")));
		end = issuer->not_after;
	}
	tbs->not_before = Max(start - backdate, issuer->not_before);
	tbs->not_after = end;
}

static TimestampTz
renewal_time(const CmWanted *w, TimestampTz now, TimestampTz not_after)
{
	TimestampTz at;

	if (!w->auto_renew)
		return 0;
	if (w->renew_before != NULL)
		at = DatumGetTimestampTz(DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(not_after), IntervalPGetDatum(w->renew_before)));
	else
		at = not_after - (not_after - now) / 3;
	at -= (TimestampTz) ((not_after - now) / JITTER_PART * pg_prng_double(&pg_global_prng_state));
	return Max(at, now + USECS_PER_SEC);
}

/* ---- the private CA ---- */

static void
check_policy(const CmWanted *w, const CmIssuer *issuer, const CmTbs *tbs, CmSlice bytes)
{
	CmPolicy	policy = {0};
	CmStatus	st = CM_STATUS_INIT;

	policy.holder = w->holder;
	policy.check_subject = true;
	policy.subject = w->subject;
	policy.check_sans = true;
	policy.sans = w->sans;
	policy.all_sans = true;
	policy.key_usage = w->key_usage;
	policy.ext_key_usage = w->ext_key_usage;
	policy.key_algs = CM_KEY_ALG_BIT(w->key_alg);
	policy.max_path_length = -1;
	policy.not_before = issuer->not_before;
	policy.not_after = issuer->not_after;
	policy.spki = tbs->spki;
	policy.issuer = issuer->subject;
	policy.authority_key_id = issuer->key_identifier;
	policy.issuer_constraints = issuer->name_constraints;
	if (!cm_policy_check(bytes, &policy, &st))
		cm_throw(&st, NULL);
}

static void
put_private(const CmWanted *w, CmIssuer *issuer, const CmSubjectKey *key, int64 id, TimestampTz now)
{
	CmBuf	   *bytes = cm_own_buf(0);
	CmTbs		tbs = {0};
	CmCertificateNew row = {0};
	CmStatus	st = CM_STATUS_INIT;
	uint8_t		serial[CM_SERIAL_SIZE];

	if (!cm_serial_random(serial, &st))
		cm_throw(&st, NULL);
	tbs.serial = cm_slice(serial, sizeof(serial));
	tbs.issuer_alg = cm_key_alg(issuer->key);
	tbs.issuer = issuer->subject;
	tbs.subject = w->subject;
	tbs.spki = key->spki;
	set_validity(w, issuer, now, &tbs);
	tbs.path_length = -1;
	tbs.key_usage = w->key_usage;
	tbs.ext_key_usage = w->ext_key_usage;
	tbs.sans = w->sans;
	tbs.authority_key_id = issuer->key_identifier;
	tbs.ca_issuers_url = issuer->ca_issuers_url;
	tbs.ocsp_url = issuer->ocsp_url;
	tbs.crl_url = issuer->crl_url;
	tbs.url_values.ca = issuer->name;
	if (!cm_tbs_build(&tbs, bytes, &st))
		cm_throw(&st, NULL);
	check_policy(w, issuer, &tbs, cm_slice(bytes->data, bytes->len));

	row.id = id;
	row.ca_id = issuer->ca_id;
	row.issuer_id = issuer->certificate_id;
	row.subscriber_id = w->subscriber ? w->subscriber->id : 0;
	row.state = "issued";
	row.source = "issued";
	row.serial = tbs.serial;
	row.subject = w->subject_text;
	row.sans = w->sans_text;
	row.usages = w->usages_text;
	row.key_algorithm = cm_key_alg_name(w->key_alg);
	row.not_before = time_t_to_timestamptz(tbs.not_before);
	row.not_after = time_t_to_timestamptz(tbs.not_after);
	row.created_at = now;
	row.requested_by = w->actor;
	row.renewed_from = w->renewed_from;
	row.renew_at = renewal_time(w, now, row.not_after);
	row.action = w->renewed_from ? "renew" : "issue";
	cm_certificate_put(&row);
	cm_sign_at_commit(id, issuer, cm_slice(bytes->data, bytes->len), w->csr, key->sealed);

	if (w->renewed_from || cm_guc_notify_issue)
		cm_notify(w->renewed_from ? "renewed" : "issued", id, row.subscriber_id);
}

/* ---- the external CA ---- */

static void
put_external(const CmWanted *w, const CmIssuer *issuer, const CmSubjectKey *key, int64 id, TimestampTz now)
{
	CmCertificateNew row = {0};
	CmBodyNew	body = {0};
	CmBuf	   *csr = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	struct CmInserter *writer;
	CmOwnerScope scope;

	/* The request names what is wanted by subjectAltName alone; the CA sets subject and usages. */
	if (w->csr.len == 0 && !cm_csr_build(key->key, cm_slice("\x30\x00", 2), w->sans, false, -1, csr, &st))
		cm_throw(&st, NULL);

	row.id = id;
	row.ca_id = issuer->ca_id;
	row.subscriber_id = w->subscriber ? w->subscriber->id : 0;
	row.state = "pending";
	row.source = "issued";
	row.subject = w->subject_text;
	row.sans = w->sans_text;
	row.usages = w->usages_text;
	row.key_algorithm = cm_key_alg_name(w->key_alg);
	row.created_at = now;
	row.requested_by = w->actor;
	row.renewed_from = w->renewed_from;
	row.status_message = "ordered: the worker asks the CA after commit";
	row.action = w->renewed_from ? "renew" : "issue";
	cm_certificate_put(&row);

	body.certificate_id = id;
	body.spki = key->spki;
	body.csr = w->csr.len > 0 ? w->csr : cm_slice(csr->data, csr->len);
	body.sealed_key = key->sealed;
	writer = cm_body_open();
	cm_body_put(writer, &body);
	cm_body_close(writer);

	cm_owner_enter(&scope);
	cm_acme_request(id, issuer->ca_id, w->san_list, w->san_count);
	cm_owner_leave(&scope);
}

/* ---- all of them ---- */

static void
take_key(const CmWanted *w, int64 id, bool external, CmSubjectKey *key)
{
	CmCertificate old;
	CmStatus	st = CM_STATUS_INIT;
	CmSlice		spki;

	if (w->csr_spki.len > 0)
	{
		key->alg = w->key_alg;
		key->spki = w->csr_spki;
		return;
	}
	if (w->reuse == NULL)
	{
		cm_subject_key_create(w->key_alg, id, external, key);
		return;
	}
	spki = w->reuse->spki;
	if (w->reuse->der.len > 0)
	{
		if (!cm_certificate_parse(w->reuse->der, &old, &st))
			cm_throw(&st, NULL);
		spki = old.spki;
	}
	if (w->reuse->sealed_key.len > 0)
		cm_subject_key_reuse(w->reuse->sealed_key, spki, w->key_alg, w->reuse->id, id, key);
	else
	{
		key->alg = w->key_alg;
		key->spki = spki;
	}
}

static int64
issue(CmWanted *w)
{
	CmIssuer   *issuer = cm_issuer_get(w->ca_id);
	CmSubjectKey key = {0};
	TimestampTz now = GetCurrentTimestamp();
	int64		id = cm_certificate_next_id();

	take_key(w, id, issuer->external, &key);
	if (issuer->external)
		put_external(w, issuer, &key, id, now);
	else
		put_private(w, issuer, &key, id, now);
	return id;
}

int64
cm_issue(const char *subscriber, const char *csr)
{
	CmSubscriber *s = cm_subscriber_get(subscriber);
	CmWanted	w = {0};

	cm_subscriber_check_access(s, "issue a certificate");
	w.actor = cm_caller_name();
	want_subscriber(&w, s);
	if (csr != NULL)
		want_csr(&w, csr_der(csr), false, false);
	return issue(&w);
}

int64
cm_issue_from(const CmIssueFrom *request)
{
	static const char *default_usages[] = {"digitalSignature", "serverAuth", "clientAuth", "keyEncipherment"};
	CmOwnerScope scope;
	CmCaRow    *ca;
	CmWanted	w = {0};
	CmStatus	st = CM_STATUS_INIT;
	char	  **usages = request->usages;
	int			usage_count = request->usage_count;

	cm_caller_require_operator("issue a certificate without a subscriber");
	w.actor = cm_caller_name();
	cm_owner_enter(&scope);
	ca = cm_ca_require(request->ca, false);
	cm_owner_leave(&scope);
	w.ca_id = ca->id;
	w.holder = psprintf("certificate authority \"%s\"", ca->name);
	w.key_alg = CM_KEY_EC_P256;
	if (request->key_algorithm != NULL && !cm_key_alg_parse(request->key_algorithm, &w.key_alg, &st))
		cm_throw(&st, NULL);
	if (usages == NULL)
	{
		usages = (char **) default_usages;
		usage_count = w.key_alg >= CM_KEY_RSA_2048 ? 4 : 3;
	}
	want_texts(&w, request->subject, request->sans, request->san_count, usages, usage_count);
	if (w.key_usage & (CM_KU_KEY_CERT_SIGN | CM_KU_CRL_SIGN))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("usages keyCertSign and cRLSign are for certificate authorities"),
				 errhint("Use certmgr.create_intermediate_ca().")));
	fill_subject_text(&w);
	fill_sans_text(&w);
	w.lifetime.day = 90;
	if (request->lifetime != NULL)
	{
		w.lifetime = *request->lifetime;
		w.lifetime_explicit = true;
	}
	if (request->csr != NULL)
		want_csr(&w, csr_der(request->csr), request->subject == NULL, request->san_count == 0);
	if (w.subject.len <= 2 && w.sans.len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a certificate needs a subject or a subject alternative name"),
				 errhint("Give subject => 'CN=...' or sans => ARRAY['host.example.com'].")));
	return issue(&w);
}

/* ---- renewal ---- */

static CmPredecessor *
predecessor(int64 certificate_id)
{
	CmOwnerScope scope;
	CmPredecessor *old;

	cm_owner_enter(&scope);
	old = cm_predecessor_get(certificate_id);
	cm_owner_leave(&scope);
	if (old == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("certificate %lld does not exist", (long long) certificate_id)));
	return old;
}

static void
want_predecessor(CmWanted *w, const CmPredecessor *old)
{
	CmStatus	st = CM_STATUS_INIT;

	w->ca_id = old->ca_id;
	w->holder = psprintf("certificate %lld", (long long) old->id);
	want_texts(w, old->subject, old->sans, old->san_count, old->usages, old->usage_count);
	fill_subject_text(w);
	fill_sans_text(w);
	if (!cm_key_alg_parse(old->key_algorithm, &w->key_alg, &st))
		cm_throw(&st, NULL);
	if (old->not_after > old->not_before && old->not_after != 0)
		w->lifetime.time = old->not_after - old->not_before;
	else
		w->lifetime.day = 90;
}

static int64
renew(CmPredecessor *old, const CmSubscriber *s, bool reuse, const char *csr, const char *actor)
{
	CmWanted	w = {0};
	CmStatus	st = CM_STATUS_INIT;
	CmOwnerScope scope;
	int64		id;

	w.actor = actor;
	if (s != NULL)
		want_subscriber(&w, s);
	else
		want_predecessor(&w, old);
	w.renewed_from = old->id;
	if (csr != NULL)
		want_csr(&w, csr_der(csr), false, false);
	else if (reuse)
	{
		if (strcmp(old->state, "revoked") == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the key of a revoked certificate is not used again"),
					 errhint("SELECT certmgr.renew(%lld);", (long long) old->id)));
		w.reuse = old;
		w.csr = old->csr;
		if (!cm_key_alg_parse(old->key_algorithm, &w.key_alg, &st))
			cm_throw(&st, NULL);
	}
	id = issue(&w);
	cm_owner_enter(&scope);
	cm_certificate_renewal_done(old->id);
	cm_owner_leave(&scope);
	return id;
}

static void
check_renewable(const CmPredecessor *old)
{
	if (strcmp(old->source, "issued") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate %lld was not issued by this server", (long long) old->id)));
	if (strcmp(old->state, "pending") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("certificate %lld is still pending", (long long) old->id),
				 errhint("CALL certmgr.wait(%lld);", (long long) old->id)));
}

int64
cm_renew(int64 certificate_id, const char *key, const char *csr)
{
	CmPredecessor *old;
	CmSubscriber *s = NULL;
	bool		reuse = strcmp(key, "reuse") == 0;

	if (!reuse && strcmp(key, "new") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for \"key\": \"%s\"", key),
				 errhint("Use 'new' or 'reuse'.")));
	if (reuse && csr != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a request brings its own key"),
				 errhint("Leave out key => 'reuse', or csr.")));
	old = predecessor(certificate_id);
	if (old->subscriber_id != 0)
	{
		s = cm_subscriber_get_by_id(old->subscriber_id);
		cm_subscriber_check_access(s, "renew a certificate");
	}
	else
		cm_caller_require_operator("renew a certificate without a subscriber");
	check_renewable(old);
	return renew(old, s, reuse, csr, cm_caller_name());
}

int64
cm_renew_due(int64 certificate_id)
{
	CmPredecessor *old = predecessor(certificate_id);
	CmSubscriber *s = NULL;

	if (strcmp(old->state, "issued") != 0 || old->subscriber_id == 0)
	{
		cm_certificate_renewal_done(old->id);
		return 0;
	}
	s = cm_subscriber_get_by_id(old->subscriber_id);
	if (s->disabled || !s->auto_renew)
	{
		cm_certificate_renewal_done(old->id);
		return 0;
	}
	return renew(old, s, old->sealed_key.len == 0, NULL, "worker");
}
