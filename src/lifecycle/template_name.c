/*
 * template_name.c - which names a template allows: the columns "subject" and
 * "sans", with their patterns. Backends and engines; memory only, no locks.
 * Throws for what is not valid.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "lib/stringinfo.h"
#include "lifecycle/template_column.h"
#include "lifecycle/template_internal.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pg/own.h"
#include "regex/regex.h"
#include "x509/name.h"

/* As many names as a subscriber may have; what a template says instead is at most this. */
#define NAMES_MAX 1000
/* Attributes of one type in a subject: DC and OU come in several, others once unless said. */
#define ATTRIBUTES_MAX 16

/* ---- regular expressions ---- */

static void
free_regex(void *regex)
{
	pg_regfree(regex);
}

static pg_wchar *
wide(const char *string, size_t len, int *count)
{
	pg_wchar   *out = palloc(sizeof(pg_wchar) * (len + 1));

	*count = pg_encoding_mb2wchar_with_len(PG_UTF8, string, out, (int) len);
	return out;
}

static void *
compile_regex(const char *string, const char *path)
{
	char	   *anchored = psprintf("\\A(?:%s)\\Z", string);
	CmOwn	   *own = cm_own(free_regex);
	regex_t    *regex = palloc0(sizeof(regex_t));
	int			count;
	pg_wchar   *chars = wide(anchored, strlen(anchored), &count);
	int			result = pg_regcomp(regex, chars, count, REG_ADVANCED | REG_NOSUB, C_COLLATION_OID);
	char		message[100];

	if (result != REG_OKAY)
	{
		pg_regerror(result, regex, message, sizeof(message));
		cm_column_refuse(path, "\"%s\" is not a regular expression: %s.", string, message);
	}
	own->object = regex;
	/* With back references matching takes time that grows with powers of the length; without, in proportion to it. */
	if (regex->re_info & REG_UBACKREF)
		cm_column_refuse(path, "\"%s\" has back references, which are not allowed.", string);
	return regex;
}

bool
cm_template_match_regex(void *regex, const char *string, size_t len)
{
	int			count;
	pg_wchar   *chars;
	bool		found;

	HOLD_INTERRUPTS();
	chars = wide(string, len, &count);
	found = pg_regexec(regex, chars, count, 0, NULL, 0, NULL, 0) == REG_OKAY;
	pfree(chars);
	RESUME_INTERRUPTS();
	return found;
}

static void
add_patterns(const CmJson *json, CmPatternKind kind, CmSanType type, const char *path, CmPattern **patterns, int *count)
{
	CmStatus	st = CM_STATUS_INIT;
	int			more;
	char	  **texts = cm_column_strings(json, path, &more);

	*patterns = *patterns == NULL ? palloc(sizeof(CmPattern) * (more + 1)) : repalloc(*patterns, sizeof(CmPattern) * (*count + more + 1));
	for (int i = 0; i < more; i++)
	{
		CmPattern  *pattern = &(*patterns)[(*count)++];

		if (!cm_pattern_compile(kind, type, texts[i], pattern, &st))
			cm_column_refuse_status(path, &st);
		if (kind == CM_PATTERN_REGEX)
			pattern->regex = compile_regex(texts[i], path);
	}
	if (more == 0)
		cm_column_refuse(path, "It is empty, so nothing would match; leave it out.");
}

/* ---- subject ---- */

/* "type=value" with every octet escaped, into the RDN. */
static CmSlice
fixed_rdn(const char *type, const char *value, const char *path)
{
	StringInfoData string;
	CmBuf	   *der = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	CmSlice		name;
	CmDer		rdns;

	initStringInfo(&string);
	appendStringInfo(&string, "%s=", type);
	for (const char *p = value; *p != '\0'; p++)
		appendStringInfo(&string, "\\%02X", (unsigned char) *p);
	if (!cm_name_parse(string.data, der, &st))
		cm_column_refuse(path, "%s", st.detail);
	name = cm_buf_slice(der);
	return cm_der_next(&name, &rdns) ? rdns.content : cm_slice(NULL, 0);
}

