/*
 * issue.c - see issue.h. One path for everything that is issued: a CmWanted is
 * filled (by a subscriber, by issue_from, by a renewal), its key is made or
 * taken from a CSR, and it goes to the private CA (TBS, policy check, row, list of the
 * transaction) or to the ACME machine (CSR, row, order).
 */
#include "postgres.h"

#include "lifecycle/acme_request.h"
#include "lifecycle/issue.h"
#include "lifecycle/lint.h"
#include "lifecycle/notify.h"
#include "lifecycle/sign.h"
#include "lifecycle/subject_key.h"
#include "lifecycle/wanted.h"
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
#include "store/fallback.h"
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

/* Renewals of certificates that were issued together spread over this part of their lifetime. */
#define JITTER_PART 50

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

/* ---- times ---- */

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
put_private(const CmWanted *w, CmIssuer *issuer, const CmSubjectKey *key, int64 id, TimestampTz now)
{
	CmBuf	   *bytes = cm_own_buf(0);
	CmTbs		tbs = {0};
	CmPolicy	policy = {0};
	CmCertificateNew row = {0};
	CmStatus	st = CM_STATUS_INIT;
	uint8_t		serial[CM_SERIAL_SIZE];

	if (!cm_serial_random(serial, &st))
		cm_throw(&st, NULL);
	tbs.serial = cm_slice(serial, sizeof(serial));
	tbs.spki = key->spki;
	cm_wanted_tbs(w, issuer, now, &tbs);
	row.is_ca = tbs.ca;
	row.has_shard = cm_issuer_shard(issuer, tbs.ca, &row.shard);
	tbs.url_values.shard = row.shard;
	if (!cm_tbs_build(&tbs, bytes, &st))
		cm_throw(&st, NULL);
	cm_wanted_policy(w, issuer, &tbs, &policy);
	if (!cm_policy_check(cm_slice(bytes->data, bytes->len), &policy, &st))
		cm_throw(&st, NULL);
	row.status_message = cm_lint_judge(w->template, w->holder, cm_slice(bytes->data, bytes->len));
	cm_wanted_ask(w, issuer->name, &tbs);

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
	row.renew_at = renewal_time(w, Max(now, w->not_before), row.not_after);
	row.template_id = w->template ? w->template->id : 0;
	row.action = w->renewed_from ? "renew" : "issue";
	cm_certificate_put(&row);
	cm_sign_at_commit(id, issuer, cm_slice(bytes->data, bytes->len), w->csr, key->sealed);

	if (w->renewed_from || cm_guc_notify_issue)
		cm_notify(w->renewed_from ? "renewed" : "issued", id, row.subscriber_id);
}

/* ---- the external CA ---- */

/* The same without names that a wildcard covers; message says so. A CSR that somebody brings has its names already. */
static const CmWanted *
without_covered(const CmWanted *w, const char **message)
{
	bool	   *covered = palloc0(sizeof(bool) * Max(w->san_count, 1));
	CmBuf	   *sans = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	StringInfoData left_out;
	CmWanted   *less;

	if (w->csr.len > 0 || cm_acme_covered(w->san_list, w->san_count, covered) == 0)
		return w;
	less = palloc(sizeof(CmWanted));
	*less = *w;
	less->san_list = palloc(sizeof(char *) * w->san_count);
	less->san_count = 0;
	initStringInfo(&left_out);
	for (int i = 0; i < w->san_count; i++)
	{
		if (covered[i])
			appendStringInfo(&left_out, "%s%s", left_out.len > 0 ? ", " : "", w->san_list[i]);
		else if (!cm_san_parse(w->san_list[i], sans, &st))
			cm_throw(&st, NULL);
		else
			less->san_list[less->san_count++] = w->san_list[i];
	}
	less->sans = cm_slice(sans->data, sans->len);
	less->sans_text = cm_datum_text_array(less->san_list, less->san_count);
	*message = psprintf("%s; left out, since a wildcard covers it: %s", *message, left_out.data);
	return less;
}

