/*
 * lint.c - see lint.h. Runs in the process that issues, after the policy check
 * and on the same bytes; without a template, and by one whose lint is off,
 * nothing is looked at. Locks nothing; fails where a template refuses.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "lifecycle/lint.h"
#include "pg/error.h"
#include "utils/builtins.h"

static void
count_rule(const CmLintRule *rule, void *arg)
{
	(*(int *) arg)++;
}

/* Room was made by a first pass: what is called back must not throw. */
static void
take_rule(const CmLintRule *rule, void *arg)
{
	CmLintFindings *findings = arg;

	findings->rules[findings->count++] = rule;
}

CmLintFindings
cm_lint_find(CmSlice der, bool tbs)
{
	bool		(*lint) (CmSlice bytes, CmLintFound found, void *arg, CmStatus *st) = tbs ? cm_lint_tbs : cm_lint_certificate;
	CmLintFindings findings = {NULL, 0};
	CmStatus	st = CM_STATUS_INIT;
	int			count = 0;

	if (!lint(der, count_rule, &count, &st))
		cm_throw(&st, NULL);
	if (count == 0)
		return findings;
	findings.rules = palloc(count * sizeof(CmLintRule *));
	if (!lint(der, take_rule, &findings, &st))
		cm_throw(&st, NULL);
	return findings;
}

bool
cm_lint_wanted(const CmTemplateEntry *t)
{
	return t != NULL && strcmp(t->lint, "off") != 0;
}

static void
refuse(const CmTemplateEntry *t, const char *holder, const CmLintRule *rule)
{
	ereport(ERROR,
			(errcode(CM_ERRCODE_POLICY),
			 errmsg("certificate is not allowed for %s", holder),
			 errdetail("Lint rule \"%s\" (%s): %s.", rule->name, rule->source, rule->message),
			 errhint("Ask for something else, or SELECT certmgr.alter_template(%s, lint => 'warn').", quote_literal_cstr(t->name))));
}

char *
cm_lint_words(CmSlice der, bool tbs, const CmLintRule **worst)
{
	CmLintFindings findings = cm_lint_find(der, tbs);
	StringInfoData words;

	*worst = NULL;
	initStringInfo(&words);
	for (int i = 0; i < findings.count; i++)
	{
		const CmLintRule *rule = findings.rules[i];

		if (rule->level == CM_LINT_ERROR && *worst == NULL)
			*worst = rule;
		if (rule->level >= CM_LINT_WARNING)
			appendStringInfo(&words, "%s%s", words.len == 0 ? "lint: " : ", ", rule->name);
	}
	return words.len == 0 ? NULL : words.data;
}

bool
cm_lint_refuses(const CmTemplateEntry *t)
{
	return strcmp(t->lint, "refuse") == 0;
}

char *
cm_lint_judge(const CmTemplateEntry *t, const char *holder, CmSlice tbs)
{
	const CmLintRule *worst;
	char	   *words;

	if (!cm_lint_wanted(t))
		return NULL;
	words = cm_lint_words(tbs, true, &worst);
	if (worst != NULL && cm_lint_refuses(t))
		refuse(t, holder, worst);
	return words;
}
