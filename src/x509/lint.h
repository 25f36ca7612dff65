/*
 * lint.h - is a certificate as RFC 5280 and its companions want it? Rules with
 * stable names over a TBSCertificate, before it is signed (or over any certificate).
 *
 * Whether it is allowed is policy.h's question. A rule never allocates and
 * takes well under a microsecond; some 90 of them are one table. What certificate.h
 * refuses to read (empty extensions, duplicates, negative serials) has no rule.
 */
#ifndef CM_X509_LINT_H
#define CM_X509_LINT_H

#include "x509/certificate.h"

typedef enum CmLintLevel
{
	CM_LINT_NOTICE,				/* worth knowing */
	CM_LINT_WARNING,			/* SHOULD of a standard, or a rule of the CA/Browser Forum that private CAs may pass over */
	CM_LINT_ERROR				/* MUST of a standard: verifiers may refuse it */
} CmLintLevel;

typedef struct CmLintInput CmLintInput;

typedef struct CmLintRule
{
	const char *name;			/* stable: people suppress it by it */
	CmLintLevel level;
	const char *source;			/* "RFC 5280 4.1.2.2" */
	const char *message;		/* what is wrong, one sentence without period */
	bool		(*broken) (const CmLintInput *in);
} CmLintRule;

typedef void (*CmLintFound) (const CmLintRule *rule, void *arg);

/* Calls back with each rule that is broken. False only when the bytes are no TBSCertificate. */
extern bool cm_lint_tbs(CmSlice tbs, CmLintFound found, void *arg, CmStatus *st);
/* The same of a certificate. */
extern bool cm_lint_certificate(CmSlice der, CmLintFound found, void *arg, CmStatus *st);
/* All rules: the nth, or NULL. */
extern const CmLintRule *cm_lint_rule(int n);
/* "notice", "warning", "error". */
extern const char *cm_lint_level_name(CmLintLevel level);

#endif
