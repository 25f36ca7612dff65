/*
 * subscriber.c - see subscriber.h.
 *
 * Runs in backends, in the caller's transaction, as certmgr_owner. The
 * foreign key to the CA holds off drop_ca; a trigger tells the caches.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/subscriber.h"
#include "utils/timestamp.h"

bool
cm_subscriber_row_ca(const char *ca, CmSubscriberRow *row)
{
	static CmQuery query = {"SELECT id, name, type FROM certmgr.ca WHERE name = $1", 1, {TEXTOID}};
	Datum		args[1] = {cm_datum_text(ca)};
	CmRows		rows = cm_query(&query, args, NULL);

	if (rows.count == 0)
		return false;
	row->ca_id = cm_rows_int64(&rows, 0, 0);
	row->ca_name = cm_rows_text(&rows, 0, 1);
	row->ca_type = cm_rows_text(&rows, 0, 2);
	return true;
}

int64
cm_subscriber_row_insert(const CmSubscriberRow *row)
{
	static CmQuery query = {
		"INSERT INTO certmgr.subscriber (name, ca_id, state, owner, subject, sans, usages, lifetime, key_algorithm, auto_renew, renew_before, template_id, profile, partial_issue)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (name) DO NOTHING RETURNING id",
		14, {TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, INTERVALOID, TEXTOID, BOOLOID, INTERVALOID, INT8OID, TEXTOID, BOOLOID}
	};
	Datum		args[14] = {
		cm_datum_text(row->name), Int64GetDatum(row->ca_id), cm_datum_text(row->state), cm_datum_text(row->owner), cm_datum_text(row->subject),
		cm_datum_text_array(row->sans, row->san_count), cm_datum_text_array(row->usages, row->usage_count), IntervalPGetDatum(&row->lifetime),
		cm_datum_text(row->key_algorithm), BoolGetDatum(row->auto_renew), IntervalPGetDatum(&row->renew_before), Int64GetDatum(row->template_id),
		cm_datum_text(row->profile), BoolGetDatum(row->partial_issue)
	};
	bool		nulls[14] = {false};
	CmRows		rows;

	nulls[3] = row->owner == NULL;
	nulls[7] = !row->has_lifetime;
	nulls[10] = !row->has_renew_before;
	nulls[11] = row->template_id == 0;
	nulls[12] = row->profile == NULL;
	rows = cm_query(&query, args, nulls);
	return rows.count == 0 ? 0 : cm_rows_int64(&rows, 0, 0);
}

bool
cm_subscriber_row_lock(const char *name, CmSubscriberRow *row)
{
	static CmQuery query = {
		"SELECT s.id, s.name, s.ca_id, a.name, a.type, s.state, s.owner, s.subject, s.sans, s.usages, s.lifetime, s.key_algorithm, s.auto_renew,"
		" s.renew_before, s.template_id, s.profile, s.partial_issue FROM certmgr.subscriber s JOIN certmgr.ca a ON a.id = s.ca_id WHERE s.name = $1 FOR UPDATE OF s",
		1, {TEXTOID}
	};
	Datum		args[1] = {cm_datum_text(name)};
	CmRows		rows = cm_query(&query, args, NULL);

	if (rows.count == 0)
		return false;
	memset(row, 0, sizeof(*row));
	row->id = cm_rows_int64(&rows, 0, 0);
	row->name = cm_rows_text(&rows, 0, 1);
	row->ca_id = cm_rows_int64(&rows, 0, 2);
	row->ca_name = cm_rows_text(&rows, 0, 3);
	row->ca_type = cm_rows_text(&rows, 0, 4);
	row->state = cm_rows_text(&rows, 0, 5);
	row->owner = cm_rows_text(&rows, 0, 6);
	row->subject = cm_rows_text(&rows, 0, 7);
	row->sans = cm_text_array(cm_rows_value(&rows, 0, 8), &row->san_count);
	row->usages = cm_text_array(cm_rows_value(&rows, 0, 9), &row->usage_count);
	row->has_lifetime = !cm_rows_null(&rows, 0, 10);
	if (row->has_lifetime)
		row->lifetime = *DatumGetIntervalP(cm_rows_value(&rows, 0, 10));
	row->key_algorithm = cm_rows_text(&rows, 0, 11);
	row->auto_renew = cm_rows_bool(&rows, 0, 12);
	row->has_renew_before = !cm_rows_null(&rows, 0, 13);
	if (row->has_renew_before)
		row->renew_before = *DatumGetIntervalP(cm_rows_value(&rows, 0, 13));
	row->template_id = cm_rows_int64(&rows, 0, 14);
	row->profile = cm_rows_text(&rows, 0, 15);
	row->partial_issue = cm_rows_bool(&rows, 0, 16);
	return true;
}

void
cm_subscriber_row_update(const CmSubscriberRow *row)
{
	static CmQuery query = {
		"UPDATE certmgr.subscriber SET state = $2, owner = $3, subject = $4, sans = $5, usages = $6, lifetime = $7, key_algorithm = $8,"
		" auto_renew = $9, renew_before = $10, template_id = $11, profile = $12, partial_issue = $13 WHERE id = $1",
		13, {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, INTERVALOID, TEXTOID, BOOLOID, INTERVALOID, INT8OID, TEXTOID, BOOLOID}
	};
	Datum		args[13] = {
		Int64GetDatum(row->id), cm_datum_text(row->state), cm_datum_text(row->owner), cm_datum_text(row->subject),
		cm_datum_text_array(row->sans, row->san_count), cm_datum_text_array(row->usages, row->usage_count), IntervalPGetDatum(&row->lifetime),
		cm_datum_text(row->key_algorithm), BoolGetDatum(row->auto_renew), IntervalPGetDatum(&row->renew_before), Int64GetDatum(row->template_id),
		cm_datum_text(row->profile), BoolGetDatum(row->partial_issue)
	};
	bool		nulls[13] = {false};

	nulls[2] = row->owner == NULL;
	nulls[6] = !row->has_lifetime;
	nulls[9] = !row->has_renew_before;
	nulls[10] = row->template_id == 0;
	nulls[11] = row->profile == NULL;
	(void) cm_query(&query, args, nulls);
}

void
cm_subscriber_row_delete(int64 id)
{
	static CmQuery query = {"DELETE FROM certmgr.subscriber WHERE id = $1", 1, {INT8OID}};
	Datum		args[1] = {Int64GetDatum(id)};

	(void) cm_query(&query, args, NULL);
}

int
cm_subscriber_row_stop_renewal(int64 id)
{
	static CmQuery query = {
		"UPDATE certmgr.certificate SET renew_at = NULL WHERE subscriber_id = $1 AND renew_at IS NOT NULL",
		1, {INT8OID}
	};
	Datum		args[1] = {Int64GetDatum(id)};

	return cm_query(&query, args, NULL).count;
}
