/*
 * dns_zone.c - see dns_zone.h. Sessions and engines, in a transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/dns_zone.h"

int64
cm_dns_zone_provider(const char *name, int64 otherwise)
{
	static CmQuery find = {
		"SELECT dns_provider_id FROM certmgr.dns_zone"
		" WHERE zone = $1 OR pg_catalog.right($1, pg_catalog.length(zone) + 1) = '.' || zone ORDER BY pg_catalog.length(zone) DESC LIMIT 1",
		1, {TEXTOID}};
	CmRows		rows = cm_query(&find, (Datum[]) {cm_datum_text(name)}, NULL);

	return rows.count > 0 ? cm_rows_int64(&rows, 0, 0) : otherwise;
}

bool
cm_dns_zone_set(const char *zone, int64 provider_id)
{
	static CmQuery set = {
		"INSERT INTO certmgr.dns_zone (zone, dns_provider_id) VALUES ($1, $2)"
		" ON CONFLICT (zone) DO UPDATE SET dns_provider_id = EXCLUDED.dns_provider_id",
		2, {TEXTOID, INT8OID}};
	static CmQuery remove = {"DELETE FROM certmgr.dns_zone WHERE zone = $1", 1, {TEXTOID}};

	if (provider_id == 0)
		return cm_query(&remove, (Datum[]) {cm_datum_text(zone)}, NULL).count > 0;
	cm_query(&set, (Datum[]) {cm_datum_text(zone), Int64GetDatum(provider_id)}, NULL);
	return true;
}
