/*
 * acme_ca.c - external CAs, DNS providers and credentials. Sessions only; no
 * network here: the worker registers the account.
 */
#include "postgres.h"

#include "api/args.h"
#include "base/encode.h"
#include "catalog/pg_type.h"
#include "dns01/provider.h"
#include "lifecycle/dns_function.h"
#include "lifecycle/master_key.h"
#include "miscadmin.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/own.h"
#include "pg/query.h"
#include "store/acme_account.h"
#include "store/audit.h"
#include "store/ca.h"
#include "store/dns_provider_row.h"
#include "store/instance.h"
#include "store/job.h"
#include "store/key.h"
#include "store/secret.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "x509/certificate.h"

PG_FUNCTION_INFO_V1(certmgr_create_acme_ca);
PG_FUNCTION_INFO_V1(certmgr_create_dns_provider);
PG_FUNCTION_INFO_V1(certmgr_drop_dns_provider);
PG_FUNCTION_INFO_V1(certmgr_set_secret);

#define ANCHORS_MAX 64			/* certificates in trust_anchors; the bundle of all public CAs has some 140, and is the default anyway */
#define CONFIG_MAX (64 * 1024)
#define SECRET_MAX (64 * 1024)

static void
require_https(const char *url)
{
	if (pg_strncasecmp(url, "https://", 8) == 0 && url[8] != '\0' && url[8] != '/' && strlen(url) < 1000 && strpbrk(url, " \t\r\n") == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"directory_url\" must be an https URL"),
			 errdetail("It is \"%s\".", url),
			 errhint("For Let's Encrypt: https://acme-v02.api.letsencrypt.org/directory")));
}

static void
require_anchors(const char *pem)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *ders = cm_own_buf(0);
	int			count;

	if (!cm_certificates_from_text(cm_slice(pem, strlen(pem)), ANCHORS_MAX, ders, &count, &st))
		cm_throw(&st, "\"trust_anchors\" takes certificates in PEM.");
}

static void
put_member(CmBuf *json, const char *key, const char *value)
{
	if (value == NULL)
		return;
	cm_buf_printf(json, "%s\"%s\":", json->len > 1 ? "," : "", key);
	(void) cm_json_quote(json, value);
}

static char **
contacts_of(FunctionCallInfo fcinfo, int n, int *count)
{
	char	  **contacts;

	*count = 0;
	if (PG_ARGISNULL(n))
		return NULL;
	contacts = cm_text_array(PG_GETARG_DATUM(n), count);
	for (int i = 0; i < *count; i++)
	{
		if (contacts[i][0] == '\0' || strlen(contacts[i]) > 500 || strpbrk(contacts[i], " \t\r\n") != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("contact \"%s\" is not valid", contacts[i]),
					 errhint("Give mail addresses, with or without mailto:.")));
	}
	return contacts;
}

/* Both or none; the key must be base64 of either kind. */
static void
check_eab(const char *kid, const char *key)
{
	CmBuf	   *plain = cm_own_secret(0);

	if ((kid == NULL) != (key == NULL) || (kid != NULL && kid[0] == '\0'))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"eab_kid\" and \"eab_hmac_key\" must be given together")));
	if (key != NULL && (!cm_base64_decode(plain, key, strlen(key)) || plain->len == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"eab_hmac_key\" is not base64url")));
}

Datum
certmgr_create_acme_ca(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *url;
	char	   *provider_name = cm_arg_text(fcinfo, 3);
	char	   *anchors = cm_arg_text(fcinfo, 5);
	char	   *eab_kid = cm_arg_text(fcinfo, 6);
	char	   *eab_key = cm_arg_text(fcinfo, 7);
	char	   *profile = cm_arg_text(fcinfo, 8);
	bool		agreed = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	CmBuf	   *config = cm_own_buf(0);
	CmDnsProviderRow *provider = NULL;
	CmOwnerScope scope;
	char	   *actor;
	char	  **contacts;
	int			count;
	int64		secret_id = 0;
	int64		ca_id;
	int64		account_id;

	cm_caller_require_admin("create a CA");
	name = cm_arg_name(fcinfo, 0, "name");
	cm_arg_not_null(fcinfo, 1, "directory_url");
	url = cm_arg_text(fcinfo, 1);
	require_https(url);
	if (anchors != NULL)
		require_anchors(anchors);
	check_eab(eab_kid, eab_key);
	contacts = contacts_of(fcinfo, 2, &count);
	actor = cm_caller_name();
	cm_master_key_require();

	cm_buf_append_str(config, "{");
	put_member(config, "directory_url", url);
	put_member(config, "trust_anchors", anchors);
	put_member(config, "profile", profile);
	cm_buf_append_str(config, "}");
	if (config->failed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the configuration is too large or not valid UTF-8")));

	cm_owner_enter(&scope);
	if (cm_ca_get(name, false) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("ca \"%s\" already exists", name)));
	if (provider_name != NULL)
	{
		provider = cm_dns_provider_get(provider_name);
		if (provider == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("dns provider \"%s\" does not exist", provider_name),
					 errhint("SELECT certmgr.create_dns_provider('%s', 'rfc2136', ...);", provider_name)));
	}
	if (eab_key != NULL)
	{
		secret_id = cm_secret_put(psprintf("eab:%s", name), cm_slice(eab_key, strlen(eab_key)));
		cm_wipe(eab_key, strlen(eab_key));
	}
	ca_id = cm_acme_ca_insert(name, cm_buf_cstr(config), provider != NULL ? provider->id : 0, "the worker registers the account");
	account_id = cm_acme_account_insert(ca_id, cm_store_key_create(CM_KEY_EC_P256), contacts, count, agreed, eab_kid, secret_id);
	cm_instance_register();
	cm_job_put("acme_account", account_id, GetCurrentTimestamp());
	cm_audit(actor, "create", "ca", ca_id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_INT64(ca_id);
}

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
