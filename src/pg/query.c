/*
 * query.c - see query.h. Inside a transaction only; every call is a complete
 * SPI connection, so nothing of SPI outlives it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "nodes/params.h"
#include "pg/query.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "pg/compat.h"

static void
prepare(CmQuery *query)
{
	if (query->plan != NULL)
		return;
	query->plan = SPI_prepare(query->sql, query->nargs, query->types);
	if (query->plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", query->sql, SPI_result_code_string(SPI_result));
	if (SPI_keepplan(query->plan) != 0)
		elog(ERROR, "could not keep the plan of \"%s\"", query->sql);
}

/* SPI's rows go with SPI_finish: copy them into the caller's context. */
static void
copy_rows(CmRows *rows, MemoryContext context)
{
	TupleDesc	desc = SPI_tuptable->tupdesc;
	MemoryContext spi = MemoryContextSwitchTo(context);

	rows->columns = desc->natts;
	rows->values = palloc0(sizeof(Datum) * Max(rows->count * rows->columns, 1));
	rows->nulls = palloc0(sizeof(bool) * Max(rows->count * rows->columns, 1));
	for (int row = 0; row < rows->count; row++)
	{
		for (int column = 0; column < rows->columns; column++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, column);
			int			at = row * rows->columns + column;
			Datum		value = SPI_getbinval(SPI_tuptable->vals[row], desc, column + 1, &rows->nulls[at]);

			if (rows->nulls[at])
				continue;
			if (att->attlen == -1)
				value = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
			else
				value = datumCopy(value, att->attbyval, att->attlen);
			rows->values[at] = value;
		}
	}
	MemoryContextSwitchTo(spi);
}

static void
set_nulls(const CmQuery *query, const bool *isnull, char *nulls)
{
	for (int i = 0; i < query->nargs; i++)
		nulls[i] = isnull != NULL && isnull[i] ? 'n' : ' ';
}

static void
finish(const CmQuery *query, int result, CmRows *rows, MemoryContext caller)
{
	if (result < 0)
		elog(ERROR, "could not run \"%s\": %s", query->sql, SPI_result_code_string(result));
	if (SPI_processed > INT_MAX)
		elog(ERROR, "too many rows");
	rows->count = (int) SPI_processed;
	if (SPI_tuptable != NULL)
		copy_rows(rows, caller);
	SPI_finish();
	MemoryContextSwitchTo(caller);
}

static CmRows
run(CmQuery *query, const Datum *args, const bool *isnull, bool read_only)
{
	MemoryContext caller = CurrentMemoryContext;
	CmRows		rows = {0};
	char		nulls[CM_QUERY_MAX_ARGS];
	int			result;

	set_nulls(query, isnull, nulls);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	prepare(query);
	result = SPI_execute_plan(query->plan, (Datum *) args, nulls, read_only, 0);
	finish(query, result, &rows, caller);
	return rows;
}

CmRows
cm_query(CmQuery *query, const Datum *args, const bool *isnull)
{
	return run(query, args, isnull, false);
}

CmRows
cm_query_latest(CmQuery *query, const Datum *args, const bool *isnull)
{
	CmRows		rows;

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	rows = run(query, args, isnull, true);
	PopActiveSnapshot();
	return rows;
}

CmRows
cm_query_now(CmQuery *query, const Datum *args, const bool *isnull)
{
	MemoryContext caller = CurrentMemoryContext;
	CmRows		rows = {0};
	char		nulls[CM_QUERY_MAX_ARGS];
	int			result;

	set_nulls(query, isnull, nulls);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	prepare(query);
	CommandCounterIncrement();
	result = SPI_execute_snapshot(query->plan, (Datum *) args, nulls, GetLatestSnapshot(), InvalidSnapshot, false, true, 0);
	finish(query, result, &rows, caller);
	return rows;
}

/* ---- row by row ---- */

typedef struct EachReceiver
{
	DestReceiver pub;
	CmRowFn		fn;
	void	   *arg;
	int64		count;
	MemoryContext context;
} EachReceiver;

static bool
each_receive(TupleTableSlot *slot, DestReceiver *self)
{
	EachReceiver *each = (EachReceiver *) self;
	MemoryContext old = MemoryContextSwitchTo(each->context);

	slot_getallattrs(slot);
	each->fn(slot->tts_values, slot->tts_isnull, each->arg);
	each->count++;
	MemoryContextSwitchTo(old);
	MemoryContextReset(each->context);
	return true;
}

