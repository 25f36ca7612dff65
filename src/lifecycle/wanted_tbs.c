/*
 * wanted_tbs.c - what is wanted, as the TBS of a private CA, as the policy
 * that the TBS must keep, and as JSON for the function of a template.
 *
 * Runs in the process that issues. Fails where a certificate would outlive its
 * issuer, where a template asks for what the issuer cannot give, or where its function says no.
 */
#include "postgres.h"

#include "lifecycle/wanted.h"
#include "lib/stringinfo.h"
#include "pg/error.h"
#include "pg/interval.h"
#include "pg/own.h"
#include "pg/query.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "x509/usage.h"

/* Clocks differ: a certificate is valid a little before it was asked for, but by no more than a tenth of its life. A template may say how much. */
#define BACKDATE_MAX 60

/* ---- times ---- */

static void
outlives(const CmWanted *w, const CmIssuer *issuer)
{
	ereport(ERROR,
			(errcode(CM_ERRCODE_POLICY),
			 errmsg("certificate would outlive its issuer \"%s\"", issuer->name),
			 errdetail("The CA's certificate expires at %s.", timestamptz_to_str(time_t_to_timestamptz(issuer->not_after))),
			 errhint("Ask for a shorter lifetime, or renew the CA.")));
}

static void
set_validity(const CmWanted *w, const CmIssuer *issuer, TimestampTz now, CmTbs *tbs)
{
	const CmTemplateEntry *t = w->template;
	TimestampTz begin = Max(now, w->not_before);
	int64_t		start = timestamptz_to_time_t(begin);
	int64_t		end = timestamptz_to_time_t(cm_timestamp_plus(begin, &w->lifetime));
	int64_t		most = t == NULL ? BACKDATE_MAX : timestamptz_to_time_t(cm_timestamp_plus(begin, &t->backdate)) - start;
	/* Clocks that are behind are helped, but not against what somebody said. */
	int64_t		backdate = w->not_before != 0 ? 0 : Min(most, (end - start) / 10);

	if (end <= start)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lifetime of a certificate must be at least one second")));
	tbs->not_before = Max(start - backdate, issuer->not_before);
	/* Of a template the lifetime is all of it, both ends counted: "90 days" must not become 90 days, a minute and a second. */
	if (t != NULL)
		end = timestamptz_to_time_t(cm_timestamp_plus(time_t_to_timestamptz(tbs->not_before), &w->lifetime)) - 1;
	if (end > issuer->not_after)
	{
		if (issuer->not_after <= start || (t == NULL ? w->lifetime_explicit : !t->clamp))
			outlives(w, issuer);
		end = issuer->not_after;
	}
	tbs->not_after = end;
}

/* ---- TBS and policy ---- */

static int
shortest_path(const CmWanted *w, const CmIssuer *issuer)
{
	int			length = w->template->rules.path_length;

	if (issuer->path_length == 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("certificate authority \"%s\" does not allow this path length", issuer->name),
				 errdetail("Its own path length is 0: it can issue to end entities only."),
				 errhint("Use another CA.")));
	/* The shortest of what template, issuer and request say. */
	if (issuer->path_length > 0 && (length < 0 || length >= issuer->path_length))
		length = issuer->path_length - 1;
	if (w->path_length >= 0 && (length < 0 || length > w->path_length))
		length = w->path_length;
	return length;
}

static void
require_request(const CmWanted *w)
{
	if (w->csr_spki.len > 0 || w->reuse != NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("a CA certificate is issued for a request only"),
			 errdetail("Template \"%s\" is for CAs, whose key is elsewhere.", w->template->name),
			 errhint("Give csr => '...'; certmgr.create_intermediate_ca() makes a CA with a key here.")));
}

void
cm_wanted_tbs(const CmWanted *w, const CmIssuer *issuer, TimestampTz now, CmTbs *tbs)
{
	const CmTemplate *t = w->template ? &w->template->rules : NULL;

	tbs->issuer_alg = cm_key_alg(issuer->key);
	tbs->signature_algorithm = cm_key_sign_algorithm(issuer->key);
	tbs->issuer = issuer->subject;
	tbs->subject = w->subject;
	set_validity(w, issuer, now, tbs);
	tbs->path_length = -1;
	tbs->key_usage = w->key_usage;
	tbs->ext_key_usage = w->ext_key_usage;
	tbs->sans = w->sans;
	tbs->authority_key_id = issuer->key_identifier;
	tbs->ca_issuers_url = issuer->ca_issuers_url;
	tbs->ocsp_url = issuer->ocsp_url;
	cm_issuer_crl_urls(issuer, t != NULL && t->ca, &tbs->crl_url, &tbs->freshest_crl_url);
	tbs->url_values.ca = issuer->name;
	tbs->extensions = w->extensions;
	if (t == NULL)
		return;
	tbs->ca = t->ca;
	if (t->ca)
	{
		require_request(w);
		tbs->path_length = shortest_path(w, issuer);
	}
	tbs->ext_key_usage_critical = t->ext_key_usage_critical;
	tbs->policies = t->policies;
	tbs->name_constraints = t->name_constraints;
	tbs->must_staple = t->must_staple;
	tbs->no_rev_avail = cm_template_no_rev_avail(t, tbs->not_before, tbs->not_after);
}

