/*
 * query.h - kept SPI plans, values in, rows out. The one way in which C code
 * of this extension runs SQL; only src/store has texts of statements.
 */
#ifndef CM_PG_QUERY_H
#define CM_PG_QUERY_H

#include "base/der.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"

#define CM_QUERY_MAX_ARGS 32		/* a template has 26 columns to write */

/* A statement: text and argument types; the plan is made at first use and kept for the life of the process. */
typedef struct CmQuery
{
	const char *sql;
	int			nargs;
	Oid			types[CM_QUERY_MAX_ARGS];
	SPIPlanPtr	plan;
} CmQuery;

/* Rows in the memory context that was current at the call. */
typedef struct CmRows
{
	int			count;			/* rows returned, or rows touched where nothing is returned */
	int			columns;
	Datum	   *values;			/* count * columns */
	bool	   *nulls;
} CmRows;

/* isnull may be NULL when no argument is. */
extern CmRows cm_query(CmQuery *query, const Datum *args, const bool *isnull);
/* The same with a snapshot of this moment and read-only: for caches, which must not keep what an old snapshot of a REPEATABLE READ transaction sees. */
extern CmRows cm_query_latest(CmQuery *query, const Datum *args, const bool *isnull);

/* The same with a snapshot of this moment, for statements that write what others may have committed meanwhile. */
extern CmRows cm_query_now(CmQuery *query, const Datum *args, const bool *isnull);

/* A row on its way: values are valid within the call, and not to be kept. */
typedef void (*CmRowFn) (const Datum *values, const bool *nulls, void *arg);

/*
 * Calls back with each row, with a snapshot of this moment, read-only; no row
 * is copied, so a million of them need no memory. The plan is made without
 * sorting: what the statement orders by must be an index. fn may throw; it
 * runs in a context that is reset after each row.
 */
extern int64 cm_query_each(CmQuery *query, const Datum *args, const bool *isnull, CmRowFn fn, void *arg);

static inline Datum
cm_rows_value(const CmRows *rows, int row, int column)
{
	return rows->values[row * rows->columns + column];
}

static inline bool
cm_rows_null(const CmRows *rows, int row, int column)
{
	return rows->nulls[row * rows->columns + column];
}

/* Conversions; NULL gives NULL, 0 or false. */
extern char *cm_rows_text(const CmRows *rows, int row, int column);
extern int64 cm_rows_int64(const CmRows *rows, int row, int column);
extern bool cm_rows_bool(const CmRows *rows, int row, int column);
extern bytea *cm_rows_bytea(const CmRows *rows, int row, int column);
/* The bytes of a bytea; NULL gives an empty slice. */
extern CmSlice cm_rows_slice(const CmRows *rows, int row, int column);
extern TimestampTz cm_rows_time(const CmRows *rows, int row, int column, TimestampTz otherwise);

/* The bytes of a bytea that cm_query_each hands over. */
extern CmSlice cm_slice_of_datum(Datum value);

/* palloc'ed Datums from C values. */
extern Datum cm_datum_text(const char *string);	/* NULL gives 0: say isnull */
extern Datum cm_datum_bytea(const void *data, size_t len);
extern Datum cm_datum_text_array(char *const *texts, int count);
extern Datum cm_datum_int8_array(const int64 *values, int count);
extern char **cm_text_array(Datum array, int *count);	/* NULL elements are refused */

#endif
