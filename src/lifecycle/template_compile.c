/*
 * template_compile.c - a row of certmgr.template into the rules that
 * x509/template.c checks by.
 *
 * Runs in backends (when a template is written, so that nothing wrong is
 * stored) and in every process that loads one. Everything goes into the current memory
 * context. Throws ERRCODE_INVALID_PARAMETER_VALUE; the message names column
 * and key.
 */
#include "postgres.h"

#include "base/encode.h"
#include "catalog/pg_collation.h"
#include "lifecycle/template.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pg/error.h"
#include "pg/interval.h"
#include "pg/json.h"
#include "pg/own.h"
#include "pg/query.h"
#include "regex/regex.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "x509/certificate_policy.h"
#include "x509/constraint.h"
#include "x509/name.h"
#include "x509/usage.h"

/* A rule set larger than this is a mistake: 1 MiB holds some 20,000 host names. */
#define RULES_MAX (1024 * 1024)
/* As many names as a subscriber may have; what a template says instead is at most this. */
#define NAMES_MAX 1000
/* Attributes of one type in a subject: DC and OU come in several, others once unless said. */
#define ATTRIBUTES_MAX 16
#define PATH_LENGTH_MAX 255		/* chains have less than ten certificates */
#define DETAIL_MAX 512

static void bad(const char *path, const char *fmt,...) pg_attribute_noreturn() pg_attribute_printf(2, 3);

static void
bad(const char *path, const char *fmt,...)
{
	char		detail[DETAIL_MAX];
	va_list		args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for \"%s\" of a template", path),
			 errdetail("%s", detail)));
	pg_unreachable();
}

static void
bad_status(const char *path, const CmStatus *st)
{
	bad(path, "%s%s%s", st->reason, st->detail[0] ? ": " : ".", st->detail);
}

/* ---- JSON ---- */

static const CmJson *
json_of(const CmTemplateRow *row, CmTemplateColumn column)
{
	Jsonb	   *jsonb = DatumGetJsonbP(row->values[column]);
	char	   *string = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
	char	   *utf8 = pg_server_to_any(string, strlen(string), PG_UTF8);
	CmStatus	st = CM_STATUS_INIT;
	CmJson	   *json = cm_json_parse(cm_slice(utf8, strlen(utf8)), RULES_MAX, &st);

	if (json == NULL)
		bad_status(cm_template_column_name(column), &st);
	return json;
}

static void
require_type(const CmJson *json, CmJsonType type, const char *path)
{
	static const char *const names[] = {"null", "true or false", "a number", "a string", "an array", "an object"};

	if (cm_json_type(json) != type)
		bad(path, "It must be %s.", names[type]);
}

static bool
bool_of(const CmJson *json, const char *path)
{
	require_type(json, CM_JSON_BOOL, path);
	return cm_json_bool(json, false);
}

static int
int_of(const CmJson *json, int max, const char *path)
{
	const char *string = cm_json_string(json);
	char	   *end;
	long		value;

	require_type(json, CM_JSON_NUMBER, path);
	value = strtol(string, &end, 10);
	if (*end != '\0' || value < 0 || value > max)
		bad(path, "It must be a whole number from 0 to %d.", max);
	return (int) value;
}

static char *
string_of(const CmJson *json, const char *path)
{
	require_type(json, CM_JSON_STRING, path);
	return pstrdup(cm_json_string(json));
}

/* A string, or an array of them. */
static char **
strings_of(const CmJson *json, const char *path, int *count)
{
	char	  **strings;

	if (cm_json_type(json) == CM_JSON_STRING)
	{
		strings = palloc(sizeof(char *));
		strings[0] = string_of(json, path);
		*count = 1;
		return strings;
	}
	if (cm_json_type(json) != CM_JSON_ARRAY)
		bad(path, "It must be a string or an array of strings.");
	*count = cm_json_length(json);
	strings = palloc(sizeof(char *) * (*count + 1));
	for (int i = 0; i < *count; i++)
		strings[i] = string_of(cm_json_at(json, i), psprintf("%s[%d]", path, i));
	return strings;
}

static CmSlice
slice_of(const CmBuf *buf)
{
	return cm_slice(buf->data, buf->len);
}

