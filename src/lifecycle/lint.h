/*
 * lint.h - lint (x509/lint.h) as a template wants it: off, a word on the
 * certificate's row, or a refusal.
 */
#ifndef CM_LIFECYCLE_LINT_H
#define CM_LIFECYCLE_LINT_H

#include "lifecycle/template.h"
#include "x509/lint.h"

/* The rules that a certificate breaks. */
typedef struct CmLintFindings
{
	const CmLintRule **rules;	/* palloc'ed */
	int			count;
} CmLintFindings;

/* Of a certificate or, tbs true, of what would be signed. Throws where the bytes are none. */
extern CmLintFindings cm_lint_find(CmSlice der, bool tbs);
/* Does the template ask for lint at all? */
extern bool cm_lint_wanted(const CmTemplateEntry *t);
/* And refuse what breaks a rule of level error? */
extern bool cm_lint_refuses(const CmTemplateEntry *t);
/* The words for the row (broken rules of level error and warning), or NULL; *worst: the first rule of level error, or NULL. */
extern char *cm_lint_words(CmSlice der, bool tbs, const CmLintRule **worst);
/*
 * A finished TBS, t NULL: no template. Throws where the template refuses what
 * breaks a rule of level error; otherwise the words for the row (broken rules of
 * level error and warning), or NULL.
 */
extern char *cm_lint_judge(const CmTemplateEntry *t, const char *holder, CmSlice tbs);

#endif
