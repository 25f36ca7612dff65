/*
 * template.c - see template.h; extensions are in template_extension.c. Runs in
 * backends and the worker, on each certificate: so it allocates only for the
 * text of names, and formats sentences only for what is refused. Deny by
 * default: unknown attributes, kinds of names and extensions are refused.
 */
#include "x509/template_internal.h"

#include "base/datetime.h"
#include "x509/name.h"
#include "x509/usage.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
cm_template_refused(CmTemplateCheck *c, const char *rule, const char *fmt,...)
{
	char		detail[400];
	va_list		args;

	c->kept = false;
	if (c->stopped)
		return;
	va_start(args, fmt);
	(void) vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	if (c->report == NULL || !c->report(c->arg, rule, false, detail))
		c->stopped = true;
}

void
cm_template_kept(CmTemplateCheck *c, const char *rule)
{
	if (c->all && !c->stopped && !c->report(c->arg, rule, true, NULL))
		c->stopped = true;
}

void
cm_template_judge(CmTemplateCheck *c, const char *rule, const char *wrong)
{
	if (wrong != NULL)
		cm_template_refused(c, rule, "%s", wrong);
	else
		cm_template_kept(c, rule);
}

/* ---- subject ---- */

static const CmSubjectRule *
subject_rule(const CmTemplate *t, CmSlice oid)
{
	int			i;

	for (i = 0; i < t->subject_count; i++)
	{
		if (cm_slice_equal(t->subject[i].oid, oid))
			return &t->subject[i];
	}
	return NULL;
}

static const char *
attribute_name(CmSlice oid, char dotted[SHOWN_MAX])
{
	if (!cm_der_oid_text(oid, dotted, SHOWN_MAX))
		return "(unreadable)";
	return cm_name_type_name(dotted);
}

static bool
value_matches(const CmTemplateCheck *c, const CmSubjectRule *rule, const char *value)
{
	int			i;

	if (rule->fixed != NULL)
		return strcmp(rule->fixed, value) == 0;
	for (i = 0; i < rule->value_count; i++)
	{
		if (cm_pattern_matches(&rule->values[i], CM_SAN_UNKNOWN, value, cm_slice(NULL, 0), c->t->regex))
			return true;
	}
	return rule->value_count == 0;
}

static void
check_attribute(CmTemplateCheck *c, CmSlice oid, const CmDer *value)
{
	const CmSubjectRule *rule = subject_rule(c->t, oid);
	char		dotted[SHOWN_MAX];
	char		shown[SHOWN_MAX];
	char		name[RULE_MAX];
	CmBuf		text;

	if (rule == NULL && c->t->other_attributes)
		return;
	if (rule == NULL || rule->denied)
	{
		snprintf(name, sizeof(name), "subject.%s", attribute_name(oid, dotted));
		cm_template_refused(c, name, "Subject attribute \"%s\" is not among the allowed ones.", attribute_name(oid, dotted));
		return;
	}
	if (rule->fixed == NULL && rule->value_count == 0)
		return;
	cm_buf_init(&text, 0);
	/* A NUL would end the text early for us, and not for others. */
	if (!cm_name_value(value, &text) || (text.len > 0 && memchr(text.data, 0, text.len) != NULL) ||
		!value_matches(c, rule, cm_buf_cstr(&text)))
	{
		cm_clean_text(shown, sizeof(shown), (const char *) text.data, text.len);
		snprintf(name, sizeof(name), "subject.%s", rule->name);
		if (rule->fixed != NULL)
			cm_template_refused(c, name, "Subject attribute \"%s\" is \"%s\" and must be \"%s\".", rule->name, shown, rule->fixed);
		else
			cm_template_refused(c, name, "Subject attribute \"%s\" is \"%s\", which matches none of the allowed values.", rule->name, shown);
	}
	cm_buf_free(&text);
}

