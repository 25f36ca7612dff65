/*
 * template_extension.c - which extensions a template puts in and allows: the
 * columns "policies", "name_constraints", "extensions", "must_staple" and
 * "no_rev_avail". Backends and engines; memory only, no locks. Throws for what is
 * not valid.
 */
#include "postgres.h"

#include "base/encode.h"
#include "lifecycle/template_column.h"
#include "lifecycle/template_internal.h"
#include "pg/own.h"
#include "utils/builtins.h"
#include "x509/certificate_policy.h"
#include "x509/constraint.h"

/* ---- policies, constraints ---- */

void
cm_template_compile_policies(const CmTemplateRow *row, CmTemplate *t)
{
	const CmJson *json = cm_column_json(row, CM_TEMPLATE_POLICIES);
	CmBuf	   *out = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	cm_column_require(json, CM_JSON_ARRAY, "policies");
	for (int i = 0; i < cm_json_length(json); i++)
	{
		const CmJson *one = cm_json_at(json, i);
		char	   *path = psprintf("policies[%d]", i);
		const char *oid = cm_json_type(one) == CM_JSON_STRING ? cm_json_string(one) : cm_json_get_string(one, "oid");

		for (int k = 0; cm_json_type(one) == CM_JSON_OBJECT && k < cm_json_length(one); k++)
		{
			const char *key = cm_json_key(one, k);

			if (strcmp(key, "oid") != 0 && strcmp(key, "cps") != 0 && strcmp(key, "notice") != 0)
				cm_column_refuse(psprintf("%s.%s", path, key), "The key is not known; known are oid, cps, notice.");
			cm_column_require(cm_json_value(one, k), CM_JSON_STRING, psprintf("%s.%s", path, key));
		}
		if (oid == NULL)
			cm_column_refuse(path, "It must be an object identifier, or an object with oid, cps, notice.");
		if (!cm_certificate_policy_put(out, oid, cm_json_get_string(one, "cps"), cm_json_get_string(one, "notice"), &st))
			cm_column_refuse_status(path, &st);
	}
	t->policies = cm_buf_slice(out);
}

void
cm_template_compile_constraints(const CmTemplateRow *row, CmTemplate *t)
{
	const CmJson *json = cm_column_json(row, CM_TEMPLATE_NAME_CONSTRAINTS);
	CmBuf	   *lists[2] = {cm_own_buf(0), cm_own_buf(0)};
	CmBuf	   *out = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	cm_column_require(json, CM_JSON_OBJECT, "name_constraints");
	if (cm_json_length(json) > 0 && !t->ca)
		cm_column_refuse("name_constraints", "They are for CA certificates: say ca => true.");
	for (int i = 0; i < cm_json_length(json); i++)
	{
		const char *key = cm_json_key(json, i);
		char	   *path = psprintf("name_constraints.%s", key);
		int			which = strcmp(key, "permitted") == 0 ? 0 : strcmp(key, "excluded") == 0 ? 1 : -1;
		char	  **texts;
		int			count;

		if (which < 0)
			cm_column_refuse(path, "The key is not known; known are permitted, excluded.");
		texts = cm_column_strings(cm_json_value(json, i), path, &count);
		for (int k = 0; k < count; k++)
		{
			if (!cm_constraint_parse(texts[k], lists[which], &st))
				cm_column_refuse_status(path, &st);
		}
	}
	cm_constraints_put(cm_buf_slice(lists[0]), cm_buf_slice(lists[1]), out);
	t->name_constraints = cm_buf_slice(out);
}

/* ---- extensions ---- */

/* Those that have a field of their own, and which. */
static void
check_reserved(const char *dotted, bool from_request, const char *path)
{
	static const struct
	{
		const char *oid;
		const char *field;
	}			reserved[] = {
		{"2.5.29.19", "ca and path_length"}, {"2.5.29.15", "usages"}, {"2.5.29.37", "usages"}, {"2.5.29.17", "sans"},
		{"2.5.29.32", "policies"}, {"2.5.29.30", "name_constraints"}, {"2.5.29.56", "no_rev_avail"},
		{"2.5.29.14", "nothing (it follows from the key)"}, {"2.5.29.35", "nothing (it follows from the issuer)"},
		{"2.5.29.31", "crl_url of the CA"}, {"2.5.29.46", "crl_url of the CA"}, {"1.3.6.1.5.5.7.1.1", "ca_issuers_url and ocsp_url of the CA"},
		{"1.3.6.1.4.1.11129.2.4.3", "nothing (it makes a precertificate)"},
	};

	for (int i = 0; i < lengthof(reserved); i++)
	{
		if (strcmp(dotted, reserved[i].oid) == 0)
			cm_column_refuse(path, "What the extension says comes from %s.", reserved[i].field);
	}
	/* Requests of web servers ask for must-staple by this. */
	if (strcmp(dotted, "1.3.6.1.5.5.7.1.24") == 0 && !from_request)
		cm_column_refuse(path, "What the extension says comes from must_staple.");
}

