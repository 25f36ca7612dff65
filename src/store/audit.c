/*
 * audit.c - see audit.h.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/audit.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

void
cm_audit(const char *actor, const char *action, const char *object_type, int64 object_id, const char *detail)
{
	static CmQuery insert = {"INSERT INTO certmgr.audit_event (at, actor, action, object_type, object_id, detail) VALUES ($1, $2, $3, $4, $5, $6::jsonb)",
	6, {TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, TEXTOID}};

	cm_query(&insert,
			 (Datum[]) {TimestampTzGetDatum(GetCurrentTimestamp()), cm_datum_text(actor), cm_datum_text(action),
			 cm_datum_text(object_type), Int64GetDatum(object_id), cm_datum_text(detail)},
			 (bool[]) {false, false, false, false, object_id == 0, detail == NULL});
}
