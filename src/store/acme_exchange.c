/*
 * acme_exchange.c - see acme_exchange.h. Engines only. What is remembered
 * when an engine dies is lost: the ledger is for people and tests, the rows of
 * orders say what happened without it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "pg/query.h"
#include "store/acme_exchange.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Written by the transaction that ends a turn; a turn has at most a few thousand. */
static CmAcmeExchange *pending;
static int	npending;
static int	room;

/* A portion: removed in some milliseconds. */
#define PRUNE_ROWS 1000

void
cm_acme_exchange_add(const CmAcmeExchange *exchange)
{
	if (npending == room)
	{
		int			more = room == 0 ? 64 : room * 2;

		pending = pending == NULL ? MemoryContextAlloc(TopMemoryContext, sizeof(CmAcmeExchange) * more) : repalloc(pending, sizeof(CmAcmeExchange) * more);
		room = more;
	}
	pending[npending++] = *exchange;
}

/* One column of all rows. */
typedef struct Column
{
	Datum	   *values;
	bool	   *nulls;
} Column;

static Column
column(void)
{
	Column		c = {palloc(sizeof(Datum) * npending), palloc0(sizeof(bool) * npending)};

	return c;
}

static Datum
array_of(Column c, Oid type)
{
	int			dims[1] = {npending};
	int			bounds[1] = {1};
	bool		words = type == TEXTOID;
	int			len = words ? -1 : type == INT8OID ? 8 : 4;

	return PointerGetDatum(construct_md_array(c.values, c.nulls, 1, dims, bounds, type, len, !words, type == INT8OID ? TYPALIGN_DOUBLE : TYPALIGN_INT));
}

void
cm_acme_exchange_flush(void)
{
	static CmQuery insert = {
		"INSERT INTO certmgr.acme_exchange (order_id, account_id, certificate_id, at, method, kind, status, problem, ms)"
		" SELECT o, a, c, pg_catalog.clock_timestamp(), m, k, s, p, t FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),"
		" pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6), pg_catalog.unnest($7), pg_catalog.unnest($8)) x (o, a, c, m, k, s, p, t)",
		8, {INT8ARRAYOID, INT8ARRAYOID, INT8ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT4ARRAYOID, TEXTARRAYOID, INT4ARRAYOID}};
	Column		columns[8];

	if (npending == 0)
		return;
	for (int i = 0; i < 8; i++)
		columns[i] = column();
	for (int i = 0; i < npending; i++)
	{
		const CmAcmeExchange *e = &pending[i];

		columns[0].values[i] = Int64GetDatum(e->order_id);
		columns[0].nulls[i] = e->order_id == 0;
		columns[1].values[i] = Int64GetDatum(e->account_id);
		columns[2].values[i] = Int64GetDatum(e->certificate_id);
		columns[2].nulls[i] = e->certificate_id == 0;
		columns[3].values[i] = CStringGetTextDatum(e->method);
		columns[4].values[i] = CStringGetTextDatum(e->kind);
		columns[5].values[i] = Int32GetDatum(e->status);
		columns[5].nulls[i] = e->status == 0;
		columns[6].values[i] = CStringGetTextDatum(e->problem);
		columns[6].nulls[i] = e->problem[0] == '\0';
		columns[7].values[i] = Int32GetDatum(e->ms);
		columns[7].nulls[i] = e->ms < 0;
	}
	cm_query(&insert,
			 (Datum[]) {array_of(columns[0], INT8OID), array_of(columns[1], INT8OID), array_of(columns[2], INT8OID), array_of(columns[3], TEXTOID),
						array_of(columns[4], TEXTOID), array_of(columns[5], INT4OID), array_of(columns[6], TEXTOID), array_of(columns[7], INT4OID)}, NULL);
	npending = 0;
}

bool
cm_acme_exchange_prune(TimestampTz before)
{
	/* Ids rise with time, near enough: the oldest are the first. */
	static CmQuery prune = {
		"DELETE FROM certmgr.acme_exchange WHERE id IN (SELECT f.id FROM (SELECT id, at FROM certmgr.acme_exchange ORDER BY id LIMIT $2) f WHERE f.at < $1)",
		2, {TIMESTAMPTZOID, INT4OID}};

	return cm_query(&prune, (Datum[]) {TimestampTzGetDatum(before), Int32GetDatum(PRUNE_ROWS)}, NULL).count == PRUNE_ROWS;
}
