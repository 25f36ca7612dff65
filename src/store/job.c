/*
 * job.c - see job.h. Sessions put jobs; engines (the database worker, CALL
 * certmgr.work()) claim them and write outcomes. Rows are locked one at a time
 * and never waited for by a claim.
 *
 * A leased job has due_at = lease_until, so the index on due_at skips it, and
 * somebody who makes it due meanwhile leaves an earlier time behind that the
 * outcome keeps.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "pg/wake.h"
#include "store/job.h"
#include "utils/array.h"
#include "utils/timestamp.h"

/* Leased rows stand among the due ones; no engine has more than 2,000 in flight (certmgr.max_orders_in_flight). */
#define NEXT_DUE_LOOK "2100"

void
cm_job_put(const char *kind, int64 target_id, TimestampTz due_at)
{
	static CmQuery put = {
		"INSERT INTO certmgr_private.job AS j (kind, target_id, due_at, lane, holder) VALUES ($1, $2, $3, CASE $1 WHEN 'acme_account' THEN $2 ELSE 0 END, 0)"
		" ON CONFLICT (kind, target_id) DO UPDATE SET due_at = LEAST(j.due_at, EXCLUDED.due_at)",
		3, {TEXTOID, INT8OID, TIMESTAMPTZOID}};
	static CmQuery put_order = {
		"INSERT INTO certmgr_private.job AS j (kind, target_id, due_at, lane, holder)"
		" SELECT $1, o.id, $3, o.account_id, COALESCE(c.subscriber_id, 0) FROM certmgr.acme_order o JOIN certmgr.certificate c ON c.id = o.certificate_id WHERE o.id = $2"
		" ON CONFLICT (kind, target_id) DO UPDATE SET due_at = LEAST(j.due_at, EXCLUDED.due_at), lane = EXCLUDED.lane",
		3, {TEXTOID, INT8OID, TIMESTAMPTZOID}};

	cm_query(strcmp(kind, "acme_order") == 0 ? &put_order : &put, (Datum[]) {cm_datum_text(kind), Int64GetDatum(target_id), TimestampTzGetDatum(due_at)}, NULL);
	cm_wake_at_commit();
}

static CmJobRow *
to_jobs(const CmRows *rows, int *count)
{
	CmJobRow   *jobs = palloc0(sizeof(CmJobRow) * Max(rows->count, 1));
	CmJobRow   *job = jobs;

	for (int i = 0; i < rows->count; i++)
	{
		/* A holder without a due job. */
		if (cm_rows_null(rows, i, 0))
			continue;
		job->id = cm_rows_int64(rows, i, 0);
		strlcpy(job->kind, cm_rows_text(rows, i, 1), sizeof(job->kind));
		job->target_id = cm_rows_int64(rows, i, 2);
		job->due_at = DatumGetTimestampTz(cm_rows_value(rows, i, 3));
		job->attempt = DatumGetInt32(cm_rows_value(rows, i, 4));
		job->lease_epoch = cm_rows_int64(rows, i, 5);
		job->lane = cm_rows_int64(rows, i, 6);
		job->holder = cm_rows_int64(rows, i, 7);
		job->failing_since = cm_rows_time(rows, i, 8, 0);
		job++;
	}
	*count = job - jobs;
	return jobs;
}

#define JOB_COLUMNS "j.id, j.kind, j.target_id, j.due_at, j.attempt, j.lease_epoch, j.lane, j.holder, j.failing_since"
#define JOB_DUE " FROM certmgr_private.job j WHERE j.due_at <= $1 AND (j.lease_until IS NULL OR j.lease_until <= $1)"

CmJobRow *
cm_job_due(TimestampTz now, int oldest, int newest, int *count)
{
	static CmQuery due = {
		"(SELECT " JOB_COLUMNS JOB_DUE " ORDER BY j.due_at, j.id LIMIT $2)"
		" UNION (SELECT " JOB_COLUMNS JOB_DUE " ORDER BY j.due_at DESC, j.id DESC LIMIT $3)",
		3, {TIMESTAMPTZOID, INT4OID, INT4OID}};
	CmRows		rows = cm_query(&due, (Datum[]) {TimestampTzGetDatum(now), Int32GetDatum(oldest), Int32GetDatum(newest)}, NULL);

	return to_jobs(&rows, count);
}

