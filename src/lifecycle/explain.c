/*
 * explain.c - see explain.h. Goes the way that issuing goes, with the same
 * functions, up to the signature. What would be an error there is caught by a
 * subtransaction and becomes a row. Runs in backends.
 */
#include "postgres.h"

#include "crypto/key.h"
#include "lifecycle/acme_request.h"
#include "lifecycle/explain.h"
#include "lifecycle/lint.h"
#include "lifecycle/template.h"
#include "lifecycle/wanted.h"
#include "miscadmin.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/own.h"
#include "pg/tx.h"
#include "store/ca.h"
#include "store/key.h"
#include "utils/memutils.h"
#include "x509/san.h"

/* An error's message and detail. */
#define MESSAGE_MAX 1024

typedef struct Explain
{
	const CmSubscriber *subscriber;
	const CmIssueFrom *request;
	CmExplainRow row;
	void	   *arg;
	CmWanted	w;
	CmIssuer   *issuer;
	CmTbs		tbs;
	CmBuf	   *bytes;
} Explain;

/* Runs a step; what it throws is a row, and the end. */
static bool
attempt(Explain *e, void (*step) (void *arg), const char *rule)
{
	char		message[MESSAGE_MAX];

	if (cm_tx_try(step, e, message, sizeof(message)))
		return true;
	e->row(e->arg, rule, "refused", message);
	return false;
}

/* ---- the steps ---- */

static void
collect(void *arg)
{
	Explain    *e = arg;
	CmOwnerScope scope;
	CmCaRow    *ca;

	e->w.actor = cm_caller_name();
	if (e->subscriber != NULL)
	{
		cm_want_subscriber(&e->w, e->subscriber);
		if (e->request->not_before != 0)
			cm_want_not_before(&e->w, e->request->not_before);
		if (e->request->csr != NULL)
			cm_want_csr(&e->w, cm_csr_der(e->request->csr), false, false, false);
		return;
	}
	cm_owner_enter(&scope);
	ca = cm_ca_require(e->request->ca, false);
	cm_owner_leave(&scope);
	cm_want_request(&e->w, e->request, ca->id, ca->name);
	if (e->request->not_before != 0)
		cm_want_not_before(&e->w, e->request->not_before);
}

/* What an order at an external CA would be refused for before the CA is asked. */
static void
check_external(const CmWanted *w)
{
	CmOwnerScope scope;

	cm_owner_enter(&scope);
	if (w->not_before != 0)
		cm_acme_check_not_before(w->ca_id);
	if (w->lifetime_explicit)
		cm_acme_check_lifetime(w->ca_id);
	cm_acme_check_names(w->ca_id, w->san_list, w->san_count);
	cm_owner_leave(&scope);
}

static void
open_issuer(void *arg)
{
	Explain    *e = arg;

	e->issuer = cm_issuer_get(e->w.ca_id);
	if (e->w.template != NULL)
		cm_template_check_ca(e->w.template, e->issuer->name);
	if (e->issuer->external)
		check_external(&e->w);
}

/* The key that a certificate would have: the request's, or one made for the occasion and forgotten. */
static CmSlice
some_key(const CmWanted *w)
{
	CmOwn	   *own;
	CmBuf	   *spki;
	CmKey	   *key = NULL;
	CmStatus	st = CM_STATUS_INIT;

	if (w->csr_spki.len > 0)
		return w->csr_spki;
	own = cm_own_key();
	spki = cm_own_buf(0);
	if (!cm_key_generate(w->key_alg, &key, &st))
		cm_throw(&st, NULL);
	own->object = key;
	if (!cm_key_spki(key, spki, &st))
		cm_throw(&st, NULL);
	cm_own_release(own);
	return cm_slice(spki->data, spki->len);
}

static void
build(void *arg)
{
	Explain    *e = arg;
	CmStatus	st = CM_STATUS_INIT;
	uint8_t    *serial = palloc(CM_SERIAL_SIZE);

	if (!cm_serial_random(serial, &st))
		cm_throw(&st, NULL);
	e->tbs.serial = cm_slice(serial, CM_SERIAL_SIZE);
	e->tbs.spki = some_key(&e->w);
	cm_wanted_tbs(&e->w, e->issuer, GetCurrentTimestamp(), &e->tbs);
	if (!cm_tbs_build(&e->tbs, e->bytes, &st))
		cm_throw(&st, NULL);
}

static void
ask(void *arg)
{
	Explain    *e = arg;

	cm_wanted_ask(&e->w, e->issuer->name, e->issuer->external ? NULL : &e->tbs);
}

/* ---- rules ---- */

static bool
report_rule(void *arg, const char *rule, bool kept, const char *detail)
{
	Explain    *e = arg;

	e->row(e->arg, rule, kept ? "ok" : "refused", detail);
	return true;
}

/* What holds for every certificate, template or not. */
static void
report_policy(Explain *e)
{
	CmPolicy	policy = {0};
	CmStatus	st = CM_STATUS_INIT;
	bool		ok;

	cm_wanted_policy(&e->w, e->issuer, &e->tbs, &policy);
	policy.template = NULL;
	ok = cm_policy_check(cm_slice(e->bytes->data, e->bytes->len), &policy, &st);
	e->row(e->arg, "certificate", ok ? "ok" : "refused", ok ? NULL : st.detail);
}

