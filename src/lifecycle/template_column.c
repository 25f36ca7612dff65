/*
 * template_column.c - see template_column.h. Backends and engines; memory only,
 * no locks. Throws ERRCODE_INVALID_PARAMETER_VALUE.
 */
#include "postgres.h"

#include "lifecycle/template_column.h"
#include "mb/pg_wchar.h"
#include "pg/error.h"
#include "pg/own.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

/* A rule set larger than this is a mistake: 1 MiB holds some 20,000 host names. */
#define RULES_MAX (1024 * 1024)
#define DETAIL_MAX 512

void
cm_column_refuse(const char *path, const char *fmt,...)
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

void
cm_column_refuse_status(const char *path, const CmStatus *st)
{
	cm_column_refuse(path, "%s%s%s", st->reason, st->detail[0] ? ": " : ".", st->detail);
}

const CmJson *
cm_column_json(const CmTemplateRow *row, CmTemplateColumn column)
{
	Jsonb	   *jsonb = DatumGetJsonbP(row->values[column]);
	char	   *string = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
	char	   *utf8 = pg_server_to_any(string, strlen(string), PG_UTF8);
	CmStatus	st = CM_STATUS_INIT;
	CmJson	   *json = cm_json_parse(cm_slice(utf8, strlen(utf8)), RULES_MAX, &st);

	if (json == NULL)
		cm_column_refuse_status(cm_template_column_name(column), &st);
	return json;
}

void
cm_column_require(const CmJson *json, CmJsonType type, const char *path)
{
	static const char *const names[] = {"null", "true or false", "a number", "a string", "an array", "an object"};

	if (cm_json_type(json) != type)
		cm_column_refuse(path, "It must be %s.", names[type]);
}

bool
cm_column_bool(const CmJson *json, const char *path)
{
	cm_column_require(json, CM_JSON_BOOL, path);
	return cm_json_bool(json, false);
}

int
cm_column_int(const CmJson *json, int max, const char *path)
{
	const char *string = cm_json_string(json);
	char	   *end;
	long		value;

	cm_column_require(json, CM_JSON_NUMBER, path);
	value = strtol(string, &end, 10);
	if (*end != '\0' || value < 0 || value > max)
		cm_column_refuse(path, "It must be a whole number from 0 to %d.", max);
	return (int) value;
}

char *
cm_column_string(const CmJson *json, const char *path)
{
	cm_column_require(json, CM_JSON_STRING, path);
	return pstrdup(cm_json_string(json));
}

/* A string, or an array of them. */
char **
cm_column_strings(const CmJson *json, const char *path, int *count)
{
	char	  **strings;

	if (cm_json_type(json) == CM_JSON_STRING)
	{
		strings = palloc(sizeof(char *));
		strings[0] = cm_column_string(json, path);
		*count = 1;
		return strings;
	}
	if (cm_json_type(json) != CM_JSON_ARRAY)
		cm_column_refuse(path, "It must be a string or an array of strings.");
	*count = cm_json_length(json);
	strings = palloc(sizeof(char *) * (*count + 1));
	for (int i = 0; i < *count; i++)
		strings[i] = cm_column_string(cm_json_at(json, i), psprintf("%s[%d]", path, i));
	return strings;
}

CmDer
cm_column_oid(const char *dotted, const char *path)
{
	CmBuf	   *oid = cm_own_buf(0);
	CmSlice		rest;
	CmDer		value = {0};

	if (!cm_der_put_oid(oid, dotted))
		cm_column_refuse(path, "\"%s\" is not an object identifier.", dotted);
	rest = cm_buf_slice(oid);
	if (!cm_der_next(&rest, &value))
		elog(ERROR, "an OID of ours cannot be read");
	return value;
}

void
cm_column_choice(const CmTemplateRow *row, CmTemplateColumn column, const char *const *choices)
{
	char	   *value = TextDatumGetCString(row->values[column]);

	for (int i = 0; choices[i] != NULL; i++)
	{
		if (strcmp(value, choices[i]) == 0)
			return;
	}
	cm_column_refuse(cm_template_column_name(column), "\"%s\" is none of %s, %s%s%s.", value, choices[0], choices[1], choices[2] ? ", " : "", choices[2] ? choices[2] : "");
}

char *
cm_column_text(const CmTemplateRow *row, CmTemplateColumn column)
{
	return row->nulls[column] ? NULL : TextDatumGetCString(row->values[column]);
}