CmJobRow *
cm_job_due_in_turn(TimestampTz now, CmJobTurn *turn, int holders, int *count)
{
	/* From one holder to the next by the index on (lane, holder): it costs the same however many jobs each has. */
	static CmQuery due = {
		"WITH RECURSIVE h (lane, holder) AS ("
		" (SELECT f.lane, f.holder FROM certmgr_private.job f WHERE (f.lane, f.holder) > ($2, $3) ORDER BY f.lane, f.holder LIMIT 1)"
		" UNION ALL SELECT n.lane, n.holder FROM h, LATERAL"
		" (SELECT f.lane, f.holder FROM certmgr_private.job f WHERE (f.lane, f.holder) > (h.lane, h.holder) ORDER BY f.lane, f.holder LIMIT 1) n)"
		" SELECT d.*, h.lane, h.holder FROM (SELECT lane, holder FROM h LIMIT $4) h LEFT JOIN LATERAL"
		" (SELECT " JOB_COLUMNS JOB_DUE " AND j.lane = h.lane AND j.holder = h.holder ORDER BY j.due_at, j.id LIMIT 1) d ON true",
		4, {TIMESTAMPTZOID, INT8OID, INT8OID, INT4OID}};
	CmRows		rows = cm_query(&due,
								(Datum[]) {TimestampTzGetDatum(now), Int64GetDatum(turn->lane), Int64GetDatum(turn->holder), Int32GetDatum(holders)}, NULL);

	*turn = (CmJobTurn) CM_JOB_TURN_FIRST;
	if (rows.count == holders)
		*turn = (CmJobTurn) {cm_rows_int64(&rows, holders - 1, 9), cm_rows_int64(&rows, holders - 1, 10)};
	return to_jobs(&rows, count);
}

CmJobRow *
cm_job_claim(TimestampTz now, TimestampTz lease_until, const int64 *ids, int id_count, int *count)
{
	static CmQuery claim = {
		"UPDATE certmgr_private.job u SET lease_epoch = u.lease_epoch + 1, lease_until = $2, due_at = $2"
		" FROM (SELECT j.id, j.due_at" JOB_DUE " AND j.id = ANY ($3) FOR UPDATE SKIP LOCKED) d"
		" WHERE u.id = d.id RETURNING u.id, u.kind, u.target_id, d.due_at, u.attempt, u.lease_epoch, u.lane, u.holder, u.failing_since",
		3, {TIMESTAMPTZOID, TIMESTAMPTZOID, INT8ARRAYOID}};
	CmRows		rows = cm_query(&claim,
								(Datum[]) {TimestampTzGetDatum(now), TimestampTzGetDatum(lease_until), cm_datum_int8_array(ids, id_count)}, NULL);

	return to_jobs(&rows, count);
}

void
cm_job_park(int64 id, TimestampTz until)
{
	static CmQuery park = {"UPDATE certmgr_private.job SET due_at = $2 WHERE id = $1 AND lease_until IS NULL AND due_at < $2", 2, {INT8OID, TIMESTAMPTZOID}};

	cm_query(&park, (Datum[]) {Int64GetDatum(id), TimestampTzGetDatum(until)}, NULL);
}

bool
cm_job_in_flight(const char *kind, int64 target_id, TimestampTz now)
{
	static CmQuery look = {"SELECT FROM certmgr_private.job WHERE kind = $1 AND target_id = $2 AND lease_until > $3", 3, {TEXTOID, INT8OID, TIMESTAMPTZOID}};

	return cm_query(&look, (Datum[]) {cm_datum_text(kind), Int64GetDatum(target_id), TimestampTzGetDatum(now)}, NULL).count > 0;
}

bool
cm_job_hold(const CmJobRow *job, TimestampTz at_least, TimestampTz lease_until)
{
	static CmQuery look = {
		"SELECT lease_until FROM certmgr_private.job WHERE id = $1 AND lease_epoch = $2 AND lease_until IS NOT NULL FOR NO KEY UPDATE",
		2, {INT8OID, INT8OID}};
	static CmQuery hold = {
		"UPDATE certmgr_private.job SET lease_until = $2, due_at = CASE WHEN due_at < lease_until THEN due_at ELSE $2 END WHERE id = $1",
		2, {INT8OID, TIMESTAMPTZOID}};
	CmRows		rows = cm_query(&look, (Datum[]) {Int64GetDatum(job->id), Int64GetDatum(job->lease_epoch)}, NULL);

	if (rows.count == 0)
		return false;
	/* Every step of every order comes here: the row is written only when it must be. */
	if (DatumGetTimestampTz(cm_rows_value(&rows, 0, 0)) < at_least)
		cm_query(&hold, (Datum[]) {Int64GetDatum(job->id), TimestampTzGetDatum(lease_until)}, NULL);
	return true;
}

bool
cm_job_finish(const CmJobRow *job)
{
	/* Made due meanwhile: somebody wants it to run once more. */
	static CmQuery again = {
		"UPDATE certmgr_private.job SET lease_until = NULL, attempt = 0, last_error = NULL, last_error_at = NULL, failing_since = NULL"
		" WHERE id = $1 AND lease_epoch = $2 AND due_at < lease_until",
		2, {INT8OID, INT8OID}};
	static CmQuery finish = {"DELETE FROM certmgr_private.job WHERE id = $1 AND lease_epoch = $2 AND lease_until IS NOT NULL", 2, {INT8OID, INT8OID}};
	Datum		args[] = {Int64GetDatum(job->id), Int64GetDatum(job->lease_epoch)};

	return cm_query(&again, args, NULL).count > 0 || cm_query(&finish, args, NULL).count > 0;
}