/* Who asks for a lifetime in this call wants it or nothing; what was said once must not stop renewals, nor a CA that steps in. */
static const Interval *
asked_lifetime(const CmWanted *w, const CmIssuer *issuer, TimestampTz now, const char **message)
{
	CmOwnerScope scope;
	bool		takes;

	if (w->asked_lifetime == NULL)
		return NULL;
	if (cm_timestamp_plus(now, w->asked_lifetime) < now + USECS_PER_SEC)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lifetime of a certificate must be at least one second")));
	cm_owner_enter(&scope);
	takes = cm_acme_takes_lifetime(issuer->ca_id);
	if (!takes && w->lifetime_explicit)
		cm_acme_check_lifetime(issuer->ca_id);
	cm_owner_leave(&scope);
	if (takes)
		return w->asked_lifetime;
	*message = psprintf("%s; its lifetime is what CA \"%s\" likes, which takes none", *message, issuer->name);
	return NULL;
}

/* A private CA begins it then; an external one must be known to. */
static void
check_not_before(const CmWanted *w, const CmIssuer *issuer)
{
	CmOwnerScope scope;

	if (w->not_before == 0)
		return;
	cm_owner_enter(&scope);
	cm_acme_check_not_before(issuer->ca_id);
	cm_owner_leave(&scope);
}

/* A private CA leaves out names that the subscriber has lost; an external one takes the request as it is, or not at all. */
static void
check_request_names(const CmWanted *w)
{
	char	   *stranger = cm_wanted_stranger(w, w->request_sans);

	if (stranger != NULL)
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("the request of certificate %lld cannot be used again", (long long) w->reuse->id),
				 errdetail("It asks for \"%s\", which is not among the names of %s any more, and an external CA certifies all names of a request.", stranger, w->holder),
				 errhint("SELECT certmgr.renew(%lld, csr => '...') with a request for the names that are wanted now.", (long long) w->reuse->id)));
}

static void
put_external(const CmWanted *w, const CmIssuer *issuer, const CmSubjectKey *key, int64 id, TimestampTz now)
{
	CmCertificateNew row = {0};
	CmBodyNew	body = {0};
	CmBuf	   *csr = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	const char *message = "ordered: certmgr.order_status shows how far the worker is";
	CmAcmeTimes times = {NULL, w->not_before};
	CmOwnerScope scope;

	w = without_covered(w, &message);
	times.lifetime = asked_lifetime(w, issuer, now, &message);
	check_not_before(w, issuer);
	check_request_names(w);
	cm_wanted_check_external(w);
	cm_wanted_ask(w, issuer->name, NULL);
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
	row.status_message = message;
	row.template_id = w->template ? w->template->id : 0;
	row.action = w->renewed_from ? "renew" : "issue";
	cm_certificate_put(&row);

	body.certificate_id = id;
	body.spki = key->spki;
	body.csr = w->csr.len > 0 ? w->csr : cm_slice(csr->data, csr->len);
	body.sealed_key = key->sealed;
	cm_body_insert(&body);

	cm_owner_enter(&scope);
	cm_acme_request(id, issuer->ca_id, w->san_list, w->san_count, &times);
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
		cm_subject_key_reuse(w->reuse->sealed_key, spki, w->key_alg, w->reuse->id, id, external, key);
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

	/* A subscriber's CA was one of the template's when it was made; the template may have changed. */
	if (w->template != NULL)
		cm_template_check_ca(w->template, issuer->name);
	take_key(w, id, issuer->external, &key);
	if (issuer->external)
		put_external(w, issuer, &key, id, now);
	else
		put_private(w, issuer, &key, id, now);
	return id;
}

int64
cm_issue(const char *subscriber, const char *csr, TimestampTz not_before)
{
	CmSubscriber *s = cm_subscriber_get(subscriber);
	CmWanted	w = {0};

	cm_subscriber_check_access(s, "issue a certificate");
	w.actor = cm_caller_name();
	cm_want_subscriber(&w, s);
	if (not_before != 0)
		cm_want_not_before(&w, not_before);
	if (csr != NULL)
		cm_want_csr(&w, cm_csr_der(csr), false, false, false);
	return issue(&w);
}

