/*
 * template_internal.h - one check of a certificate against a template, as template.c and template_extension.c go through it.
 */
#ifndef CM_X509_TEMPLATE_INTERNAL_H
#define CM_X509_TEMPLATE_INTERNAL_H

#include "x509/template.h"

/* Of a name or a list in a sentence. */
#define SHOWN_MAX 160
/* The name of a rule: "subject.organizationIdentifier", "extension 1.2.3". */
#define RULE_MAX 200

typedef struct CmTemplateCheck
{
	const CmTemplate *t;
	const CmTemplateCase *what;
	bool		all;
	CmTemplateReport report;
	void	   *arg;
	bool		kept;			/* so far */
	bool		stopped;
} CmTemplateCheck;

/* A rule is broken, and how. */
extern void cm_template_refused(CmTemplateCheck *c, const char *rule, const char *fmt,...) CM_PRINTF(3, 4);
extern void cm_template_kept(CmTemplateCheck *c, const char *rule);
/* One of both: wrong is NULL when the rule is kept. */
extern void cm_template_judge(CmTemplateCheck *c, const char *rule, const char *wrong);

extern void cm_template_check_extensions(CmTemplateCheck *c);

#endif