bool
cm_job_again(const CmJobRow *job, TimestampTz due_at, bool progress)
{
	static CmQuery again = {
		"UPDATE certmgr_private.job SET due_at = CASE WHEN due_at < lease_until THEN LEAST(due_at, $3) ELSE $3 END, lease_until = NULL,"
		" attempt = CASE WHEN $4 THEN 0 ELSE attempt END, last_error = CASE WHEN $4 THEN NULL ELSE last_error END,"
		" last_error_at = CASE WHEN $4 THEN NULL ELSE last_error_at END, failing_since = CASE WHEN $4 THEN NULL ELSE failing_since END"
		" WHERE id = $1 AND lease_epoch = $2 AND lease_until IS NOT NULL",
		4, {INT8OID, INT8OID, TIMESTAMPTZOID, BOOLOID}};

	return cm_query(&again, (Datum[]) {Int64GetDatum(job->id), Int64GetDatum(job->lease_epoch), TimestampTzGetDatum(due_at), BoolGetDatum(progress)}, NULL).count > 0;
}

static bool
put_off(const CmJobRow *job, TimestampTz due_at, const char *reason, bool failed)
{
	static CmQuery fail = {
		"UPDATE certmgr_private.job SET due_at = CASE WHEN due_at < lease_until THEN LEAST(due_at, $3) ELSE $3 END, lease_until = NULL,"
		" attempt = $5 + 1, last_error = $4, last_error_at = pg_catalog.clock_timestamp(),"
		" failing_since = CASE WHEN $6 THEN COALESCE(CASE WHEN $5 > 0 THEN failing_since END, pg_catalog.clock_timestamp()) END"
		" WHERE id = $1 AND lease_epoch = $2 AND lease_until IS NOT NULL",
		6, {INT8OID, INT8OID, TIMESTAMPTZOID, TEXTOID, INT4OID, BOOLOID}};

	/* By the caller's count: what it achieved since the claim began a new one. */
	return cm_query(&fail, (Datum[]) {Int64GetDatum(job->id), Int64GetDatum(job->lease_epoch), TimestampTzGetDatum(due_at), cm_datum_text(reason), Int32GetDatum(job->attempt), BoolGetDatum(failed)}, NULL).count > 0;
}

bool
cm_job_fail(const CmJobRow *job, TimestampTz due_at, const char *reason)
{
	return put_off(job, due_at, reason, true);
}

bool
cm_job_hinder(const CmJobRow *job, TimestampTz due_at, const char *reason)
{
	return put_off(job, due_at, reason, false);
}

bool
cm_job_release(const CmJobRow *job)
{
	static CmQuery release = {
		"UPDATE certmgr_private.job SET due_at = LEAST(due_at, $3), lease_until = NULL WHERE id = $1 AND lease_epoch = $2 AND lease_until IS NOT NULL",
		3, {INT8OID, INT8OID, TIMESTAMPTZOID}};

	return cm_query(&release, (Datum[]) {Int64GetDatum(job->id), Int64GetDatum(job->lease_epoch), TimestampTzGetDatum(GetCurrentTimestamp())}, NULL).count > 0;
}

void
cm_job_yield(const CmJobRow *job, TimestampTz due_at)
{
	static CmQuery yield = {
		"UPDATE certmgr_private.job SET due_at = $3, lease_until = NULL"
		" WHERE id = (SELECT id FROM certmgr_private.job WHERE id = $1 AND lease_epoch = $2 AND lease_until IS NOT NULL FOR UPDATE SKIP LOCKED)",
		3, {INT8OID, INT8OID, TIMESTAMPTZOID}};

	cm_query(&yield, (Datum[]) {Int64GetDatum(job->id), Int64GetDatum(job->lease_epoch), TimestampTzGetDatum(due_at)}, NULL);
}

int
cm_job_release_all(void)
{
	static CmQuery release = {"UPDATE certmgr_private.job SET due_at = LEAST(due_at, $1), lease_until = NULL WHERE lease_until IS NOT NULL", 1, {TIMESTAMPTZOID}};

	return cm_query(&release, (Datum[]) {TimestampTzGetDatum(GetCurrentTimestamp())}, NULL).count;
}

TimestampTz
cm_job_next_due(void)
{
	static CmQuery next = {
		"SELECT pg_catalog.min(GREATEST(due_at, lease_until)) FROM"
		" (SELECT due_at, lease_until FROM certmgr_private.job ORDER BY due_at, id LIMIT " NEXT_DUE_LOOK ") j",
		0, {InvalidOid}};
	CmRows		rows = cm_query(&next, NULL, NULL);

	return cm_rows_null(&rows, 0, 0) ? DT_NOEND : DatumGetTimestampTz(cm_rows_value(&rows, 0, 0));
}