static CmSlice
hex_value(const CmJson *json, const char *path)
{
	char	   *hex = cm_column_string(json, path);
	CmBuf	   *value = cm_own_buf(0);
	CmSlice		rest;
	CmDer		v;

	if (!cm_hex_decode(value, hex, strlen(hex)))
		cm_column_refuse(path, "It must be hexadecimal digits.");
	rest = cm_buf_slice(value);
	if (!cm_der_next(&rest, &v) || rest.len != 0)
		cm_column_refuse(path, "It is not one DER value.");
	return cm_buf_slice(value);
}

static void
extension_rule(CmExtensionRule *rule, const char *dotted, const CmJson *json, CmTemplateEntry *out, CmBuf *fixed, CmBuf *oids)
{
	char	   *path = psprintf("extensions.%s", dotted);
	CmDer		oid = cm_column_oid(dotted, path);
	size_t		mark;

	rule->oid = oid.content;
	cm_column_require(json, CM_JSON_OBJECT, path);
	for (int i = 0; i < cm_json_length(json); i++)
	{
		const char *key = cm_json_key(json, i);
		const CmJson *value = cm_json_value(json, i);
		char	   *here = psprintf("%s.%s", path, key);

		if (strcmp(key, "value") == 0)
			rule->value = hex_value(value, here);
		else if (strcmp(key, "critical") == 0)
			rule->critical = cm_column_bool(value, here);
		else if (strcmp(key, "from_request") == 0)
			rule->from_request = cm_column_bool(value, here);
		else
			cm_column_refuse(here, "The key is not known; known are value, critical, from_request.");
	}
	check_reserved(dotted, rule->from_request, path);
	if (rule->from_request == (rule->value.len > 0))
		cm_column_refuse(path, "It must have either \"value\" (DER, hexadecimal) or \"from_request\": true.");
	if (rule->from_request)
	{
		cm_buf_append(oids, oid.whole.data, oid.whole.len);
		return;
	}
	mark = cm_der_open(fixed, CM_DER_SEQUENCE);
	cm_buf_append(fixed, oid.whole.data, oid.whole.len);
	if (rule->critical)
		cm_der_put_bool(fixed, true);
	cm_der_put_slice(fixed, CM_DER_OCTET_STRING, rule->value);
	cm_der_close(fixed, mark);
}

void
cm_template_compile_extensions(const CmTemplateRow *row, CmTemplateEntry *out)
{
	const CmJson *json = cm_column_json(row, CM_TEMPLATE_EXTENSIONS);
	CmTemplate *t = &out->rules;
	CmBuf	   *fixed = cm_own_buf(0);
	CmBuf	   *oids = cm_own_buf(0);
	CmExtensionRule *rules;
	char	   *no_rev_avail = TextDatumGetCString(row->values[CM_TEMPLATE_NO_REV_AVAIL]);

	cm_column_require(json, CM_JSON_OBJECT, "extensions");
	rules = palloc0(sizeof(CmExtensionRule) * (cm_json_length(json) + 1));
	for (int i = 0; i < cm_json_length(json); i++)
		extension_rule(&rules[t->extension_count++], cm_json_key(json, i), cm_json_value(json, i), out, fixed, oids);
	t->extensions = rules;
	out->fixed_extensions = cm_buf_slice(fixed);
	out->request_oids = cm_buf_slice(oids);
	t->must_staple = DatumGetBool(row->values[CM_TEMPLATE_MUST_STAPLE]);
	t->no_rev_avail = strcmp(no_rev_avail, "always") == 0 ? CM_NO_REV_AVAIL_ALWAYS :
		strcmp(no_rev_avail, "never") == 0 ? CM_NO_REV_AVAIL_NEVER : CM_NO_REV_AVAIL_AUTO;
	if (t->no_rev_avail == CM_NO_REV_AVAIL_ALWAYS && t->must_staple)
		cm_column_refuse("must_staple", "There is no OCSP answer to staple for a certificate that is never revoked (no_rev_avail).");
	if (t->no_rev_avail == CM_NO_REV_AVAIL_ALWAYS && t->ca)
		cm_column_refuse("no_rev_avail", "The certificate of a CA must be revocable.");
}
