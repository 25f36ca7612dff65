/*
 * acme_ca.c - DNS providers and credentials of external CAs. Sessions only; no
 * network here.
 */
#include "postgres.h"

#include "api/args.h"
#include "dns01/provider.h"
#include "lifecycle/dns_function.h"
#include "lifecycle/master_key.h"
#include "miscadmin.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "store/audit.h"
#include "store/dns_provider_row.h"
#include "store/secret.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(certmgr_create_dns_provider);
PG_FUNCTION_INFO_V1(certmgr_drop_dns_provider);
PG_FUNCTION_INFO_V1(certmgr_set_secret);

#define CONFIG_MAX (64 * 1024)
#define SECRET_MAX (64 * 1024)

static CmJson *
read_config(const char *json)
{
	CmStatus	st = CM_STATUS_INIT;
	CmJson	   *config = cm_json_parse(cm_slice(json, strlen(json)), CONFIG_MAX, &st);

	if (config == NULL)
		cm_throw(&st, NULL);
	return config;
}

Datum
certmgr_create_dns_provider(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *type;
	char	   *config = "{}";
	char	   *secret = cm_arg_text(fcinfo, 3);
	const CmDns01Provider *provider;
	CmStatus	st = CM_STATUS_INIT;
	CmOwnerScope scope;
	char	   *actor;
	int64		secret_id = 0;
	int64		id;

	cm_caller_require_admin("create a DNS provider");
	name = cm_arg_name(fcinfo, 0, "name");
	type = cm_arg_name(fcinfo, 1, "type");
	if (!PG_ARGISNULL(2))
	{
		Jsonb	   *jsonb = PG_GETARG_JSONB_P(2);

		config = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
	}
	provider = cm_dns01_provider(type);
	if (provider == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown type of DNS provider \"%s\"", type),
				 errdetail("There is: %s.", cm_dns01_provider_types())));
	if (!provider->check(read_config(config), cm_slice(secret, secret != NULL ? strlen(secret) : 0), &st))
		cm_throw(&st, NULL);
	if (provider->apply == NULL)
		cm_dns_function_check(cm_json_get_string(read_config(config), "function"), GetUserId());
	actor = cm_caller_name();
	if (secret != NULL)
		cm_master_key_require();

	cm_owner_enter(&scope);
	if (cm_dns_provider_get(name) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("dns provider \"%s\" already exists", name)));
	if (secret != NULL)
	{
		secret_id = cm_secret_put(psprintf("dns_provider:%s", name), cm_slice(secret, strlen(secret)));
		cm_wipe(secret, strlen(secret));
	}
	id = cm_dns_provider_insert(name, type, config, secret_id);
	cm_audit(actor, "create", "dns_provider", id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_INT64(id);
}

Datum
certmgr_drop_dns_provider(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *use;
	CmDnsProviderRow *row;
	CmOwnerScope scope;
	char	   *actor;

	cm_caller_require_admin("drop a DNS provider");
	name = cm_arg_name(fcinfo, 0, "name");
	actor = cm_caller_name();
	cm_owner_enter(&scope);
	row = cm_dns_provider_get(name);
	if (row == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("dns provider \"%s\" does not exist", name)));
	use = cm_dns_provider_in_use(row->id);
	if (use != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("dns provider \"%s\" is in use", name),
				 errdetail("%s", use)));
	cm_dns_provider_delete(row->id);
	if (row->secret_id != 0)
		cm_secret_delete(row->secret_id);
	cm_audit(actor, "drop", "dns_provider", row->id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}

/* "dns_provider:NAME": the provider must exist and take the value; it gets it when it had none. */
static void
check_provider_secret(const char *provider_name, const char *value, int64 secret_id)
{
	CmDnsProviderRow *row = cm_dns_provider_get(provider_name);
	const CmDns01Provider *provider;
	CmStatus	st = CM_STATUS_INIT;

	if (row == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("dns provider \"%s\" does not exist", provider_name)));
	provider = cm_dns01_provider(row->type);
	if (provider != NULL && !provider->check(read_config(row->config), cm_slice(value, strlen(value)), &st))
		cm_throw(&st, NULL);
	if (row->secret_id != secret_id)
		cm_dns_provider_set_secret(row->id, secret_id);
}

Datum
certmgr_set_secret(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *value;
	char	   *actor;
	CmOwnerScope scope;
	int64		id;

	cm_caller_require_admin("set a secret");
	name = cm_arg_name(fcinfo, 0, "name");
	cm_arg_not_null(fcinfo, 1, "value");
	value = cm_arg_text(fcinfo, 1);
	if (value[0] == '\0' || strlen(value) > SECRET_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"value\" must have 1 to %d bytes", SECRET_MAX)));
	actor = cm_caller_name();
	cm_master_key_require();
	cm_owner_enter(&scope);
	id = cm_secret_put(name, cm_slice(value, strlen(value)));
	if (strncmp(name, "dns_provider:", 13) == 0)
		check_provider_secret(name + 13, value, id);
	cm_wipe(value, strlen(value));
	cm_audit(actor, "set", "secret", id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}
