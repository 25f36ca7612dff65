/*
 * dns_check.c - CALL certmgr.check_dns_provider(): puts a check for the worker
 * and waits for its result. Sessions only; no network here. Commits while it
 * waits, so it holds no snapshot and no lock.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "api/args.h"
#include "api/wait.h"
#include "common/pg_prng.h"
#include "dns01/provider.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/tx.h"
#include "store/audit.h"
#include "store/dns_check.h"
#include "store/dns_provider_row.h"
#include "store/job.h"
#include "utils/timestamp.h"
#include "worker/shmem.h"

PG_FUNCTION_INFO_V1(certmgr_check_dns_provider);

/* Inserts the check; its id. */
static int64
begin(const char *name, const char *zone)
{
	char	   *actor = cm_caller_name();
	CmDnsProviderRow *row;
	const CmDns01Provider *provider;
	CmOwnerScope scope;
	int64		id;
	/* A name of its own, so that checks do not meet each other or a challenge; below _acme-challenge, where a careful credential may write. */
	char	   *probe = psprintf("_acme-challenge.certmgr-check-%08x.%s", pg_prng_uint32(&pg_global_prng_state), zone);

	cm_owner_enter(&scope);
	row = cm_dns_provider_get(name);
	if (row == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("dns provider \"%s\" does not exist", name)));
	provider = cm_dns01_provider(row->type);
	if (provider != NULL && cm_dns01_by_person(provider))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("dns provider \"%s\" is a person", name),
				 errdetail("There is nothing that could be checked.")));
	id = cm_dns_check_insert(row->id, probe, psprintf("certmgr check %08x", pg_prng_uint32(&pg_global_prng_state)));
	cm_job_put("dns_check", id, GetCurrentTimestamp());
	cm_audit(actor, "check", "dns_provider", row->id, NULL);
	cm_owner_leave(&scope);
	return id;
}

typedef struct Look
{
	int64		id;
	bool		ok;
	char		message[1000];
} Look;

static bool
look(void *arg)
{
	Look	   *l = arg;
	CmDnsCheckRow *row;
	bool		finished;

	cm_tx_begin();
	row = cm_dns_check_get(l->id);
	finished = row == NULL || row->finished;
	l->ok = row != NULL && row->ok;
	strlcpy(l->message, row == NULL ? "the provider was dropped" : row->message != NULL ? row->message : "the worker has not begun yet", sizeof(l->message));
	cm_tx_commit();
	return finished;
}

Datum
certmgr_check_dns_provider(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *zone;
	char		canonical[256];
	Look		l = {0};
	volatile bool finished = false;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	cm_caller_require_admin("check a DNS provider");
	name = cm_arg_name(fcinfo, 0, "name");
	zone = cm_arg_name(fcinfo, 1, "zone");
	cm_arg_not_null(fcinfo, 2, "timeout");
	cm_procedure_require(fcinfo, "certmgr.check_dns_provider()");
	/* The probe's labels go in front: 40 bytes. */
	if (!cm_dns01_canonical(zone, canonical) || strlen(canonical) > 200)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("zone \"%s\" is not a DNS name", zone)));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	l.id = begin(name, canonical);
	cm_tx_in_procedure(true);
	PG_TRY();
	{
		finished = cm_wait_until(look, &l, cm_interval_ms(PG_GETARG_INTERVAL_P(2)));
	}
	PG_FINALLY();
	{
		cm_tx_in_procedure(false);
	}
	PG_END_TRY();
	SPI_finish();
	if (!finished)
		ereport(ERROR,
				(errcode(CM_ERRCODE_NOT_READY),
				 errmsg("the check of dns provider \"%s\" is not finished yet", name),
				 errdetail("%s", l.message),
				 cm_worker_preloaded() ? errhint("It goes on in the background: SELECT * FROM certmgr.dns_provider_check;") :
				 errhint("No worker runs: CALL certmgr.work(); then SELECT * FROM certmgr.dns_provider_check;")));
	values[0] = BoolGetDatum(l.ok);
	values[1] = CStringGetTextDatum(l.message);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}