static void
subject_member(CmSubjectRule *rule, CmPattern **values, const char *key, const CmJson *value, const char *path)
{
	if (strcmp(key, "required") == 0)
		rule->required = cm_column_bool(value, path);
	else if (strcmp(key, "denied") == 0)
		rule->denied = cm_column_bool(value, path);
	else if (strcmp(key, "max") == 0)
		rule->max = cm_column_int(value, ATTRIBUTES_MAX, path);
	else if (strcmp(key, "fixed") == 0)
	{
		rule->fixed = cm_column_string(value, path);
		rule->fixed_rdn = fixed_rdn(rule->name, rule->fixed, path);
	}
	else if (strcmp(key, "values") == 0)
		add_patterns(value, CM_PATTERN_GLOB, CM_SAN_UNKNOWN, path, values, &rule->value_count);
	else if (strcmp(key, "regex") == 0)
		add_patterns(value, CM_PATTERN_REGEX, CM_SAN_UNKNOWN, path, values, &rule->value_count);
	else
		cm_column_refuse(path, "The key is not known; known are required, denied, fixed, values, regex, max.");
}

static void
subject_rule(CmSubjectRule *rule, const char *name, const CmJson *json)
{
	char	   *path = psprintf("subject.%s", name);
	char		dotted[256];
	CmPattern  *values = NULL;

	if (!cm_name_type_oid(name, dotted, sizeof(dotted)))
		cm_column_refuse(path, "The attribute is not known; known are CN, O, OU, C, L, ST, STREET, DC, UID, serialNumber, emailAddress, givenName, surname, title, "
			"organizationIdentifier and others, and OIDs; \"*\" stands for those without a rule.");
	rule->name = pstrdup(cm_name_type_name(dotted));
	rule->oid = cm_column_oid(dotted, path).content;
	rule->max = strcmp(rule->name, "DC") == 0 || strcmp(rule->name, "OU") == 0 ? ATTRIBUTES_MAX : 1;
	if (cm_json_type(json) == CM_JSON_BOOL)
	{
		rule->denied = !cm_json_bool(json, false);
		return;
	}
	if (cm_json_type(json) != CM_JSON_OBJECT)
		cm_column_refuse(path, "It must be true, false or an object.");
	for (int i = 0; i < cm_json_length(json); i++)
		subject_member(rule, &values, cm_json_key(json, i), cm_json_value(json, i), psprintf("%s.%s", path, cm_json_key(json, i)));
	rule->values = values;
	if (rule->denied && (rule->required || rule->fixed != NULL || values != NULL))
		cm_column_refuse(path, "An attribute that is denied can be neither required nor have values.");
	if (rule->fixed != NULL && values != NULL)
		cm_column_refuse(path, "A value is either fixed or one of several.");
	if (rule->max == 0)
		cm_column_refuse(path, "\"max\" is 0; say \"denied\".");
}

void
cm_template_compile_subject(const CmTemplateRow *row, CmTemplate *t)
{
	const CmJson *json = cm_column_json(row, CM_TEMPLATE_SUBJECT);
	CmSubjectRule *rules;

	cm_column_require(json, CM_JSON_OBJECT, "subject");
	rules = palloc0(sizeof(CmSubjectRule) * (cm_json_length(json) + 1));
	for (int i = 0; i < cm_json_length(json); i++)
	{
		const char *name = cm_json_key(json, i);
		CmSubjectRule *rule = &rules[t->subject_count];

		if (strcmp(name, "*") == 0)
		{
			t->other_attributes = cm_column_bool(cm_json_value(json, i), "subject.*");
			continue;
		}
		subject_rule(rule, name, cm_json_value(json, i));
		for (int k = 0; k < t->subject_count; k++)
		{
			if (cm_slice_equal(rules[k].oid, rule->oid))
				cm_column_refuse(psprintf("subject.%s", name), "There are two rules for attribute %s.", rule->name);
		}
		t->subject_count++;
	}
	t->subject = rules;
}