static int
count_attribute(CmSlice subject, CmSlice wanted)
{
	CmSlice		rdn = cm_slice(NULL, 0);
	CmSlice		oid;
	CmDer		name;
	CmDer		value;
	int			count = 0;

	if (!cm_der_next(&subject, &name))
		return 0;
	while (cm_name_next(&name.content, &rdn, &oid, &value))
		count += cm_slice_equal(oid, wanted);
	return count;
}

static void
check_rule(CmTemplateCheck *c, const CmSubjectRule *rule, CmSlice subject)
{
	int			count = count_attribute(subject, rule->oid);
	char		name[RULE_MAX];

	snprintf(name, sizeof(name), "subject.%s", rule->name);
	/* An external CA writes what it likes of a subject, or nothing. */
	if (count == 0 && rule->required && (c->what == NULL || !c->what->foreign))
		cm_template_refused(c, name, "Subject attribute \"%s\" is missing.", rule->name);
	else if (count > rule->max && !rule->denied)
		cm_template_refused(c, name, "Subject attribute \"%s\" is there %d times; %d are allowed.", rule->name, count, rule->max);
	else if (!rule->denied || count == 0)
		cm_template_kept(c, name);
}

static void
check_subject(CmTemplateCheck *c, CmSlice subject)
{
	CmSlice		rdn = cm_slice(NULL, 0);
	CmSlice		rest = subject;
	CmSlice		oid;
	CmDer		name;
	CmDer		value;
	int			i;

	if (!cm_name_check(subject, NULL) || !cm_der_next(&rest, &name))
	{
		cm_template_refused(c, "subject", "The subject is unreadable.");
		return;
	}
	while (!c->stopped && cm_name_next(&name.content, &rdn, &oid, &value))
		check_attribute(c, oid, &value);
	for (i = 0; !c->stopped && i < c->t->subject_count; i++)
		check_rule(c, &c->t->subject[i], subject);
}

bool
cm_template_complete_subject(const CmTemplate *t, CmSlice subject, CmBuf *out, CmStatus *st)
{
	size_t		start = out->len;
	size_t		mark = cm_der_open(out, CM_DER_SEQUENCE);
	CmDer		name;
	int			i;

	/* RFC 4514 writes the last RDN first: what is added is the last of the text, the first of the bytes. */
	for (i = t->subject_count - 1; i >= 0; i--)
	{
		if (t->subject[i].fixed_rdn.len > 0 && count_attribute(subject, t->subject[i].oid) == 0)
			(void) cm_buf_append(out, t->subject[i].fixed_rdn.data, t->subject[i].fixed_rdn.len);
	}
	if (!cm_der_expect(&subject, CM_DER_SEQUENCE, &name))
	{
		out->len = start;
		return cm_fail(st, CM_INVALID, "subject is not a distinguished name");
	}
	(void) cm_buf_append(out, name.content.data, name.content.len);
	cm_der_close(out, mark);
	return !out->failed || cm_fail(st, CM_MEMORY, "out of memory");
}

/* ---- names ---- */

static bool
san_matches(const CmTemplateCheck *c, const CmSanRule *rule, CmSanType type, const char *value, CmSlice general_name)
{
	bool		wild = type == CM_SAN_DNS && value[0] == '*';
	int			i;

	if (rule->pattern_count == 0)
		return !wild || rule->wildcard;
	for (i = 0; i < rule->pattern_count; i++)
	{
		/* GHSA-59w7-v8rr-pr4p: a "*" that came as a name must not pass as one because a pattern is wide. */
		if (wild && !rule->wildcard && rule->patterns[i].kind != CM_PATTERN_EXACT)
			continue;
		if (cm_pattern_matches(&rule->patterns[i], type, value, general_name, c->t->regex))
			return true;
	}
	return false;
}