static void
report_template(Explain *e)
{
	CmTemplateCase what = {0};
	CmCertificate cert;
	CmBuf	   *sans = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	if (e->w.template == NULL)
		return;
	if (e->issuer->external)
	{
		(void) cm_template_check_names(&e->w.template->rules, e->w.subject, e->w.sans, true, report_rule, e);
		return;
	}
	if (!cm_tbs_parse(cm_slice(e->bytes->data, e->bytes->len), &cert, &st) || !cm_san_canonical(cert.sans, sans, &st))
		cm_throw(&st, NULL);
	what.cert = &cert;
	what.sans = cm_slice(sans->data, sans->len);
	(void) cm_template_check(&e->w.template->rules, &what, true, report_rule, e);
}

/* As issuing would: only where the template asks for it. */
static void
report_lint(Explain *e)
{
	CmLintFindings findings;
	bool		refuses;

	if (e->issuer->external || !cm_lint_wanted(e->w.template))
		return;
	findings = cm_lint_find(cm_slice(e->bytes->data, e->bytes->len), true);
	refuses = strcmp(e->w.template->lint, "refuse") == 0;
	if (findings.count == 0)
		e->row(e->arg, "lint", "ok", NULL);
	for (int i = 0; i < findings.count; i++)
	{
		const CmLintRule *rule = findings.rules[i];

		e->row(e->arg, "lint", refuses && rule->level == CM_LINT_ERROR ? "refused" : "ok",
			   psprintf("%s: %s (%s, %s)", cm_lint_level_name(rule->level), rule->message, rule->name, rule->source));
	}
}

static void
explain(Explain *e)
{
	if (!attempt(e, collect, "request"))
		return;
	e->row(e->arg, "request", "ok", NULL);
	if (!attempt(e, open_issuer, "ca"))
		return;
	e->row(e->arg, "ca", "ok", NULL);
	if (!e->issuer->external)
	{
		if (!attempt(e, build, "certificate"))
			return;
		report_policy(e);
	}
	report_template(e);
	report_lint(e);
	if (e->w.template != NULL && e->w.template->check_function != NULL && attempt(e, ask, "check_function"))
		e->row(e->arg, "check_function", "ok", NULL);
}

void
cm_explain_request(const char *subscriber, const CmIssueFrom *request, CmExplainRow row, void *arg)
{
	Explain    *e = palloc0(sizeof(Explain));

	e->request = request;
	e->row = row;
	e->arg = arg;
	e->bytes = cm_own_buf(0);
	if (subscriber != NULL)
	{
		e->subscriber = cm_subscriber_get(subscriber);
		cm_subscriber_check_access(e->subscriber, "explain a request");
	}
	else
		cm_issue_from_check_access(request);
	explain(e);
}

/* ---- what a changed template refuses ---- */

typedef struct Impact
{
	const CmTemplateUse *use;
	CmImpactRow row;
	void	   *arg;
} Impact;

static bool
report_impact(void *arg, const char *rule, bool kept, const char *detail)
{
	Impact	   *impact = arg;

	if (!kept)
		impact->row(impact->arg, impact->use, rule, detail);
	return true;
}

typedef struct Question
{
	const CmTemplateEntry *t;
	const char *request;
	char	   *answer;
} Question;

static void
put_question(void *arg)
{
	Question   *question = arg;

	question->answer = cm_template_ask(question->t, question->request);
}

/* The check function; its error is an answer, too. */
static void
ask_again(const CmTemplateEntry *t, const CmTemplateUse *use, CmImpactRow row, void *arg)
{
	Question	question = {t, use->request, NULL};
	char		message[MESSAGE_MAX];

	if (t->check_function == NULL)
		return;
	if (!cm_tx_try(put_question, &question, message, sizeof(message)))
		row(arg, use, "check_function", message);
	else if (question.answer != NULL)
		row(arg, use, "check_function", question.answer);
}

static void
judge(const CmTemplateEntry *t, const CmTemplateUse *use, CmImpactRow row, void *arg)
{
	Impact		impact = {use, row, arg};
	CmTemplateCase what = {0};
	CmCertificate cert;
	CmBuf	   *sans = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_certificate_parse(use->der, &cert, &st) || !cm_san_canonical(cert.sans, sans, &st))
	{
		row(arg, use, "certificate", st.reason);
		return;
	}
	what.cert = &cert;
	what.sans = cm_slice(sans->data, sans->len);
	what.foreign = use->external;
	(void) cm_template_check(&t->rules, &what, false, report_impact, &impact);
	if (use->external && t->refuse_external)
		(void) cm_template_check_choices(&t->rules, &what, report_impact, &impact);
	ask_again(t, use, row, arg);
}

void
cm_policy_impact(const char *name, CmImpactRow row, void *arg)
{
	const CmTemplateEntry *t = cm_template_get_by_name(name);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "certmgr policy impact", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	int64		above = 0;
	int			count;

	do
	{
		CmTemplateUse *uses;

		MemoryContextReset(context);
		uses = cm_template_uses(t->id, above, &count);
		for (int i = 0; i < count; i++)
		{
			CHECK_FOR_INTERRUPTS();
			judge(t, &uses[i], row, arg);
			above = uses[i].certificate_id;
		}
	} while (count > 0);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
