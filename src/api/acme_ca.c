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
#include "store/dns_record.h"
#include "store/secret.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(certmgr_create_dns_provider);
PG_FUNCTION_INFO_V1(certmgr_alter_dns_provider);
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

static CmDnsProviderRow *
provider_of(const char *name)
{
	CmDnsProviderRow *row = cm_dns_provider_get(name);

	if (row == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("dns provider \"%s\" does not exist", name),
				 errhint("SELECT name, type FROM certmgr.dns_provider lists them.")));
	return row;
}

static char *
arg_config(FunctionCallInfo fcinfo, int n)
{
	Jsonb	   *jsonb = PG_GETARG_JSONB_P(n);

	return JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
}

/* Throws unless a provider of that type takes them. */
static void
check_config(const CmDns01Provider *provider, const char *config, CmSlice secret)
{
	CmStatus	st = CM_STATUS_INIT;

	if (!provider->check(read_config(config), secret, &st))
		cm_throw(&st, NULL);
	if (provider->apply == NULL)
		cm_dns_function_check(cm_json_get_string(read_config(config), "function"), GetUserId());
}

Datum
certmgr_create_dns_provider(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *type;
	char	   *config = "{}";
	char	   *secret = cm_arg_secret(fcinfo, 3);
	const CmDns01Provider *provider;
	CmOwnerScope scope;
	char	   *actor;
	int64		secret_id = 0;
	int64		id;

	cm_caller_require_admin("create a DNS provider");
	name = cm_arg_name(fcinfo, 0, "name");
	type = cm_arg_name(fcinfo, 1, "type");
	if (!PG_ARGISNULL(2))
		config = arg_config(fcinfo, 2);
	provider = cm_dns01_provider(type);
	if (provider == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown type of DNS provider \"%s\"", type),
				 errdetail("There is: %s.", cm_dns01_provider_types())));
	check_config(provider, config, cm_slice(secret, secret != NULL ? strlen(secret) : 0));
	actor = cm_caller_name();
	if (secret != NULL)
		cm_master_key_require();

	cm_owner_enter(&scope);
	if (cm_dns_provider_get(name) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("dns provider \"%s\" already exists", name),
				 errhint("SELECT certmgr.alter_dns_provider(%s, config => '{...}', secret => '...') changes it, certmgr.set_secret(%s, '...') the credential alone.",
						 quote_literal_cstr(name), quote_literal_cstr(psprintf("dns_provider:%s", name)))));
	if (secret != NULL)
		secret_id = cm_secret_put(psprintf("dns_provider:%s", name), cm_slice(secret, strlen(secret)));
	id = cm_dns_provider_insert(name, type, config, secret_id);
	cm_audit(actor, "create", "dns_provider", id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_INT64(id);
}

/*
 * A provider's credential goes where its configuration says, so who changes the one must know the other: else an administrator, who
 * may not read credentials, could have one sent to a server of his own.
 */
Datum
certmgr_alter_dns_provider(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *config;
	char	   *secret = cm_arg_secret(fcinfo, 2);
	const CmDns01Provider *provider;
	CmDnsProviderRow *row;
	CmOwnerScope scope;
	char	   *actor;

	cm_caller_require_admin("alter a DNS provider");
	name = cm_arg_name(fcinfo, 0, "name");
	cm_arg_not_null(fcinfo, 1, "config");
	config = arg_config(fcinfo, 1);
	actor = cm_caller_name();
	if (secret != NULL)
		cm_master_key_require();
	cm_owner_enter(&scope);
	row = provider_of(name);
	cm_owner_leave(&scope);
	if (row->secret_id != 0 && secret == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"secret\" must be given again"),
				 errdetail("DNS provider \"%s\" has a credential, which goes where the configuration says.", name),
				 errhint("SELECT certmgr.alter_dns_provider(%s, config => '{...}', secret => '...');", quote_literal_cstr(name))));
	provider = cm_dns01_provider(row->type);
	if (provider == NULL)
		elog(ERROR, "DNS provider \"%s\" has the unknown type \"%s\"", name, row->type);
	check_config(provider, config, cm_slice(secret, secret != NULL ? strlen(secret) : 0));

	cm_owner_enter(&scope);
	cm_dns_provider_set_config(row->id, config);
	if (secret != NULL)
		cm_dns_provider_set_secret(row->id, cm_secret_put(psprintf("dns_provider:%s", name), cm_slice(secret, strlen(secret))));
	cm_dns_record_retry();
	cm_audit(actor, "alter", "dns_provider", row->id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
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
	row = provider_of(name);
	use = cm_dns_provider_in_use(row->id);
	if (use != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("dns provider \"%s\" is in use", name),
				 errdetail("%s", use),
				 errhint("Give those another one: SELECT certmgr.alter_acme_ca('NAME', dns_provider => 'OTHER') or certmgr.set_dns_zone('ZONE', 'OTHER'); leftover records: SELECT certmgr.sweep_dns(%s);",
						 quote_literal_cstr(name))));
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
	CmDnsProviderRow *row = provider_of(provider_name);
	const CmDns01Provider *provider;
	CmStatus	st = CM_STATUS_INIT;

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
	value = cm_arg_secret(fcinfo, 1);
	if (value[0] == '\0' || strlen(value) > SECRET_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"value\" must have 1 to %d bytes", SECRET_MAX)));
	actor = cm_caller_name();
	cm_master_key_require();
	cm_owner_enter(&scope);
	id = cm_secret_put(name, cm_slice(value, strlen(value)));
	if (strncmp(name, "dns_provider:", 13) == 0)
	{
		check_provider_secret(name + 13, value, id);
		cm_dns_record_retry();
	}
	else if (cm_dns_provider_get(name) != NULL)
		ereport(NOTICE,
				(errmsg("DNS provider \"%s\" does not use the secret \"%s\"", name, name),
				 errhint("Its credential is changed by SELECT certmgr.set_secret(%s, '...');",
						 quote_literal_cstr(psprintf("dns_provider:%s", name)))));
	cm_audit(actor, "set", "secret", id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}