static void
check_san(CmTemplateCheck *c, CmSlice general_name, int counts[CM_SAN_TYPE_COUNT])
{
	CmSanType	type = cm_san_type(general_name);
	const CmSanRule *rule = &c->t->sans[type];
	char		name[RULE_MAX];
	char		shown[SHOWN_MAX];
	CmStatus	ignored = CM_STATUS_INIT;
	const char *value;
	CmBuf		text;

	counts[type]++;
	cm_buf_init(&text, 0);
	if (!cm_san_format(general_name, &text, &ignored))
		(void) cm_buf_append_str(&text, "(unreadable)");
	value = cm_san_value(type, cm_buf_cstr(&text));
	snprintf(name, sizeof(name), "san.%s", type == CM_SAN_UNKNOWN ? "unknown" : cm_san_type_name(type));
	cm_clean_text(shown, sizeof(shown), (const char *) text.data, text.len);
	if (type == CM_SAN_UNKNOWN || !rule->allowed)
		cm_template_refused(c, name, "Name \"%s\" is of a kind that is not allowed.", shown);
	else if (san_matches(c, rule, type, value, general_name))
		;
	else if (type == CM_SAN_DNS && value[0] == '*' && !rule->wildcard)
		cm_template_refused(c, name, "Name \"%s\" is a wildcard, which is not allowed.", shown);
	else
		cm_template_refused(c, name, "Name \"%s\" matches none of the allowed names.", shown);
	cm_buf_free(&text);
}

/* kind NULL: of all kinds together. */
static void
check_count(CmTemplateCheck *c, const char *rule, const char *kind, int count, int min, int max)
{
	char		one[80];
	char		many[80];

	if (count >= min && count <= max)
	{
		if (max > 0)
			cm_template_kept(c, rule);
		return;
	}
	snprintf(one, sizeof(one), kind == NULL ? "subject alternative name" : "name of the kind \"%s\"", kind);
	snprintf(many, sizeof(many), kind == NULL ? "subject alternative names" : "names of the kind \"%s\"", kind);
	if (count < min && min == 1)
		cm_template_refused(c, rule, "There is no %s; at least one must be there.", one);
	else if (count < min)
		cm_template_refused(c, rule, "There are %d %s; at least %d must be there.", count, many, min);
	else
		cm_template_refused(c, rule, "There are %d %s; at most %d are allowed.", count, many, max);
}

static void
check_sans(CmTemplateCheck *c, CmSlice sans)
{
	int			counts[CM_SAN_TYPE_COUNT] = {0};
	int			total = 0;
	int			type;
	CmDer		name;
	char		rule[RULE_MAX];

	while (!c->stopped && sans.len > 0)
	{
		if (!cm_der_next(&sans, &name))
		{
			cm_template_refused(c, "sans", "The subject alternative names are unreadable.");
			return;
		}
		check_san(c, name.whole, counts);
		/* Each costs a comparison with each pattern: no more than are allowed are looked at. */
		if (++total > c->t->san_max && !c->all)
			break;
	}
	for (type = CM_SAN_UNKNOWN + 1; !c->stopped && type < CM_SAN_TYPE_COUNT; type++)
	{
		const CmSanRule *r = &c->t->sans[type];

		if (!r->allowed)
			continue;
		snprintf(rule, sizeof(rule), "san.%s", cm_san_type_name((CmSanType) type));
		check_count(c, rule, cm_san_type_name((CmSanType) type), counts[type], r->min, r->max);
	}
	if (!c->stopped)
		check_count(c, "sans", NULL, total, c->t->san_min, c->t->san_max);
}

/* ---- usages and key ---- */

/* The first of them that the other set lacks. */
static bool
first_missing(CmSlice oids, CmSlice in, CmSlice *missing)
{
	CmDer		item;

	while (cm_der_next(&oids, &item))
	{
		if (!cm_der_contains(in, item.whole))
		{
			*missing = item.whole;
			return true;
		}
	}
	return false;
}