/* Operators may issue what they like; others by a template that is granted to them, from the CAs it names. CA certificates are for administrators. */
void
cm_issue_from_check_access(const CmIssueFrom *request)
{
	const CmTemplateEntry *t;

	if (request->template == NULL)
	{
		cm_caller_require_operator("issue a certificate without a subscriber");
		return;
	}
	t = cm_template_get_by_name(request->template);
	cm_template_check_access(t, request->ca);
	if (t->rules.ca)
		cm_caller_require_admin("issue a CA certificate");
}

int64
cm_issue_from(const CmIssueFrom *request)
{
	CmOwnerScope scope;
	CmCaRow    *ca;
	CmWanted	w = {0};

	cm_issue_from_check_access(request);
	w.actor = cm_caller_name();
	cm_owner_enter(&scope);
	ca = cm_ca_require(request->ca, false);
	cm_owner_leave(&scope);
	cm_want_request(&w, request, ca->id, ca->name);
	if (request->not_before != 0)
		cm_want_not_before(&w, request->not_before);
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

static int64
renew(CmPredecessor *old, const CmSubscriber *s, bool reuse, const char *csr, const char *actor)
{
	CmWanted	w = {0};
	CmStatus	st = CM_STATUS_INIT;
	CmOwnerScope scope;
	int64		id;

	w.actor = actor;
	if (s != NULL)
		cm_want_subscriber(&w, s);
	else
		cm_want_predecessor(&w, old);
	w.renewed_from = old->id;
	if (csr != NULL)
		cm_want_csr(&w, cm_csr_der(csr), false, false, false);
	else
	{
		if (reuse && strcmp(old->state, "revoked") == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("the key of a revoked certificate is not used again"),
					 errhint("SELECT certmgr.renew(%lld);", (long long) old->id)));
		if (reuse)
		{
			w.reuse = old;
			/* With a key of ours another request can be made, for the names that are wanted now. */
			if (old->sealed_key.len == 0)
				w.csr = old->csr;
			if (!cm_key_alg_parse(old->key_algorithm, &w.key_alg, &st))
				cm_throw(&st, NULL);
		}
		cm_want_again(&w, old);
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

/* Who asked for it by a template renews it as long as the template is granted to him. */
static void
check_still_granted(const CmPredecessor *old)
{
	CmOwnerScope scope;
	CmCaRow    *ca;

	cm_owner_enter(&scope);
	ca = cm_ca_get_by_id(old->ca_id, false);
	cm_owner_leave(&scope);
	cm_template_check_access(cm_template_get(old->template_id), ca == NULL ? "" : ca->name);
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
	else if (old->template_id == 0 || !cm_caller_acts_for(old->requested_by))
		cm_caller_require_operator("renew a certificate without a subscriber");
	else
		check_still_granted(old);
	check_renewable(old);
	return renew(old, s, reuse, csr, cm_caller_name());
}

int64
cm_renew_due(int64 certificate_id)
{
	CmPredecessor *old = predecessor(certificate_id);
	CmSubscriber *s = NULL;
	int64		other;

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
	/* Its own CA failed, and would now as well; what another one is asked for must not be ordered twice. */
	other = cm_fallback_on_order(old->id);
	if (other != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("certificate %lld is on order from a fallback CA", (long long) other)));
	return renew(old, s, old->sealed_key.len == 0, NULL, "worker");
}

int64
cm_issue_fallback(int64 certificate_id, int64 ca_id)
{
	CmPredecessor *first = predecessor(certificate_id);
	CmSubscriber *s = cm_subscriber_get_by_id(first->subscriber_id);
	CmWanted	w = {0};

	w.actor = "worker";
	cm_want_subscriber(&w, s);
	w.ca_id = ca_id;
	/* A key that is not ours comes with its request. */
	if (first->sealed_key.len == 0 && first->csr.len > 0)
		cm_want_csr(&w, first->csr, false, false, false);
	return issue(&w);
}