void
cm_wanted_policy(const CmWanted *w, const CmIssuer *issuer, const CmTbs *tbs, CmPolicy *policy)
{
	policy->holder = w->holder;
	policy->check_subject = true;
	policy->subject = w->subject;
	policy->check_sans = true;
	policy->sans = w->sans;
	policy->all_sans = true;
	policy->key_usage = w->key_usage;
	policy->ext_key_usage = w->ext_key_usage;
	policy->key_algs = CM_KEY_ALG_BIT(w->key_alg);
	policy->max_path_length = tbs->path_length;
	policy->not_before = issuer->not_before;
	policy->not_after = issuer->not_after;
	policy->spki = tbs->spki;
	policy->issuer = issuer->subject;
	policy->authority_key_id = issuer->key_identifier;
	policy->issuer_constraints = issuer->name_constraints;
	policy->extensions = w->extensions;
	if (w->template == NULL)
		return;
	policy->template = &w->template->rules;
	policy->check_common_names = true;
	policy->ca = w->template->rules.ca;
	policy->ext_key_usage_critical = w->template->rules.ext_key_usage_critical;
	policy->policies = w->template->rules.policies;
	policy->name_constraints = w->template->rules.name_constraints;
	policy->must_staple = w->template->rules.must_staple;
	policy->no_rev_avail = tbs->no_rev_avail;
}

/* ---- the template's function ---- */

static void
put_string(StringInfo json, const char *key, const char *value)
{
	appendStringInfo(json, "%s\"%s\": ", json->len > 1 ? ", " : "", key);
	if (value == NULL)
		appendStringInfoString(json, "null");
	else
		escape_json(json, value);
}

static void
put_list(StringInfo json, const char *key, char *const *values, int count)
{
	appendStringInfo(json, ", \"%s\": [", key);
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			appendStringInfoString(json, ", ");
		escape_json(json, values[i]);
	}
	appendStringInfoChar(json, ']');
}

static char *
iso_time(int64_t t)
{
	return DatumGetCString(DirectFunctionCall1(timestamptz_out, TimestampTzGetDatum(time_t_to_timestamptz(t))));
}

char *
cm_wanted_json(const CmWanted *w, const char *ca, const CmTbs *tbs)
{
	StringInfoData json;
	int			count;
	char	  **usages = cm_text_array(w->usages_text, &count);

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	put_string(&json, "template", w->template->name);
	put_string(&json, "ca", ca);
	put_string(&json, "subscriber", w->subscriber ? w->subscriber->name : NULL);
	put_string(&json, "requested_by", w->actor);
	put_string(&json, "subject", TextDatumGetCString(w->subject_text));
	put_list(&json, "sans", w->san_list, w->san_count);
	put_list(&json, "usages", usages, count);
	put_string(&json, "key_algorithm", cm_key_alg_name(w->key_alg));
	put_string(&json, "not_before", tbs ? iso_time(tbs->not_before) : NULL);
	put_string(&json, "not_after", tbs ? iso_time(tbs->not_after) : NULL);
	appendStringInfo(&json, ", \"csr\": %s", w->csr_spki.len > 0 ? "true" : "false");
	if (w->renewed_from != 0)
		appendStringInfo(&json, ", \"renewed_from\": %lld}", (long long) w->renewed_from);
	else
		appendStringInfoString(&json, ", \"renewed_from\": null}");
	return json.data;
}

void
cm_wanted_ask(const CmWanted *w, const char *ca, const CmTbs *tbs)
{
	char	   *words;

	if (w->template == NULL || w->template->check_function == NULL)
		return;
	words = cm_template_ask(w->template, cm_wanted_json(w, ca, tbs));
	if (words != NULL)
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("certificate is not allowed for %s", w->holder),
				 errdetail("%s", words),
				 errhint("Check function %s of template \"%s\" said so.", w->template->check_function, w->template->name)));
}

/* ---- external CAs ---- */

static void
refuse(const CmWanted *w, const char *detail)
{
	ereport(ERROR,
			(errcode(CM_ERRCODE_POLICY),
			 errmsg("certificate is not allowed for %s", w->holder),
			 errdetail("Template \"%s\": %s", w->template->name, detail)));
}

/* A report that threw would leak what the check holds: the first refusal is kept, and thrown afterwards. */
typedef struct Refusal
{
	char		detail[512];
} Refusal;

static bool
keep_refusal(void *arg, const char *rule, bool kept, const char *detail)
{
	Refusal    *refusal = arg;

	if (kept)
		return true;
	strlcpy(refusal->detail, detail, sizeof(refusal->detail));
	return false;
}

void
cm_wanted_check_external(const CmWanted *w)
{
	Refusal		refusal = {""};
	const CmTemplate *t = w->template ? &w->template->rules : NULL;

	if (t == NULL)
		return;
	if (!cm_template_check_names(t, w->subject, w->sans, false, keep_refusal, &refusal))
		refuse(w, refusal.detail);
	if (t->key_algs != 0 && (t->key_algs & CM_KEY_ALG_BIT(w->key_alg)) == 0)
		refuse(w, psprintf("Key algorithm %s is not among the allowed ones.", cm_key_alg_name(w->key_alg)));
	if (t->ca)
		refuse(w, "It is for CA certificates, which external CAs do not issue here.");
}