static void
each_startup(DestReceiver *self, int operation, TupleDesc desc)
{
}

static void
each_nothing(DestReceiver *self)
{
}

int64
cm_query_each(CmQuery *query, const Datum *args, const bool *isnull, CmRowFn fn, void *arg)
{
	SPIExecuteOptions options = {0};
	ParamListInfo params = makeParamList(query->nargs);
	EachReceiver each = {{each_receive, each_startup, each_nothing, each_nothing, DestNone}, fn, arg};
	int			guc_level = NewGUCNestLevel();
	int			result;

	(void) set_config_option("enable_sort", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	each.context = AllocSetContextCreate(CurrentMemoryContext, "certmgr row", ALLOCSET_SMALL_SIZES);
	for (int i = 0; i < query->nargs; i++)
	{
		params->params[i].value = args[i];
		params->params[i].isnull = isnull != NULL && isnull[i];
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = query->types[i];
	}
	options.params = params;
	options.read_only = true;
	options.dest = &each.pub;

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	prepare(query);
	result = SPI_execute_plan_extended(query->plan, &options);
	if (result < 0)
		elog(ERROR, "could not run \"%s\": %s", query->sql, SPI_result_code_string(result));
	SPI_finish();
	PopActiveSnapshot();
	AtEOXact_GUC(true, guc_level);
	MemoryContextDelete(each.context);
	return each.count;
}

char *
cm_rows_text(const CmRows *rows, int row, int column)
{
	if (cm_rows_null(rows, row, column))
		return NULL;
	return TextDatumGetCString(cm_rows_value(rows, row, column));
}

int64
cm_rows_int64(const CmRows *rows, int row, int column)
{
	return cm_rows_null(rows, row, column) ? 0 : DatumGetInt64(cm_rows_value(rows, row, column));
}

bool
cm_rows_bool(const CmRows *rows, int row, int column)
{
	return !cm_rows_null(rows, row, column) && DatumGetBool(cm_rows_value(rows, row, column));
}

bytea *
cm_rows_bytea(const CmRows *rows, int row, int column)
{
	return cm_rows_null(rows, row, column) ? NULL : DatumGetByteaPP(cm_rows_value(rows, row, column));
}

CmSlice
cm_rows_slice(const CmRows *rows, int row, int column)
{
	bytea	   *value = cm_rows_bytea(rows, row, column);

	return value == NULL ? cm_slice(NULL, 0) : cm_slice(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

TimestampTz
cm_rows_time(const CmRows *rows, int row, int column, TimestampTz otherwise)
{
	return cm_rows_null(rows, row, column) ? otherwise : DatumGetTimestampTz(cm_rows_value(rows, row, column));
}

Datum
cm_datum_text(const char *string)
{
	return string == NULL ? (Datum) 0 : CStringGetTextDatum(string);
}

Datum
cm_datum_bytea(const void *data, size_t len)
{
	bytea	   *value = palloc(VARHDRSZ + len);

	SET_VARSIZE(value, VARHDRSZ + len);
	if (len > 0)
		memcpy(VARDATA(value), data, len);
	return PointerGetDatum(value);
}

CmSlice
cm_slice_of_datum(Datum value)
{
	struct varlena *bytes = PG_DETOAST_DATUM_PACKED(value);

	return cm_slice(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));
}

Datum
cm_datum_text_array(char *const *texts, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(texts[i]);
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
cm_datum_int8_array(const int64 *values, int count)
{
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));

	for (int i = 0; i < count; i++)
		elements[i] = Int64GetDatum(values[i]);
	return PointerGetDatum(construct_array(elements, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

char **
cm_text_array(Datum array, int *count)
{
	ArrayType  *value = DatumGetArrayTypeP(array);
	Datum	   *elements;
	bool	   *nulls;
	char	  **texts;

	deconstruct_array(value, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, count);
	texts = palloc(sizeof(char *) * (*count + 1));
	for (int i = 0; i < *count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("array must not contain null values")));
		texts[i] = TextDatumGetCString(elements[i]);
	}
	texts[*count] = NULL;
	return texts;
}