static void
check_key_usage(CmTemplateCheck *c)
{
	const CmTemplate *t = c->t;
	const CmCertificate *cert = c->what->cert;
	CmSlice		none = cm_slice(NULL, 0);
	char		has[SHOWN_MAX];
	char		allowed[SHOWN_MAX];

	if ((cert->key_usage & ~t->key_usage) != 0)
		cm_template_refused(c, "key_usage", "Key usage \"%s\" is not among the allowed ones: %s.", cm_usage_show(cert->key_usage & ~t->key_usage, none, has, sizeof(has)),
				cm_usage_show(t->key_usage, none, allowed, sizeof(allowed)));
	else if ((t->required_key_usage & ~cert->key_usage) != 0)
		cm_template_refused(c, "key_usage", "Key usage \"%s\" is missing.", cm_usage_show(t->required_key_usage & ~cert->key_usage, none, has, sizeof(has)));
	else if (!cert->has_key_usage && t->key_usage != 0)
		cm_template_refused(c, "key_usage", "There is no key usage, which would allow all of them; allowed are: %s.", cm_usage_show(t->key_usage, none, allowed, sizeof(allowed)));
	else
		cm_template_kept(c, "key_usage");
}

static bool
ext_key_usage_is_critical(const CmCertificate *cert)
{
	CmSlice		rest = cert->extensions;
	CmExtension ext;

	while (cm_extension_next(&rest, &ext))
	{
		if (cm_slice_equal(ext.oid, cm_slice("\x55\x1d\x25", 3)))
			return ext.critical;
	}
	return false;
}

static void
check_ext_key_usage(CmTemplateCheck *c)
{
	const CmTemplate *t = c->t;
	const CmCertificate *cert = c->what->cert;
	CmSlice		one;
	char		has[SHOWN_MAX];
	char		allowed[SHOWN_MAX];

	if (first_missing(cert->ext_key_usage, t->ext_key_usage, &one))
		cm_template_refused(c, "ext_key_usage", "Extended key usage \"%s\" is not among the allowed ones: %s.", cm_usage_show(0, one, has, sizeof(has)),
				cm_usage_show(0, t->ext_key_usage, allowed, sizeof(allowed)));
	else if (first_missing(t->required_ext_key_usage, cert->ext_key_usage, &one))
		cm_template_refused(c, "ext_key_usage", "Extended key usage \"%s\" is missing.", cm_usage_show(0, one, has, sizeof(has)));
	else if (cert->ext_key_usage.len == 0 && t->ext_key_usage.len > 0)
		cm_template_refused(c, "ext_key_usage", "There is no extended key usage, which would allow all of them; allowed are: %s.",
				cm_usage_show(0, t->ext_key_usage, allowed, sizeof(allowed)));
	else if (cert->ext_key_usage.len > 0 && ext_key_usage_is_critical(cert) != t->ext_key_usage_critical)
		cm_template_refused(c, "ext_key_usage", "The extended key usage is %scritical.", t->ext_key_usage_critical ? "not " : "");
	else
		cm_template_kept(c, "ext_key_usage");
}

static void
check_key(CmTemplateCheck *c)
{
	CmStatus	why = CM_STATUS_INIT;
	char		allowed[SHOWN_MAX];
	CmKeyAlg	alg;

	if (!cm_key_spki_alg(c->what->cert->spki, &alg, &why))
		cm_template_refused(c, "key_algorithm", "The public key is not acceptable: %s. %s", why.reason, why.detail);
	else if (c->t->key_algs != 0 && (c->t->key_algs & CM_KEY_ALG_BIT(alg)) == 0)
		cm_template_refused(c, "key_algorithm", "Key algorithm %s is not among the allowed ones: %s.",
				alg == CM_KEY_OTHER ? "of another kind" : cm_key_alg_name(alg), cm_key_algs_show(c->t->key_algs, allowed, sizeof(allowed)));
	else
		cm_template_kept(c, "key_algorithm");
}

/* ---- times ---- */

int64_t
cm_span_after(int64_t from, const CmSpan *span)
{
	CmCivil		c = cm_time_to_civil(from);
	int			last;

	c.month += span->months;
	c.year += (c.month - 1) / 12;
	c.month = (c.month - 1) % 12 + 1;
	if (c.month < 1)
	{
		c.month += 12;
		c.year--;
	}
	last = cm_time_days_in_month(c.year, c.month);
	if (c.day > last)
		c.day = last;
	return cm_time_from_civil(&c) + (int64_t) span->days * 86400 + span->seconds;
}

