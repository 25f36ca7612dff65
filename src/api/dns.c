/*
 * dns.c - which provider writes which zone, leftovers, kinds of challenges and
 * standing records. Sessions only; no network here.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "acme/messages.h"
#include "api/args.h"
#include "base/host.h"
#include "dns01/provider.h"
#include "funcapi.h"
#include "lifecycle/challenge.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/own.h"
#include "pg/query.h"
#include "store/acme_account.h"
#include "store/audit.h"
#include "store/ca.h"
#include "store/dns_provider_row.h"
#include "store/dns_record.h"
#include "store/dns_zone.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(certmgr_set_dns_zone);
PG_FUNCTION_INFO_V1(certmgr_sweep_dns);
PG_FUNCTION_INFO_V1(certmgr_set_challenge_type);
PG_FUNCTION_INFO_V1(certmgr_set_caa_identities);
PG_FUNCTION_INFO_V1(certmgr_dns_persist_record);

/* 0 for NULL; throws when there is none of that name. */
static int64
provider_id_of(const char *name)
{
	CmDnsProviderRow *row;

	if (name == NULL)
		return 0;
	row = cm_dns_provider_get(name);
	if (row == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("dns provider \"%s\" does not exist", name)));
	return row->id;
}

Datum
certmgr_set_dns_zone(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *provider_name = cm_arg_text(fcinfo, 1);
	char		zone[256];
	CmOwnerScope scope;
	char	   *actor;
	int64		provider_id;

	cm_caller_require_admin("map a zone to a DNS provider");
	name = cm_arg_name(fcinfo, 0, "zone");
	if (!cm_dns01_canonical(name, zone))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("zone \"%s\" is not a DNS name", name)));
	actor = cm_caller_name();
	cm_owner_enter(&scope);
	provider_id = provider_id_of(provider_name);
	if (cm_dns_zone_set(zone, provider_id))
		cm_audit(actor, provider_id != 0 ? "map" : "unmap", "dns_zone", provider_id, NULL);
	cm_dns_record_retry();
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}

Datum
certmgr_sweep_dns(PG_FUNCTION_ARGS)
{
	char	   *provider_name = cm_arg_text(fcinfo, 0);
	CmOwnerScope scope;
	int64		count;

	cm_caller_require_operator("remove TXT records that were left behind");
	cm_owner_enter(&scope);
	count = cm_dns_record_sweep(provider_id_of(provider_name));
	cm_owner_leave(&scope);
	PG_RETURN_INT64(count);
}

/* An external CA of that name. */
static CmCaRow *
acme_ca(const char *name, bool for_update)
{
	CmCaRow    *ca = cm_ca_require(name, for_update);

	if (strcmp(ca->type, "acme") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("ca \"%s\" is not reached by ACME", name)));
	return ca;
}

Datum
certmgr_set_challenge_type(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *type;
	CmOwnerScope scope;
	CmCaRow    *ca;
	char	   *actor;

	cm_caller_require_admin("change a CA");
	name = cm_arg_name(fcinfo, 0, "ca");
	type = cm_arg_name(fcinfo, 1, "challenge_type");
	if (cm_challenge(type) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown type of challenge \"%s\"", type),
				 errdetail("There is: %s.", cm_challenge_types())));
	actor = cm_caller_name();
	cm_owner_enter(&scope);
	ca = acme_ca(name, true);
	cm_acme_ca_set_config(ca->id, "challenge_type", psprintf("\"%s\"", type));
	cm_audit(actor, "alter", "ca", ca->id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}

Datum
certmgr_set_caa_identities(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	  **identities = NULL;
	int			count = 0;
	CmBuf	   *json = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;
	CmOwnerScope scope;
	CmCaRow    *ca;
	char	   *actor;

	cm_caller_require_admin("change a CA");
	name = cm_arg_name(fcinfo, 0, "ca");
	if (!PG_ARGISNULL(1))
		identities = cm_text_array(PG_GETARG_DATUM(1), &count);
	if (count > CM_DNS01_ISSUERS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a CA has at most %d names for itself", CM_DNS01_ISSUERS_MAX)));
	cm_buf_append_str(json, "[");
	for (int i = 0; i < count; i++)
	{
		char		host[CM_HOST_MAX + 1];

		if (!cm_host_canonical(identities[i], false, host, &st))
			cm_throw(&st, NULL);
		cm_buf_printf(json, "%s\"%s\"", i > 0 ? "," : "", host);
	}
	cm_buf_append_str(json, "]");
	actor = cm_caller_name();
	cm_owner_enter(&scope);
	ca = acme_ca(name, true);
	cm_acme_ca_set_config(ca->id, "caa_identities", !PG_ARGISNULL(1) ? cm_buf_cstr(json) : NULL);
	cm_audit(actor, "alter", "ca", ca->id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}

/* What the CA calls itself in DNS. */
static char *
issuer_of(const CmAcmeAccountRow *account)
{
	if (account->caa_count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("it is not known what ca \"%s\" calls itself in DNS", account->ca_name),
				 errhint("Give \"issuer\": the name that the CA's documentation tells to use in CAA records.")));
	return account->caa_identities[0];
}

Datum
certmgr_dns_persist_record(PG_FUNCTION_ARGS)
{
	char	   *ca_name;
	char	   *name;
	char	   *issuer = cm_arg_text(fcinfo, 3);
	char		host[CM_HOST_MAX + 1];
	char		issuer_host[CM_HOST_MAX + 1];
	CmAcmeAccountRow *account;
	CmOwnerScope scope;
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *value = cm_own_buf(0);
	bool		wildcard;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	CmCaRow    *ca;

	cm_caller_require_operator("read an account's URL");
	ca_name = cm_arg_name(fcinfo, 0, "ca");
	name = cm_arg_name(fcinfo, 1, "name");
	if (!cm_host_canonical(name, true, host, &st) || (issuer != NULL && !cm_host_canonical(issuer, false, issuer_host, &st)))
		cm_throw(&st, NULL);
	if (!PG_ARGISNULL(2) && TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(2)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"persist_until\" must be a time, or null for ever")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	cm_owner_enter(&scope);
	ca = acme_ca(ca_name, false);
	account = cm_acme_account_get(cm_acme_account_of_ca(ca->id));
	cm_owner_leave(&scope);
	if (issuer == NULL && account != NULL)
		issuer = issuer_of(account);
	if (account == NULL || account->url == NULL)
		ereport(ERROR,
				(errcode(CM_ERRCODE_NOT_READY),
				 errmsg("the account at ca \"%s\" is not registered yet", ca_name),
				 errhint("SELECT state, status_message FROM certmgr.acme_account;")));
	wildcard = strncmp(host, "*.", 2) == 0;
	if (!cm_dns01_persist_format(value, issuer, account->url, wildcard,
								 PG_ARGISNULL(2) ? 0 : (int64) timestamptz_to_time_t(PG_GETARG_TIMESTAMPTZ(2)), &st))
		cm_throw(&st, NULL);
	values[0] = CStringGetTextDatum(psprintf("_validation-persist.%s", wildcard ? host + 2 : host));
	values[1] = CStringGetTextDatum(cm_buf_cstr(value));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
