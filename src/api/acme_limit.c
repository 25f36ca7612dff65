/*
 * acme_limit.c - rate limits of ACME CAs: set, and what they mean for a batch.
 * Sessions only.
 */
#include "postgres.h"

#include "api/args.h"
#include "base/host.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lifecycle/acme_limit.h"
#include "miscadmin.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "store/audit.h"
#include "store/ca.h"
#include "utils/array.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(certmgr_set_acme_limit);
PG_FUNCTION_INFO_V1(certmgr_forecast);

#define BURST_MAX 1000000
#define ORDERS_MAX 10000000
/* A batch is read and counted in memory. */
#define NAMES_MAX 100000

/* As the owner. */
static CmCaRow *
require_acme(const char *name)
{
	CmCaRow    *ca = cm_ca_require(name, false);

	if (strcmp(ca->type, "acme") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("certificate authority \"%s\" is not an ACME CA", name)));
	return ca;
}

Datum
certmgr_set_acme_limit(PG_FUNCTION_ARGS)
{
	static const char *const scopes[] = {CM_LIMIT_ACCOUNT, CM_LIMIT_DOMAIN, CM_LIMIT_SET, CM_LIMIT_NAME};
	Interval	none = {0};
	char	   *name;
	char	   *scope;
	char	   *actor;
	CmCaRow    *ca;
	CmOwnerScope owner;
	bool		known = false;
	int			burst = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);
	Interval   *period = PG_ARGISNULL(3) ? &none : PG_GETARG_INTERVAL_P(3);

	cm_caller_require_admin("set a rate limit");
	name = cm_arg_name(fcinfo, 0, "ca");
	scope = cm_arg_name(fcinfo, 1, "scope");
	for (int i = 0; i < lengthof(scopes); i++)
		known = known || strcmp(scopes[i], scope) == 0;
	if (!known)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no rate limit \"%s\"", scope),
				 errdetail("There are account_orders, domain_certificates, set_certificates, name_failures.")));
	if (!PG_ARGISNULL(2) && (burst < 1 || burst > BURST_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"burst\" must be 1 to %d", BURST_MAX)));
	if (burst > 0 && (PG_ARGISNULL(3) || period->month != 0 || period->day < 0 || period->day > 366 || period->time < 0 ||
					  period->time > INT64CONST(366) * USECS_PER_DAY || (period->day == 0 && period->time < USECS_PER_SEC)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"period\" must be a second to a year, without months")));
	actor = cm_caller_name();
	cm_owner_enter(&owner);
	ca = require_acme(name);
	cm_limit_set(ca->id, scope, burst, period);
	cm_audit(actor, "set-limit", "ca", ca->id, NULL);
	cm_owner_leave(&owner);
	PG_RETURN_VOID();
}

/* ---- forecast ---- */

typedef struct Tally
{
	CmLimitKey *keys;
	int			count;
	int			size;
} Tally;

static void
tally_put(Tally *tally, const CmLimitKey *key, int n)
{
	if (tally->count == tally->size)
	{
		tally->size *= 2;
		tally->keys = repalloc_huge(tally->keys, sizeof(CmLimitKey) * tally->size);
	}
	tally->keys[tally->count] = *key;
	tally->keys[tally->count++].n = n;
}

/* One row a limit. Sorted first: a fleet has a hundred thousand of them, of which each was looked for among all others. */
static void
tally_sum(Tally *tally)
{
	int			count = 0;

	qsort(tally->keys, tally->count, sizeof(CmLimitKey), cm_acme_limit_key_compare);
	for (int i = 0; i < tally->count; i++)
	{
		if (count > 0 && cm_acme_limit_key_compare(&tally->keys[count - 1], &tally->keys[i]) == 0)
			tally->keys[count - 1].n += tally->keys[i].n;
		else
			tally->keys[count++] = tally->keys[i];
	}
	tally->count = count;
}

