/*
 * template.c - see store/template.h. Runs in backends and the worker, as
 * certmgr_owner. The foreign key of subscriber holds off a delete; a trigger
 * tells the caches.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/template.h"
#include "utils/timestamp.h"

typedef struct Column
{
	const char *name;
	Oid			type;
	bool		nullable;
} Column;

static const Column columns[CM_TEMPLATE_COLUMNS] = {
	{"name", TEXTOID, false},
	{"subject", JSONBOID, false},
	{"sans", JSONBOID, false},
	{"usages", TEXTARRAYOID, false},
	{"allowed_usages", TEXTARRAYOID, true},
	{"required_usages", TEXTARRAYOID, false},
	{"critical_usages", BOOLOID, false},
	{"key_algorithms", TEXTARRAYOID, true},
	{"lifetime", INTERVALOID, false},
	{"min_lifetime", INTERVALOID, true},
	{"max_lifetime", INTERVALOID, true},
	{"outlives_issuer", TEXTOID, false},
	{"backdate", INTERVALOID, false},
	{"ca", BOOLOID, false},
	{"path_length", INT4OID, true},
	{"extensions", JSONBOID, false},
	{"policies", JSONBOID, false},
	{"name_constraints", JSONBOID, false},
	{"must_staple", BOOLOID, false},
	{"no_rev_avail", TEXTOID, false},
	{"publish", BOOLOID, false},
	{"lint", TEXTOID, false},
	{"check_function", TEXTOID, true},
	{"check_function_owner", TEXTOID, true},
	{"allowed_roles", TEXTARRAYOID, false},
	{"cas", TEXTARRAYOID, false},
	{"external", TEXTOID, false},
};

#define COLUMN_LIST "name, subject, sans, usages, allowed_usages, required_usages, critical_usages, key_algorithms, lifetime, min_lifetime, max_lifetime, " \
	"outlives_issuer, backdate, ca, path_length, extensions, policies, name_constraints, must_staple, no_rev_avail, publish, lint, check_function, " \
	"check_function_owner, allowed_roles, cas, external"

#define COLUMN_TYPES TEXTOID, JSONBOID, JSONBOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, BOOLOID, TEXTARRAYOID, INTERVALOID, INTERVALOID, INTERVALOID, \
	TEXTOID, INTERVALOID, BOOLOID, INT4OID, JSONBOID, JSONBOID, JSONBOID, BOOLOID, TEXTOID, BOOLOID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, \
	TEXTOID

const char *
cm_template_column_name(CmTemplateColumn column)
{
	return columns[column].name;
}

Oid
cm_template_column_type(CmTemplateColumn column)
{
	return columns[column].type;
}

bool
cm_template_column_nullable(CmTemplateColumn column)
{
	return columns[column].nullable;
}

static bool
to_row(const CmRows *rows, CmTemplateRow *row)
{
	if (rows->count == 0)
		return false;
	row->id = cm_rows_int64(rows, 0, 0);
	for (int i = 0; i < CM_TEMPLATE_COLUMNS; i++)
	{
		row->nulls[i] = cm_rows_null(rows, 0, i + 1);
		row->values[i] = row->nulls[i] ? (Datum) 0 : cm_rows_value(rows, 0, i + 1);
	}
	return true;
}

bool
cm_template_row_get(int64 id, const char *name, CmTemplateRow *row)
{
	static CmQuery by_id = {"SELECT id, " COLUMN_LIST " FROM certmgr.template WHERE id = $1", 1, {INT8OID}};
	static CmQuery by_name = {"SELECT id, " COLUMN_LIST " FROM certmgr.template WHERE name = $1", 1, {TEXTOID}};
	Datum		arg = name == NULL ? Int64GetDatum(id) : cm_datum_text(name);
	CmRows		rows = cm_query_latest(name == NULL ? &by_id : &by_name, &arg, NULL);

	return to_row(&rows, row);
}

bool
cm_template_row_lock(const char *name, CmTemplateRow *row)
{
	static CmQuery query = {"SELECT id, " COLUMN_LIST " FROM certmgr.template WHERE name = $1 FOR UPDATE", 1, {TEXTOID}};
	Datum		arg = cm_datum_text(name);
	CmRows		rows = cm_query(&query, &arg, NULL);

	return to_row(&rows, row);
}

int64
cm_template_row_insert(const CmTemplateRow *row)
{
	static CmQuery query = {
		"INSERT INTO certmgr.template (" COLUMN_LIST ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,"
		" $21, $22, $23, $24, $25, $26, $27) ON CONFLICT (name) DO NOTHING RETURNING id",
		CM_TEMPLATE_COLUMNS, {COLUMN_TYPES}
	};
	CmRows		rows = cm_query(&query, row->values, row->nulls);

	return rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
}

void
cm_template_row_update(const CmTemplateRow *row)
{
	static CmQuery query = {
		"UPDATE certmgr.template SET (" COLUMN_LIST ", altered_at) = ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,"
		" $21, $22, $23, $24, $25, $26, $27, pg_catalog.now()) WHERE id = $28",
		CM_TEMPLATE_COLUMNS + 1, {COLUMN_TYPES, INT8OID}
	};
	Datum		values[CM_TEMPLATE_COLUMNS + 1];
	bool		nulls[CM_TEMPLATE_COLUMNS + 1];

	memcpy(values, row->values, sizeof(row->values));
	memcpy(nulls, row->nulls, sizeof(row->nulls));
	values[CM_TEMPLATE_COLUMNS] = Int64GetDatum(row->id);
	nulls[CM_TEMPLATE_COLUMNS] = false;
	(void) cm_query(&query, values, nulls);
}

void
cm_template_row_delete(int64 id)
{
	static CmQuery query = {"DELETE FROM certmgr.template WHERE id = $1", 1, {INT8OID}};

	(void) cm_query(&query, (Datum[]) {Int64GetDatum(id)}, NULL);
}

char *
cm_template_row_in_use(int64 id)
{
	static CmQuery query = {"SELECT COALESCE((SELECT 'subscriber \"' || name || '\" uses it' FROM certmgr.subscriber WHERE template_id = $1 ORDER BY id LIMIT 1), "
		"(SELECT 'certificate ' || id || ' is pending by it' FROM certmgr.certificate WHERE template_id = $1 AND state = 'pending' ORDER BY id LIMIT 1))",
	1, {INT8OID}};
	CmRows		rows = cm_query(&query, (Datum[]) {Int64GetDatum(id)}, NULL);

	return rows.count == 0 ? NULL : cm_rows_text(&rows, 0, 0);
}

int64
cm_template_of_certificate(int64 certificate_id)
{
	static CmQuery query = {"SELECT template_id FROM certmgr.certificate WHERE id = $1", 1, {INT8OID}};
	CmRows		rows = cm_query(&query, (Datum[]) {Int64GetDatum(certificate_id)}, NULL);

	return rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
}

CmTemplateUse *
cm_template_uses(int64 id, int64 above, int *count)
{
	/* A subscriber's template of today decides, not the one that the certificate was issued by. */
	static CmQuery query = {
		"SELECT c.id, s.name, c.subject, c.not_after, b.der, c.source = 'imported' OR a.type <> 'private',"
		" pg_catalog.jsonb_build_object('template', t.name, 'ca', a.name, 'subscriber', s.name, 'requested_by', c.requested_by, 'subject', c.subject, 'sans', c.sans,"
		" 'usages', c.usages, 'key_algorithm', c.key_algorithm, 'not_before', c.not_before::text, 'not_after', c.not_after::text, 'csr', b.csr IS NOT NULL,"
		" 'renewed_from', c.renewed_from)::text FROM certmgr.template t CROSS JOIN certmgr.certificate c"
		" JOIN certmgr.certificate_body b ON b.certificate_id = c.id"
		" LEFT JOIN certmgr.subscriber s ON s.id = c.subscriber_id"
		" LEFT JOIN certmgr.ca a ON a.id = c.ca_id"
		" WHERE t.id = $1 AND c.id > $2 AND CASE WHEN s.id IS NULL THEN c.template_id ELSE s.template_id END = $1"
		" AND c.state = 'issued' AND c.source IN ('issued', 'imported') AND c.not_after > pg_catalog.now() AND b.der IS NOT NULL ORDER BY c.id LIMIT 500",
		2, {INT8OID, INT8OID}
	};
	CmRows		rows = cm_query(&query, (Datum[]) {Int64GetDatum(id), Int64GetDatum(above)}, NULL);
	CmTemplateUse *uses = palloc(sizeof(CmTemplateUse) * (rows.count + 1));

	*count = rows.count;
	for (int i = 0; i < rows.count; i++)
	{
		uses[i].certificate_id = cm_rows_int64(&rows, i, 0);
		uses[i].subscriber = cm_rows_text(&rows, i, 1);
		uses[i].subject = cm_rows_text(&rows, i, 2);
		uses[i].not_after = cm_rows_time(&rows, i, 3, DT_NOEND);
		uses[i].der = cm_rows_slice(&rows, i, 4);
		uses[i].external = cm_rows_bool(&rows, i, 5);
		uses[i].request = cm_rows_text(&rows, i, 6);
	}
	return uses;
}