static void
show_seconds(int64_t seconds, char shown[SHOWN_MAX])
{
	if (seconds >= 2 * 86400)
		snprintf(shown, SHOWN_MAX, "%lld days %02d:%02d:%02d", (long long) (seconds / 86400), (int) (seconds % 86400 / 3600), (int) (seconds % 3600 / 60),
				 (int) (seconds % 60));
	else
		snprintf(shown, SHOWN_MAX, "%02d:%02d:%02d", (int) (seconds / 3600), (int) (seconds % 3600 / 60), (int) (seconds % 60));
}

/* notAfter is the last second it is valid in (RFC 5280 4.1.2.5): CAs have issued for 90 days and a second. */
static void
check_lifetime(CmTemplateCheck *c)
{
	const CmCertificate *cert = c->what->cert;
	int64_t		end = cert->not_after + 1;
	char		has[SHOWN_MAX];
	char		bound[SHOWN_MAX];

	show_seconds(end - cert->not_before, has);
	if (c->t->has_max_lifetime && end > cm_span_after(cert->not_before, &c->t->max_lifetime))
	{
		show_seconds(cm_span_after(cert->not_before, &c->t->max_lifetime) - cert->not_before, bound);
		cm_template_refused(c, "lifetime", "The lifetime is %s; at most %s are allowed.", has, bound);
	}
	else if (c->t->has_min_lifetime && end < cm_span_after(cert->not_before, &c->t->min_lifetime))
	{
		show_seconds(cm_span_after(cert->not_before, &c->t->min_lifetime) - cert->not_before, bound);
		cm_template_refused(c, "lifetime", "The lifetime is %s; at least %s must be.", has, bound);
	}
	else
		cm_template_kept(c, "lifetime");
}

/* ---- the whole ---- */

static void
check_ca(CmTemplateCheck *c)
{
	const CmCertificate *cert = c->what->cert;

	if (cert->ca != c->t->ca)
		cm_template_refused(c, "basic_constraints", cert->ca ? "It would be a CA certificate." : "It is not a CA certificate.");
	else if (cert->ca && c->t->path_length >= 0 && (cert->path_length < 0 || cert->path_length > c->t->path_length))
		cm_template_refused(c, "basic_constraints", "The path length is %s; at most %d is allowed.", cert->path_length < 0 ? "not limited" : "too large", c->t->path_length);
	else
		cm_template_kept(c, "basic_constraints");
}

/* What who issues decides: an external CA by itself. */
static void
check_choices(CmTemplateCheck *c)
{
	check_key_usage(c);
	if (!c->stopped)
		check_ext_key_usage(c);
	if (!c->stopped)
		check_lifetime(c);
	if (!c->stopped)
		cm_template_check_extensions(c);
}

bool
cm_template_check(const CmTemplate *t, const CmTemplateCase *what, bool all, CmTemplateReport report, void *arg)
{
	CmTemplateCheck c = {t, what, all, report, arg, true, false};

	check_ca(&c);
	if (!c.stopped)
		check_subject(&c, what->cert->subject);
	if (!c.stopped)
		check_sans(&c, what->sans);
	if (!c.stopped)
		check_key(&c);
	if (!c.stopped && !what->foreign)
		check_choices(&c);
	return c.kept;
}

bool
cm_template_check_choices(const CmTemplate *t, const CmTemplateCase *what, CmTemplateReport report, void *arg)
{
	CmTemplateCheck c = {t, what, false, report, arg, true, false};

	check_choices(&c);
	return c.kept;
}

bool
cm_template_check_names(const CmTemplate *t, CmSlice subject, CmSlice sans, bool all, CmTemplateReport report, void *arg)
{
	CmTemplateCheck c = {t, NULL, all, report, arg, true, false};

	check_subject(&c, subject);
	if (!c.stopped)
		check_sans(&c, sans);
	return c.kept;
}