static char *
canonical(const char *name)
{
	CmStatus	st = CM_STATUS_INIT;
	char		host[CM_HOST_MAX + 1];

	if (!cm_host_canonical(pg_strncasecmp(name, "DNS:", 4) == 0 ? name + 4 : name, true, host, &st))
		cm_throw(&st, NULL);
	return pstrdup(host);
}

/* One order of these names: one more of its domains and of its set. Failures are not foreseen. */
static void
tally_order(Tally *tally, int64 account_id, char **names, int count)
{
	int			key_count;
	CmLimitKey *keys = cm_acme_limit_keys(account_id, names, count, &key_count);

	for (int i = 0; i < key_count; i++)
	{
		if (strcmp(keys[i].scope, CM_LIMIT_NAME) != 0)
			tally_put(tally, &keys[i], 1);
	}
}

/* A row of the array is an order; one dimension is an order a name. */
static void
tally_names(Tally *tally, int64 account_id, ArrayType *array)
{
	int			total = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	int			width = ARR_NDIM(array) == 2 ? ARR_DIMS(array)[1] : 1;
	char	  **names = palloc(sizeof(char *) * Max(width, 1));
	int			count = 0;
	Datum	   *values;
	bool	   *nulls;

	if (ARR_NDIM(array) > 2 || total > NAMES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"names\" must be an array of at most two dimensions and %d names", NAMES_MAX)));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &total);
	for (int i = 0; i < total; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!nulls[i])
			names[count++] = canonical(TextDatumGetCString(values[i]));
		if ((i + 1) % width == 0 && count > 0)
		{
			tally_order(tally, account_id, names, count);
			count = 0;
		}
	}
}

static void
put_row(ReturnSetInfo *result, const CmLimitKey *key, const CmLimit *limit, TimestampTz now)
{
	TimestampTz when = limit != NULL ? cm_gcra_when(&limit->rate, key->tat, Max(now, key->parked_until), key->n) : key->parked_until;
	Datum		values[4] = {CStringGetTextDatum(key->scope), CStringGetTextDatum(key->key), Int32GetDatum(key->n), TimestampTzGetDatum(Max(when, now))};
	bool		nulls[4] = {false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
certmgr_forecast(PG_FUNCTION_ARGS)
{
	int			orders = PG_ARGISNULL(1) ? 1 : PG_GETARG_INT32(1);
	TimestampTz now = GetCurrentTimestamp();
	Tally		tally = {palloc(sizeof(CmLimitKey) * 64), 0, 64};
	char	   *name;
	CmOwnerScope owner;
	CmLimits	limits;
	CmCaRow    *ca;
	int64		account_id;

	cm_caller_require_operator("ask for a forecast");
	name = cm_arg_name(fcinfo, 0, "ca");
	if (orders < 1 || orders > ORDERS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"orders\" must be 1 to %d", ORDERS_MAX)));
	InitMaterializedSRF(fcinfo, 0);
	cm_owner_enter(&owner);
	ca = require_acme(name);
	account_id = cm_acme_account_of_ca(ca->id);
	if (PG_ARGISNULL(2))
	{
		CmLimitKey	key = {CM_LIMIT_ACCOUNT, psprintf(INT64_FORMAT, account_id)};

		tally_put(&tally, &key, orders);
	}
	else
		tally_names(&tally, account_id, PG_GETARG_ARRAYTYPE_P(2));
	tally_sum(&tally);
	cm_limits_load(ca->id, &limits);
	cm_limit_read(ca->id, tally.keys, tally.count);
	for (int i = 0; i < tally.count; i++)
	{
		const CmLimit *limit = cm_limits_find(&limits, tally.keys[i].scope);

		if (limit != NULL || tally.keys[i].parked_until > now)
			put_row((ReturnSetInfo *) fcinfo->resultinfo, &tally.keys[i], limit, now);
	}
	cm_owner_leave(&owner);
	return (Datum) 0;
}