/* The OID's value, whole; its content behind the header. */
static CmSlice
oid_of(const char *dotted, const char *path)
{
	CmBuf	   *oid = cm_own_buf(0);

	if (!cm_der_put_oid(oid, dotted))
		bad(path, "\"%s\" is not an object identifier.", dotted);
	return slice_of(oid);
}

static CmSlice
content_of(CmSlice whole)
{
	CmDer		v;

	return cm_der_next(&whole, &v) ? v.content : cm_slice(NULL, 0);
}

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
		bad(path, "\"%s\" is not a regular expression: %s.", string, message);
	}
	own->object = regex;
	/* With back references matching takes time that grows with powers of the length; without, in proportion to it. */
	if (regex->re_info & REG_UBACKREF)
		bad(path, "\"%s\" has back references, which are not allowed.", string);
	return regex;
}

/* For x509/pattern.c, which holds malloc'ed memory: nothing may be thrown. What cannot be decided does not match. */
static bool
match_regex(void *regex, const char *string, size_t len)
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
	char	  **texts = strings_of(json, path, &more);

	*patterns = *patterns == NULL ? palloc(sizeof(CmPattern) * (more + 1)) : repalloc(*patterns, sizeof(CmPattern) * (*count + more + 1));
	for (int i = 0; i < more; i++)
	{
		CmPattern  *pattern = &(*patterns)[(*count)++];

		if (!cm_pattern_compile(kind, type, texts[i], pattern, &st))
			bad_status(path, &st);
		if (kind == CM_PATTERN_REGEX)
			pattern->regex = compile_regex(texts[i], path);
	}
	if (more == 0)
		bad(path, "It is empty, so nothing would match; leave it out.");
}

/* ---- subject ---- */

/* "type=value" with every octet escaped, into the RDN. */
static CmSlice
fixed_rdn(const char *type, const char *value, const char *path)
{
	StringInfoData string;
	CmBuf	   *der = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	initStringInfo(&string);
	appendStringInfo(&string, "%s=", type);
	for (const char *p = value; *p != '\0'; p++)
		appendStringInfo(&string, "\\%02X", (unsigned char) *p);
	if (!cm_name_parse(string.data, der, &st))
		bad(path, "%s", st.detail);
	return content_of(slice_of(der));
}

static void
subject_member(CmSubjectRule *rule, CmPattern **values, const char *key, const CmJson *value, const char *path)
{
	if (strcmp(key, "required") == 0)
		rule->required = bool_of(value, path);
	else if (strcmp(key, "denied") == 0)
		rule->denied = bool_of(value, path);
	else if (strcmp(key, "max") == 0)
		rule->max = int_of(value, ATTRIBUTES_MAX, path);
	else if (strcmp(key, "fixed") == 0)
	{
		rule->fixed = string_of(value, path);
		rule->fixed_rdn = fixed_rdn(rule->name, rule->fixed, path);
	}
	else if (strcmp(key, "values") == 0)
		add_patterns(value, CM_PATTERN_GLOB, CM_SAN_UNKNOWN, path, values, &rule->value_count);
	else if (strcmp(key, "regex") == 0)
		add_patterns(value, CM_PATTERN_REGEX, CM_SAN_UNKNOWN, path, values, &rule->value_count);
	else
		bad(path, "The key is not known; known are required, denied, fixed, values, regex, max.");
}

static void
subject_rule(CmSubjectRule *rule, const char *name, const CmJson *json)
{
	char	   *path = psprintf("subject.%s", name);
	char		dotted[256];
	CmPattern  *values = NULL;

	if (!cm_name_type_oid(name, dotted, sizeof(dotted)))
		bad(path, "The attribute is not known; known are CN, O, OU, C, L, ST, STREET, DC, UID, serialNumber, emailAddress, givenName, surname, title, "
			"organizationIdentifier and others, and OIDs; \"*\" stands for those without a rule.");
	rule->name = pstrdup(cm_name_type_name(dotted));
	rule->oid = content_of(oid_of(dotted, path));
	rule->max = strcmp(rule->name, "DC") == 0 || strcmp(rule->name, "OU") == 0 ? ATTRIBUTES_MAX : 1;
	if (cm_json_type(json) == CM_JSON_BOOL)
	{
		rule->denied = !cm_json_bool(json, false);
		return;
	}
	if (cm_json_type(json) != CM_JSON_OBJECT)
		bad(path, "It must be true, false or an object.");
	for (int i = 0; i < cm_json_length(json); i++)
		subject_member(rule, &values, cm_json_key(json, i), cm_json_value(json, i), psprintf("%s.%s", path, cm_json_key(json, i)));
	rule->values = values;
	if (rule->denied && (rule->required || rule->fixed != NULL || values != NULL))
		bad(path, "An attribute that is denied can be neither required nor have values.");
	if (rule->fixed != NULL && values != NULL)
		bad(path, "A value is either fixed or one of several.");
	if (rule->max == 0)
		bad(path, "\"max\" is 0; say \"denied\".");
}

