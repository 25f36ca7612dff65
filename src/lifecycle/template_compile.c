/*
 * template_compile.c - a row of certmgr.template into the rules that
 * x509/template.c checks by: usages, keys, times here, the rest from the files
 * named in template_internal.h.
 *
 * Runs in backends (when a template is written, so that nothing wrong is
 * stored) and in every process that loads one. Everything goes into the current memory
 * context. Throws ERRCODE_INVALID_PARAMETER_VALUE; the message names column
 * and key.
 */
#include "postgres.h"

#include "lifecycle/template_column.h"
#include "lifecycle/template_internal.h"
#include "lifecycle/texts.h"
#include "pg/interval.h"
#include "pg/own.h"
#include "pg/query.h"
#include "utils/builtins.h"
#include "x509/usage.h"

#define PATH_LENGTH_MAX 255		/* chains have less than ten certificates */

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
			cm_column_refuse_status(cm_template_column_name(column), &st);
	}
}

static void
add_oids(CmBuf *set, CmSlice more)
{
	CmDer		oid;

	while (cm_der_next(&more, &oid))
	{
		if (!cm_der_contains(cm_buf_slice(set), oid.whole))
			cm_buf_append(set, oid.whole.data, oid.whole.len);
	}
}

static void
check_within(const char *column, uint32_t key_usage, CmSlice ext_key_usage, const CmTemplate *t)
{
	CmDer		oid;

	if (key_usage & ~t->key_usage)
		cm_column_refuse(column, "It holds a key usage that is not in \"allowed_usages\".");
	while (cm_der_next(&ext_key_usage, &oid))
	{
		if (!cm_der_contains(t->ext_key_usage, oid.whole))
			cm_column_refuse(column, "It holds an extended key usage that is not in \"allowed_usages\".");
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
	add_oids(usual, cm_buf_slice(required));
	if (row->nulls[CM_TEMPLATE_ALLOWED_USAGES])
	{
		t->key_usage = out->key_usage;
		add_oids(allowed, cm_buf_slice(usual));
	}
	else
		usages_of(row, CM_TEMPLATE_ALLOWED_USAGES, &t->key_usage, allowed);
	t->ext_key_usage = cm_buf_slice(allowed);
	t->required_ext_key_usage = cm_buf_slice(required);
	out->ext_key_usage = cm_buf_slice(usual);
	check_within("usages", out->key_usage, out->ext_key_usage, t);
	t->ext_key_usage_critical = DatumGetBool(row->values[CM_TEMPLATE_CRITICAL_USAGES]);
	if (out->key_usage == 0 && out->ext_key_usage.len == 0)
		cm_column_refuse("usages", "It is empty: a certificate without usages may be used for everything.");
	if (t->ext_key_usage_critical && t->ext_key_usage.len == 0)
		cm_column_refuse("critical_usages", "There is no extended key usage that could be critical.");
	if (!t->ca && (t->key_usage & (CM_KU_KEY_CERT_SIGN | CM_KU_CRL_SIGN)))
		cm_column_refuse("usages", "keyCertSign and cRLSign are for CA certificates: say ca => true.");
	if (t->ca && !(out->key_usage & CM_KU_KEY_CERT_SIGN))
		cm_column_refuse("usages", "A CA certificate needs keyCertSign.");
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
			cm_column_refuse_status("key_algorithms", &st);
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
		cm_column_refuse(cm_template_column_name(column), "It must be between zero and 100 years.");
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
		cm_column_refuse("lifetime", "It must be above zero.");
	if (cm_span_after(now, &backdate) < now)
		cm_column_refuse("backdate", "It must not be below zero.");
	t->has_min_lifetime = !row->nulls[CM_TEMPLATE_MIN_LIFETIME];
	if (t->has_min_lifetime)
		t->min_lifetime = span_of(row, CM_TEMPLATE_MIN_LIFETIME);
	t->has_max_lifetime = !row->nulls[CM_TEMPLATE_MAX_LIFETIME];
	if (t->has_max_lifetime)
		t->max_lifetime = span_of(row, CM_TEMPLATE_MAX_LIFETIME);
	if (t->has_max_lifetime && end > cm_span_after(now, &t->max_lifetime))
		cm_column_refuse("lifetime", "It is above \"max_lifetime\".");
	if (t->has_min_lifetime && end < cm_span_after(now, &t->min_lifetime))
		cm_column_refuse("lifetime", "It is below \"min_lifetime\".");
	out->lifetime = *DatumGetIntervalP(row->values[CM_TEMPLATE_LIFETIME]);
	out->backdate = *DatumGetIntervalP(row->values[CM_TEMPLATE_BACKDATE]);
	out->clamp = strcmp(TextDatumGetCString(row->values[CM_TEMPLATE_OUTLIVES_ISSUER]), "clamp") == 0;
}

/* ---- the whole ---- */

static void
compile_ca(const CmTemplateRow *row, CmTemplate *t)
{
	t->ca = DatumGetBool(row->values[CM_TEMPLATE_CA]);
	t->path_length = -1;
	if (row->nulls[CM_TEMPLATE_PATH_LENGTH])
		return;
	if (!t->ca)
		cm_column_refuse("path_length", "It is for CA certificates: say ca => true.");
	t->path_length = DatumGetInt32(row->values[CM_TEMPLATE_PATH_LENGTH]);
	if (t->path_length < 0 || t->path_length > PATH_LENGTH_MAX)
		cm_column_refuse("path_length", "It must be from 0 to %d.", PATH_LENGTH_MAX);
}

void
cm_template_compile(const CmTemplateRow *row, CmTemplateEntry *out)
{
	static const char *const outlives[] = {"refuse", "clamp", NULL};
	static const char *const no_rev_avail[] = {"auto", "always", "never", NULL};
	static const char *const lint[] = {"off", "warn", "refuse", NULL};
	static const char *const external[] = {"warn", "refuse", NULL};
	char	  **usages;
	int			usage_count;

	cm_column_choice(row, CM_TEMPLATE_OUTLIVES_ISSUER, outlives);
	cm_column_choice(row, CM_TEMPLATE_NO_REV_AVAIL, no_rev_avail);
	cm_column_choice(row, CM_TEMPLATE_LINT, lint);
	cm_column_choice(row, CM_TEMPLATE_EXTERNAL, external);
	memset(out, 0, sizeof(*out));
	out->id = row->id;
	out->name = cm_column_text(row, CM_TEMPLATE_NAME);
	out->rules.name = out->name;
	out->rules.regex = cm_template_match_regex;
	compile_ca(row, &out->rules);
	cm_template_compile_subject(row, &out->rules);
	cm_template_compile_sans(row, &out->rules);
	compile_usages(row, out);
	usages = cm_usage_texts(out->key_usage, out->ext_key_usage, &usage_count);
	out->usages_text = cm_datum_text_array(usages, usage_count);
	compile_keys(row, out);
	compile_times(row, out);
	cm_template_compile_policies(row, &out->rules);
	cm_template_compile_constraints(row, &out->rules);
	cm_template_compile_extensions(row, out);
	out->lint = cm_column_text(row, CM_TEMPLATE_LINT);
	out->refuse_external = strcmp(cm_column_text(row, CM_TEMPLATE_EXTERNAL), "refuse") == 0;
	out->check_function = cm_column_text(row, CM_TEMPLATE_CHECK_FUNCTION);
	out->check_function_owner = cm_column_text(row, CM_TEMPLATE_CHECK_FUNCTION_OWNER);
	out->roles = cm_text_array(row->values[CM_TEMPLATE_ALLOWED_ROLES], &out->role_count);
	out->cas = cm_text_array(row->values[CM_TEMPLATE_CAS], &out->ca_count);
}