/* ---- names ---- */

static void
san_member(CmSanRule *rule, CmPattern **patterns, CmSanType type, const char *key, const CmJson *value, const char *path)
{
	CmPatternKind kind;

	if (cm_pattern_kind(key, &kind))
		add_patterns(value, kind, type, path, patterns, &rule->pattern_count);
	else if (strcmp(key, "wildcard") == 0 && type == CM_SAN_DNS)
		rule->wildcard = cm_column_bool(value, path);
	else if (strcmp(key, "min") == 0)
		rule->min = cm_column_int(value, NAMES_MAX, path);
	else if (strcmp(key, "required") == 0)
		rule->min = Max(rule->min, cm_column_bool(value, path) ? 1 : 0);
	else if (strcmp(key, "max") == 0)
		rule->max = cm_column_int(value, NAMES_MAX, path);
	else
		cm_column_refuse(path, "The key is not known; known are exact, suffix, glob, cidr, regex, min, max, required%s.", type == CM_SAN_DNS ? ", wildcard" : "");
}

static void
san_rule(CmSanRule *rule, CmSanType type, const CmJson *json)
{
	char	   *path = psprintf("sans.%s", cm_san_type_name(type));
	CmPattern  *patterns = NULL;

	rule->max = NAMES_MAX;
	if (cm_json_type(json) == CM_JSON_BOOL)
	{
		rule->allowed = cm_json_bool(json, false);
		return;
	}
	if (cm_json_type(json) != CM_JSON_OBJECT)
		cm_column_refuse(path, "It must be true, false or an object.");
	rule->allowed = true;
	for (int i = 0; i < cm_json_length(json); i++)
		san_member(rule, &patterns, type, cm_json_key(json, i), cm_json_value(json, i), psprintf("%s.%s", path, cm_json_key(json, i)));
	rule->patterns = patterns;
	if (rule->min > rule->max)
		cm_column_refuse(path, "\"min\" is above \"max\".");
}

static CmSanType
san_type(const char *name)
{
	for (int type = CM_SAN_UNKNOWN + 1; type < CM_SAN_TYPE_COUNT; type++)
	{
		if (strcmp(cm_san_type_name((CmSanType) type), name) == 0)
			return (CmSanType) type;
	}
	return CM_SAN_UNKNOWN;
}

void
cm_template_compile_sans(const CmTemplateRow *row, CmTemplate *t)
{
	const CmJson *json = cm_column_json(row, CM_TEMPLATE_SANS);

	cm_column_require(json, CM_JSON_OBJECT, "sans");
	t->san_max = NAMES_MAX;
	for (int i = 0; i < cm_json_length(json); i++)
	{
		const char *key = cm_json_key(json, i);
		const CmJson *value = cm_json_value(json, i);
		CmSanType	type = san_type(key);

		if (strcmp(key, "min") == 0)
			t->san_min = Max(t->san_min, cm_column_int(value, NAMES_MAX, "sans.min"));
		else if (strcmp(key, "max") == 0)
			t->san_max = cm_column_int(value, NAMES_MAX, "sans.max");
		else if (strcmp(key, "required") == 0)
			t->san_min = Max(t->san_min, cm_column_bool(value, "sans.required") ? 1 : 0);
		else if (type != CM_SAN_UNKNOWN)
			san_rule(&t->sans[type], type, value);
		else
			cm_column_refuse(psprintf("sans.%s", key), "The key is not known; known are dns, ip, email, uri, dirName, registeredID, upn, srv, permanentIdentifier, "
				"hardwareModuleName, otherName, and min, max, required for all together.");
	}
	if (t->san_min > t->san_max)
		cm_column_refuse("sans", "\"min\" is above \"max\".");
}
