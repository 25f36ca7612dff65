/*
 * template_extension.c - what a template says of extensions; see template.h.
 * Runs in backends and the worker, on each certificate; allocates nothing.
 * Deny by default.
 */
#include "x509/template_internal.h"

#include <stdio.h>

/* RFC 9608 is for certificates that end before anybody would look whether they were revoked. */
#define NO_REV_AVAIL_MAX 86400

const CmExtensionRule *
cm_template_extension(const CmTemplate *t, CmSlice oid)
{
	int			i;

	for (i = 0; i < t->extension_count; i++)
	{
		if (cm_slice_equal(t->extensions[i].oid, oid))
			return &t->extensions[i];
	}
	return NULL;
}

/* Those that say what other rules judge, or that follow from issuer and key. */
static bool
is_ordinary(CmSlice oid)
{
	static const uint8_t arcs[] = {19, 15, 37, 14, 35, 17, 31, 46};
	size_t		i;

	if (cm_slice_equal(oid, cm_slice("\x2b\x06\x01\x05\x05\x07\x01\x01", 8)))
		return true;			/* authorityInfoAccess */
	if (oid.len != 3 || oid.data[0] != 0x55 || oid.data[1] != 0x1d)
		return false;
	for (i = 0; i < sizeof(arcs); i++)
	{
		if (oid.data[2] == arcs[i])
			return true;
	}
	return false;
}

bool
cm_template_no_rev_avail(const CmTemplate *t, int64_t not_before, int64_t not_after)
{
	if (t->no_rev_avail == CM_NO_REV_AVAIL_AUTO)
		return !t->ca && !t->must_staple && not_after - not_before < NO_REV_AVAIL_MAX;
	return t->no_rev_avail == CM_NO_REV_AVAIL_ALWAYS;
}

/* The extensions that a field of the template stands for: present with exactly this value, or not. */
typedef struct Special
{
	const char *rule;
	CmSlice		oid;
	CmSlice		value;			/* content of extnValue; empty: must not be there */
	bool		sequence;		/* value is the content of a SEQUENCE */
	bool		optional;		/* where the template does not ask for it an external CA may put it in */
	bool		seen;
} Special;

static bool
special_matches(const Special *special, CmSlice value)
{
	CmDer		list;

	if (!special->sequence)
		return cm_slice_equal(value, special->value);
	return cm_der_expect(&value, CM_DER_SEQUENCE, &list) && value.len == 0 && cm_slice_equal(list.content, special->value);
}

static void
check_extension(CmTemplateCheck *c, const CmExtension *ext, Special *specials, int count)
{
	const CmExtensionRule *rule = cm_template_extension(c->t, ext->oid);
	char		dotted[SHOWN_MAX];
	char		name[RULE_MAX];
	int			i;

	if (is_ordinary(ext->oid))
		return;
	for (i = 0; i < count; i++)
	{
		if (!cm_slice_equal(specials[i].oid, ext->oid) || (rule != NULL && specials[i].value.len == 0))
			continue;
		specials[i].seen = true;
		if (c->what->foreign && specials[i].optional)
			return;
		cm_template_judge(c, specials[i].rule, specials[i].value.len == 0 ? "It is there, and must not be." :
			  special_matches(&specials[i], ext->value) ? NULL : "It is not what the template says.");
		return;
	}
	if (!cm_der_oid_text(ext->oid, dotted, sizeof(dotted)))
		snprintf(dotted, sizeof(dotted), "(unreadable)");
	snprintf(name, sizeof(name), "extension %s", dotted);
	if (rule == NULL && c->what->foreign && !ext->critical)
		return;
	if (rule == NULL)
		cm_template_refused(c, name, "Extension %s%s is not among the allowed ones.", dotted, ext->critical ? " (critical)" : "");
	else if (rule->critical != ext->critical)
		cm_template_refused(c, name, "Extension %s is %scritical.", dotted, ext->critical ? "" : "not ");
	else if (!rule->from_request && !cm_slice_equal(rule->value, ext->value))
		cm_template_refused(c, name, "Extension %s has not the value that the template says.", dotted);
	else
		cm_template_kept(c, name);
}

void
cm_template_check_extensions(CmTemplateCheck *c)
{
	const CmCertificate *cert = c->what->cert;
	bool		no_rev_avail = c->what->foreign ? c->t->no_rev_avail == CM_NO_REV_AVAIL_ALWAYS : cm_template_no_rev_avail(c->t, cert->not_before, cert->not_after);
	Special		specials[] = {
		{"certificate_policies", cm_slice("\x55\x1d\x20", 3), c->t->policies, true, c->t->policies.len == 0, false},
		{"name_constraints", cm_slice("\x55\x1d\x1e", 3), c->t->name_constraints, true, false, false},
		{"must_staple", cm_slice("\x2b\x06\x01\x05\x05\x07\x01\x18", 8), cm_slice("\x30\x03\x02\x01\x05", c->t->must_staple ? 5 : 0), false, false, false},
		{"no_rev_avail", cm_slice("\x55\x1d\x38", 3), cm_slice("\x05\x00", no_rev_avail ? 2 : 0), false, !no_rev_avail, false},
	};
	int			count = sizeof(specials) / sizeof(specials[0]);
	CmSlice		rest = cert->extensions;
	CmExtension ext;
	int			i;

	while (!c->stopped && cm_extension_next(&rest, &ext))
		check_extension(c, &ext, specials, count);
	for (i = 0; !c->stopped && i < count; i++)
	{
		if (!specials[i].seen && specials[i].value.len > 0)
			cm_template_refused(c, specials[i].rule, "It is missing.");
	}
	for (i = 0; !c->stopped && i < c->t->extension_count; i++)
	{
		char		dotted[SHOWN_MAX];
		char		name[RULE_MAX];
		bool		found = c->t->extensions[i].from_request;

		rest = cert->extensions;
		while (!found && cm_extension_next(&rest, &ext))
			found = cm_slice_equal(ext.oid, c->t->extensions[i].oid);
		if (found || !cm_der_oid_text(c->t->extensions[i].oid, dotted, sizeof(dotted)))
			continue;
		snprintf(name, sizeof(name), "extension %s", dotted);
		cm_template_refused(c, name, "Extension %s is missing.", dotted);
	}
}
