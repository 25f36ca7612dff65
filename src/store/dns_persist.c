/*
 * dns_persist.c - see dns_persist.h. Engines only, in a transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/dns_persist.h"

void
cm_dns_persist_seen(int64 authorization_id, int64 ca_id, int64 until)
{
	static CmQuery seen = {
		"INSERT INTO certmgr.dns_persist AS p (ca_id, name, wildcard, persist_until, seen_at)"
		" SELECT $2, identifier, wildcard, CASE WHEN $3 <> 0 THEN pg_catalog.to_timestamp($3) END, pg_catalog.clock_timestamp()"
		" FROM certmgr.acme_authorization WHERE id = $1"
		" ON CONFLICT (ca_id, name, wildcard) DO UPDATE SET persist_until = EXCLUDED.persist_until, seen_at = EXCLUDED.seen_at",
		3, {INT8OID, INT8OID, INT8OID}};

	cm_query(&seen, (Datum[]) {Int64GetDatum(authorization_id), Int64GetDatum(ca_id), Int64GetDatum(until)}, NULL);
}
