/*
 * template.h - the rules of a template, compiled, and the check of a finished
 * certificate (or TBS) against them.
 *
 * The structs are filled by whoever reads templates (lifecycle/template_compile.c)
 * and only read here. Everything that a template does not name is refused:
 * subject attributes, kinds of names, extensions.
 */
#ifndef CM_X509_TEMPLATE_H
#define CM_X509_TEMPLATE_H

#include "crypto/key.h"
#include "x509/certificate.h"
#include "x509/pattern.h"

/* An interval as SQL has it: months and days have no fixed length. */
typedef struct CmSpan
{
	int			months;
	int			days;
	int64_t		seconds;
} CmSpan;

typedef struct CmSubjectRule
{
	const char *name;			/* "O" */
	CmSlice		oid;			/* content */
	bool		required;
	bool		denied;
	int			max;			/* how many of it */
	const char *fixed;			/* the one value it may have; NULL: any, or one of values */
	CmSlice		fixed_rdn;		/* the RDN that is added when it is missing */
	const CmPattern *values;	/* exact, glob, suffix (of the text) or regex; one must match when there are any */
	int			value_count;
} CmSubjectRule;

typedef struct CmSanRule
{
	bool		allowed;
	bool		wildcard;		/* "*.example.com", besides exact patterns that say so */
	int			min;
	int			max;
	const CmPattern *patterns;	/* one must match when there are any */
	int			pattern_count;
} CmSanRule;

typedef struct CmExtensionRule
{
	CmSlice		oid;			/* content */
	bool		critical;
	bool		from_request;	/* its value is the request's; otherwise fixed */
	CmSlice		value;			/* content of extnValue, fixed */
} CmExtensionRule;

typedef enum CmNoRevAvail
{
	CM_NO_REV_AVAIL_NEVER,
	CM_NO_REV_AVAIL_AUTO,		/* when it lives no longer than a day */
	CM_NO_REV_AVAIL_ALWAYS
} CmNoRevAvail;

typedef struct CmTemplate
{
	const char *name;
	const CmSubjectRule *subject;
	int			subject_count;
	bool		other_attributes;	/* those without a rule are allowed */
	CmSanRule	sans[CM_SAN_TYPE_COUNT];	/* by CmSanType */
	int			san_min;		/* of all kinds together */
	int			san_max;
	CmPatternRegex regex;		/* matcher of regular expressions */
	uint32_t	key_usage;		/* allowed bits */
	uint32_t	required_key_usage;
	CmSlice		ext_key_usage;	/* allowed OIDs, whole values one after the other */
	CmSlice		required_ext_key_usage;
	bool		ext_key_usage_critical;
	uint32_t	key_algs;		/* CM_KEY_ALG_BIT set; 0: any that is not weak */
	bool		has_min_lifetime;
	CmSpan		min_lifetime;
	bool		has_max_lifetime;
	CmSpan		max_lifetime;	/* both ends counted (RFC 5280: notAfter is inclusive) */
	bool		ca;
	int			path_length;	/* longest of a CA; -1: any */
	CmSlice		policies;		/* content of CertificatePolicies */
	CmSlice		name_constraints;	/* content of NameConstraints */
	const CmExtensionRule *extensions;
	int			extension_count;
	bool		must_staple;
	CmNoRevAvail no_rev_avail;
} CmTemplate;

/*
 * Is told of every rule: its name, whether it was kept, and a sentence when
 * not (NULL otherwise). Returns whether to go on.
 */
typedef bool (*CmTemplateReport) (void *arg, const char *rule, bool kept, const char *detail);

typedef struct CmTemplateCase
{
	const CmCertificate *cert;
	CmSlice		sans;			/* canonical, content of GeneralNames */
	bool		foreign;		/* of an external CA: which sets usages, lifetime and extensions itself: cm_template_check_choices */
} CmTemplateCase;

/* True when every rule was kept. all: kept rules are reported, too. */
extern bool cm_template_check(const CmTemplate *t, const CmTemplateCase *what, bool all, CmTemplateReport report, void *arg);
/*
 * The rest of the rules, of the certificate of an external CA: usages, lifetime, extensions. What such CAs put in besides (SCTs,
 * their own policies, what is not critical) is no breach.
 */
extern bool cm_template_check_choices(const CmTemplate *t, const CmTemplateCase *what, CmTemplateReport report, void *arg);
/* Subject and names only, for what is not a certificate yet. */
extern bool cm_template_check_names(const CmTemplate *t, CmSlice subject, CmSlice sans, bool all, CmTemplateReport report, void *arg);
/* The subject with the attributes that the template fixes added where they are missing, appended. */
extern bool cm_template_complete_subject(const CmTemplate *t, CmSlice subject, CmBuf *out, CmStatus *st);
extern const CmExtensionRule *cm_template_extension(const CmTemplate *t, CmSlice oid);
/* Would a certificate that is valid in these seconds (both ends) carry noRevAvail? */
extern bool cm_template_no_rev_avail(const CmTemplate *t, int64_t not_before, int64_t not_after);
/* The moment a span after another (UTC; the day is clipped to the month's end). */
extern int64_t cm_span_after(int64_t from, const CmSpan *span);

#endif