static void
compile_subject(const CmTemplateRow *row, CmTemplate *t)
{
	const CmJson *json = json_of(row, CM_TEMPLATE_SUBJECT);
	CmSubjectRule *rules;

	require_type(json, CM_JSON_OBJECT, "subject");
	rules = palloc0(sizeof(CmSubjectRule) * (cm_json_length(json) + 1));
	for (int i = 0; i < cm_json_length(json); i++)
	{
		const char *name = cm_json_key(json, i);
		CmSubjectRule *rule = &rules[t->subject_count];

		if (strcmp(name, "*") == 0)
		{
			t->other_attributes = bool_of(cm_json_value(json, i), "subject.*");
			continue;
		}
		subject_rule(rule, name, cm_json_value(json, i));
		for (int k = 0; k < t->subject_count; k++)
		{
			if (cm_slice_equal(rules[k].oid, rule->oid))
				bad(psprintf("subject.%s", name), "There are two rules for attribute %s.", rule->name);
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
		rule->wildcard = bool_of(value, path);
	else if (strcmp(key, "min") == 0)
		rule->min = int_of(value, NAMES_MAX, path);
	else if (strcmp(key, "required") == 0)
		rule->min = Max(rule->min, bool_of(value, path) ? 1 : 0);
	else if (strcmp(key, "max") == 0)
		rule->max = int_of(value, NAMES_MAX, path);
	else
		bad(path, "The key is not known; known are exact, suffix, glob, cidr, regex, min, max, required%s.", type == CM_SAN_DNS ? ", wildcard" : "");
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
		bad(path, "It must be true, false or an object.");
	rule->allowed = true;
	for (int i = 0; i < cm_json_length(json); i++)
		san_member(rule, &patterns, type, cm_json_key(json, i), cm_json_value(json, i), psprintf("%s.%s", path, cm_json_key(json, i)));
	rule->patterns = patterns;
	if (rule->min > rule->max)
		bad(path, "\"min\" is above \"max\".");
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

static void
compile_sans(const CmTemplateRow *row, CmTemplate *t)
{
	const CmJson *json = json_of(row, CM_TEMPLATE_SANS);

	require_type(json, CM_JSON_OBJECT, "sans");
	t->san_max = NAMES_MAX;
	for (int i = 0; i < cm_json_length(json); i++)
	{
		const char *key = cm_json_key(json, i);
		const CmJson *value = cm_json_value(json, i);
		CmSanType	type = san_type(key);

		if (strcmp(key, "min") == 0)
			t->san_min = Max(t->san_min, int_of(value, NAMES_MAX, "sans.min"));
		else if (strcmp(key, "max") == 0)
			t->san_max = int_of(value, NAMES_MAX, "sans.max");
		else if (strcmp(key, "required") == 0)
			t->san_min = Max(t->san_min, bool_of(value, "sans.required") ? 1 : 0);
		else if (type != CM_SAN_UNKNOWN)
			san_rule(&t->sans[type], type, value);
		else
			bad(psprintf("sans.%s", key), "The key is not known; known are dns, ip, email, uri, dirName, registeredID, upn, srv, permanentIdentifier, "
				"hardwareModuleName, otherName, and min, max, required for all together.");
	}
	if (t->san_min > t->san_max)
		bad("sans", "\"min\" is above \"max\".");
}

/* ---- usages, keys, times ---- */

static void
usages_of(const CmTemplateRow *row, CmTemplateColumn column, uint32_t *key_usage, CmBuf *ext_key_usage)
{
	CmStatus	st = CM_STATUS_INIT;
	int			count;
	char	  **usages = cm_text_array(row->values[column], &count);

	for (int i = 0; i < count; i++)
	{
		if (!cm_usage_parse(usages[i], key_usage, ext_key_usage, &st))
			bad_status(cm_template_column_name(column), &st);
	}
}

static void
add_oids(CmBuf *set, CmSlice more)
{
	CmDer		oid;

	while (cm_der_next(&more, &oid))
	{
		CmSlice		rest = slice_of(set);
		CmDer		there;
		bool		found = false;

		while (!found && cm_der_next(&rest, &there))
			found = cm_slice_equal(there.whole, oid.whole);
		if (!found)
			cm_buf_append(set, oid.whole.data, oid.whole.len);
	}
}

static void
check_within(const char *column, uint32_t key_usage, CmSlice ext_key_usage, const CmTemplate *t)
{
	CmDer		oid;

	if (key_usage & ~t->key_usage)
		bad(column, "It holds a key usage that is not in \"allowed_usages\".");
	while (cm_der_next(&ext_key_usage, &oid))
	{
		CmSlice		rest = t->ext_key_usage;
		CmDer		there;
		bool		found = false;

		while (!found && cm_der_next(&rest, &there))
			found = cm_slice_equal(there.whole, oid.whole);
		if (!found)
			bad(column, "It holds an extended key usage that is not in \"allowed_usages\".");
	}
}

static void
compile_usages(const CmTemplateRow *row, CmTemplateEntry *out)
{
	CmTemplate *t = &out->rules;
	CmBuf	   *usual = cm_own_buf(0);
	CmBuf	   *required = cm_own_buf(0);
	CmBuf	   *allowed = cm_own_buf(0);

	usages_of(row, CM_TEMPLATE_USAGES, &out->key_usage, usual);
	usages_of(row, CM_TEMPLATE_REQUIRED_USAGES, &t->required_key_usage, required);
	/* What is required is part of every certificate. */
	out->key_usage |= t->required_key_usage;
	add_oids(usual, slice_of(required));
	if (row->nulls[CM_TEMPLATE_ALLOWED_USAGES])
	{
		t->key_usage = out->key_usage;
		add_oids(allowed, slice_of(usual));
	}
	else
		usages_of(row, CM_TEMPLATE_ALLOWED_USAGES, &t->key_usage, allowed);
	t->ext_key_usage = slice_of(allowed);
	t->required_ext_key_usage = slice_of(required);
	out->ext_key_usage = slice_of(usual);
	check_within("usages", out->key_usage, out->ext_key_usage, t);
	t->ext_key_usage_critical = DatumGetBool(row->values[CM_TEMPLATE_CRITICAL_USAGES]);
	if (out->key_usage == 0 && out->ext_key_usage.len == 0)
		bad("usages", "It is empty: a certificate without usages may be used for everything.");
	if (t->ext_key_usage_critical && t->ext_key_usage.len == 0)
		bad("critical_usages", "There is no extended key usage that could be critical.");
	if (!t->ca && (t->key_usage & (CM_KU_KEY_CERT_SIGN | CM_KU_CRL_SIGN)))
		bad("usages", "keyCertSign and cRLSign are for CA certificates: say ca => true.");
	if (t->ca && !(out->key_usage & CM_KU_KEY_CERT_SIGN))
		bad("usages", "A CA certificate needs keyCertSign.");
}

static void
append_name(const char *name, void *arg)
{
	char	 ***next = arg;

	*(*next)++ = pstrdup(name);
}

static Datum
usages_text(uint32_t key_usage, CmSlice ext_key_usage)
{
	/* Nine key usages, and an OID has three octets at least. */
	char	  **names = palloc(sizeof(char *) * (ext_key_usage.len / 3 + 10));
	char	  **next = names;

	cm_usage_each(key_usage, ext_key_usage, append_name, &next);
	return cm_datum_text_array(names, (int) (next - names));
}

static void
compile_keys(const CmTemplateRow *row, CmTemplateEntry *out)
{
	CmStatus	st = CM_STATUS_INIT;
	int			count;
	char	  **names;

	out->key_alg = CM_KEY_EC_P256;
	if (row->nulls[CM_TEMPLATE_KEY_ALGORITHMS])
		return;
	names = cm_text_array(row->values[CM_TEMPLATE_KEY_ALGORITHMS], &count);
	for (int i = 0; i < count; i++)
	{
		CmKeyAlg	alg;

		if (!cm_key_alg_parse(names[i], &alg, &st))
			bad_status("key_algorithms", &st);
		out->rules.key_algs |= CM_KEY_ALG_BIT(alg);
		if (i == 0)
			out->key_alg = alg;
	}
}

static CmSpan
span_of(const CmTemplateRow *row, CmTemplateColumn column)
{
	Interval   *interval = DatumGetIntervalP(row->values[column]);
	CmSpan		span = {interval->month, interval->day, interval->time / USECS_PER_SEC};

	/* A century: what is longer is a mistake, and years behind 9999 no certificate can say. */
	if (abs(span.months) > 1200 || abs(span.days) > 36525 || span.seconds > INT64CONST(36525) * 86400 || span.seconds < 0)
		bad(cm_template_column_name(column), "It must be between zero and 100 years.");
	return span;
}

static void
compile_times(const CmTemplateRow *row, CmTemplateEntry *out)
{
	CmTemplate *t = &out->rules;
	int64_t		now = timestamptz_to_time_t(GetCurrentTimestamp());
	CmSpan		lifetime = span_of(row, CM_TEMPLATE_LIFETIME);
	CmSpan		backdate = span_of(row, CM_TEMPLATE_BACKDATE);
	int64_t		end = cm_span_after(now, &lifetime);

	if (end <= now)
		bad("lifetime", "It must be above zero.");
	if (cm_span_after(now, &backdate) < now)
		bad("backdate", "It must not be below zero.");
	t->has_min_lifetime = !row->nulls[CM_TEMPLATE_MIN_LIFETIME];
	if (t->has_min_lifetime)
		t->min_lifetime = span_of(row, CM_TEMPLATE_MIN_LIFETIME);
	t->has_max_lifetime = !row->nulls[CM_TEMPLATE_MAX_LIFETIME];
	if (t->has_max_lifetime)
		t->max_lifetime = span_of(row, CM_TEMPLATE_MAX_LIFETIME);
	if (t->has_max_lifetime && end > cm_span_after(now, &t->max_lifetime))
		bad("lifetime", "It is above \"max_lifetime\".");
	if (t->has_min_lifetime && end < cm_span_after(now, &t->min_lifetime))
		bad("lifetime", "It is below \"min_lifetime\".");
	out->lifetime = *DatumGetIntervalP(row->values[CM_TEMPLATE_LIFETIME]);
	out->backdate = *DatumGetIntervalP(row->values[CM_TEMPLATE_BACKDATE]);
	out->clamp = strcmp(TextDatumGetCString(row->values[CM_TEMPLATE_OUTLIVES_ISSUER]), "clamp") == 0;
}

/* ---- CA, policies, constraints ---- */

static void
compile_ca(const CmTemplateRow *row, CmTemplate *t)
{
	t->ca = DatumGetBool(row->values[CM_TEMPLATE_CA]);
	t->path_length = -1;
	if (row->nulls[CM_TEMPLATE_PATH_LENGTH])
		return;
	if (!t->ca)
		bad("path_length", "It is for CA certificates: say ca => true.");
	t->path_length = DatumGetInt32(row->values[CM_TEMPLATE_PATH_LENGTH]);
	if (t->path_length < 0 || t->path_length > PATH_LENGTH_MAX)
		bad("path_length", "It must be from 0 to %d.", PATH_LENGTH_MAX);
}

static void
compile_policies(const CmTemplateRow *row, CmTemplate *t)
{
	const CmJson *json = json_of(row, CM_TEMPLATE_POLICIES);
	CmBuf	   *out = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	require_type(json, CM_JSON_ARRAY, "policies");
	for (int i = 0; i < cm_json_length(json); i++)
	{
		const CmJson *one = cm_json_at(json, i);
		char	   *path = psprintf("policies[%d]", i);
		const char *oid = cm_json_type(one) == CM_JSON_STRING ? cm_json_string(one) : cm_json_get_string(one, "oid");

		for (int k = 0; cm_json_type(one) == CM_JSON_OBJECT && k < cm_json_length(one); k++)
		{
			const char *key = cm_json_key(one, k);

			if (strcmp(key, "oid") != 0 && strcmp(key, "cps") != 0 && strcmp(key, "notice") != 0)
				bad(psprintf("%s.%s", path, key), "The key is not known; known are oid, cps, notice.");
			require_type(cm_json_value(one, k), CM_JSON_STRING, psprintf("%s.%s", path, key));
		}
		if (oid == NULL)
			bad(path, "It must be an object identifier, or an object with oid, cps, notice.");
		if (!cm_certificate_policy_put(out, oid, cm_json_get_string(one, "cps"), cm_json_get_string(one, "notice"), &st))
			bad_status(path, &st);
	}
	t->policies = slice_of(out);
}

static void
compile_constraints(const CmTemplateRow *row, CmTemplate *t)
{
	const CmJson *json = json_of(row, CM_TEMPLATE_NAME_CONSTRAINTS);
	CmBuf	   *lists[2] = {cm_own_buf(0), cm_own_buf(0)};
	CmBuf	   *out = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	require_type(json, CM_JSON_OBJECT, "name_constraints");
	if (cm_json_length(json) > 0 && !t->ca)
		bad("name_constraints", "They are for CA certificates: say ca => true.");
	for (int i = 0; i < cm_json_length(json); i++)
	{
		const char *key = cm_json_key(json, i);
		char	   *path = psprintf("name_constraints.%s", key);
		int			which = strcmp(key, "permitted") == 0 ? 0 : strcmp(key, "excluded") == 0 ? 1 : -1;
		char	  **texts;
		int			count;

		if (which < 0)
			bad(path, "The key is not known; known are permitted, excluded.");
		texts = strings_of(cm_json_value(json, i), path, &count);
		for (int k = 0; k < count; k++)
		{
			if (!cm_constraint_parse(texts[k], lists[which], &st))
				bad_status(path, &st);
		}
	}
	cm_constraints_put(slice_of(lists[0]), slice_of(lists[1]), out);
	t->name_constraints = slice_of(out);
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
			bad(path, "What the extension says comes from %s.", reserved[i].field);
	}
	/* Requests of web servers ask for must-staple by this. */
	if (strcmp(dotted, "1.3.6.1.5.5.7.1.24") == 0 && !from_request)
		bad(path, "What the extension says comes from must_staple.");
}

static CmSlice
hex_value(const CmJson *json, const char *path)
{
	char	   *hex = string_of(json, path);
	CmBuf	   *value = cm_own_buf(0);
	CmSlice		rest;
	CmDer		v;

	if (!cm_hex_decode(value, hex, strlen(hex)))
		bad(path, "It must be hexadecimal digits.");
	rest = slice_of(value);
	if (!cm_der_next(&rest, &v) || rest.len != 0)
		bad(path, "It is not one DER value.");
	return slice_of(value);
}

static void
extension_rule(CmExtensionRule *rule, const char *dotted, const CmJson *json, CmTemplateEntry *out, CmBuf *fixed, CmBuf *oids)
{
	char	   *path = psprintf("extensions.%s", dotted);
	CmSlice		oid = oid_of(dotted, path);
	size_t		mark;

	rule->oid = content_of(oid);
	require_type(json, CM_JSON_OBJECT, path);
	for (int i = 0; i < cm_json_length(json); i++)
	{
		const char *key = cm_json_key(json, i);
		const CmJson *value = cm_json_value(json, i);
		char	   *here = psprintf("%s.%s", path, key);

		if (strcmp(key, "value") == 0)
			rule->value = hex_value(value, here);
		else if (strcmp(key, "critical") == 0)
			rule->critical = bool_of(value, here);
		else if (strcmp(key, "from_request") == 0)
			rule->from_request = bool_of(value, here);
		else
			bad(here, "The key is not known; known are value, critical, from_request.");
	}
	check_reserved(dotted, rule->from_request, path);
	if (rule->from_request == (rule->value.len > 0))
		bad(path, "It must have either \"value\" (DER, hexadecimal) or \"from_request\": true.");
	if (rule->from_request)
	{
		cm_buf_append(oids, oid.data, oid.len);
		return;
	}
	mark = cm_der_open(fixed, CM_DER_SEQUENCE);
	cm_buf_append(fixed, oid.data, oid.len);
	if (rule->critical)
		cm_der_put_bool(fixed, true);
	cm_der_put_slice(fixed, CM_DER_OCTET_STRING, rule->value);
	cm_der_close(fixed, mark);
}

static void
compile_extensions(const CmTemplateRow *row, CmTemplateEntry *out)
{
	const CmJson *json = json_of(row, CM_TEMPLATE_EXTENSIONS);
	CmTemplate *t = &out->rules;
	CmBuf	   *fixed = cm_own_buf(0);
	CmBuf	   *oids = cm_own_buf(0);
	CmExtensionRule *rules;
	char	   *no_rev_avail = TextDatumGetCString(row->values[CM_TEMPLATE_NO_REV_AVAIL]);

	require_type(json, CM_JSON_OBJECT, "extensions");
	rules = palloc0(sizeof(CmExtensionRule) * (cm_json_length(json) + 1));
	for (int i = 0; i < cm_json_length(json); i++)
		extension_rule(&rules[t->extension_count++], cm_json_key(json, i), cm_json_value(json, i), out, fixed, oids);
	t->extensions = rules;
	out->fixed_extensions = slice_of(fixed);
	out->request_oids = slice_of(oids);
	t->must_staple = DatumGetBool(row->values[CM_TEMPLATE_MUST_STAPLE]);
	t->no_rev_avail = strcmp(no_rev_avail, "always") == 0 ? CM_NO_REV_AVAIL_ALWAYS :
		strcmp(no_rev_avail, "never") == 0 ? CM_NO_REV_AVAIL_NEVER : CM_NO_REV_AVAIL_AUTO;
	if (t->no_rev_avail == CM_NO_REV_AVAIL_ALWAYS && t->must_staple)
		bad("must_staple", "There is no OCSP answer to staple for a certificate that is never revoked (no_rev_avail).");
	if (t->no_rev_avail == CM_NO_REV_AVAIL_ALWAYS && t->ca)
		bad("no_rev_avail", "The certificate of a CA must be revocable.");
}

/* ---- the whole ---- */

static void
check_choice(const CmTemplateRow *row, CmTemplateColumn column, const char *const *choices)
{
	char	   *value = TextDatumGetCString(row->values[column]);

	for (int i = 0; choices[i] != NULL; i++)
	{
		if (strcmp(value, choices[i]) == 0)
			return;
	}
	bad(cm_template_column_name(column), "\"%s\" is none of %s, %s%s%s.", value, choices[0], choices[1], choices[2] ? ", " : "", choices[2] ? choices[2] : "");
}

static char *
text_of(const CmTemplateRow *row, CmTemplateColumn column)
{
	return row->nulls[column] ? NULL : TextDatumGetCString(row->values[column]);
}

void
cm_template_compile(const CmTemplateRow *row, CmTemplateEntry *out)
{
	static const char *const outlives[] = {"refuse", "clamp", NULL};
	static const char *const no_rev_avail[] = {"auto", "always", "never", NULL};
	static const char *const lint[] = {"off", "warn", "refuse", NULL};
	static const char *const external[] = {"warn", "refuse", NULL};

	check_choice(row, CM_TEMPLATE_OUTLIVES_ISSUER, outlives);
	check_choice(row, CM_TEMPLATE_NO_REV_AVAIL, no_rev_avail);
	check_choice(row, CM_TEMPLATE_LINT, lint);
	check_choice(row, CM_TEMPLATE_EXTERNAL, external);
	memset(out, 0, sizeof(*out));
	out->id = row->id;
	out->name = text_of(row, CM_TEMPLATE_NAME);
	out->rules.name = out->name;
	out->rules.regex = match_regex;
	compile_ca(row, &out->rules);
	compile_subject(row, &out->rules);
	compile_sans(row, &out->rules);
	compile_usages(row, out);
	out->usages_text = usages_text(out->key_usage, out->ext_key_usage);
	compile_keys(row, out);
	compile_times(row, out);
	compile_policies(row, &out->rules);
	compile_constraints(row, &out->rules);
	compile_extensions(row, out);
	out->lint = text_of(row, CM_TEMPLATE_LINT);
	out->refuse_external = strcmp(text_of(row, CM_TEMPLATE_EXTERNAL), "refuse") == 0;
	out->check_function = text_of(row, CM_TEMPLATE_CHECK_FUNCTION);
	out->check_function_owner = text_of(row, CM_TEMPLATE_CHECK_FUNCTION_OWNER);
	out->roles = cm_text_array(row->values[CM_TEMPLATE_ALLOWED_ROLES], &out->role_count);
	out->cas = cm_text_array(row->values[CM_TEMPLATE_CAS], &out->ca_count);
}
