/*
 * instance.c - see instance.h. Any process, in a transaction.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pg/query.h"
#include "store/instance.h"

/* The identifier has all 64 bits; the column takes them as they are. */
#define SELF (Datum[]) {Int64GetDatum((int64) GetSystemIdentifier()), ObjectIdGetDatum(MyDatabaseId)}

void
cm_instance_register(void)
{
	static CmQuery put = {
		"INSERT INTO certmgr_private.instance (system_identifier, database) SELECT $1, $2"
		" WHERE NOT EXISTS (SELECT FROM certmgr_private.instance) ON CONFLICT DO NOTHING",
		2, {INT8OID, OIDOID}};

	cm_query(&put, SELF, NULL);
}

bool
cm_instance_adopted(void)
{
	static CmQuery look = {
		"SELECT NOT EXISTS (SELECT FROM certmgr_private.instance)"
		" OR EXISTS (SELECT FROM certmgr_private.instance WHERE system_identifier = $1 AND database = $2)",
		2, {INT8OID, OIDOID}};
	CmRows		rows = cm_query(&look, SELF, NULL);

	return cm_rows_bool(&rows, 0, 0);
}

void
cm_instance_adopt(void)
{
	static CmQuery clear = {"DELETE FROM certmgr_private.instance WHERE NOT (system_identifier = $1 AND database = $2)", 2, {INT8OID, OIDOID}};

	cm_query(&clear, SELF, NULL);
	cm_instance_register();
}
