/*
 * acme_account.c - external CAs and our accounts there: made, changed, agreed
 * for, given up, with another key. Sessions only, administrators only; no
 * network here: each call leaves a wish in the account's row and a job, and
 * the worker tells the CA. Locks the account's row.
 */
#include "postgres.h"

#include "api/args.h"
#include "base/encode.h"
#include "catalog/pg_type.h"
#include "lifecycle/master_key.h"
#include "pg/caller.h"
#include "pg/error.h"
#include "pg/json.h"
#include "pg/own.h"
#include "pg/query.h"
#include "store/acme_account.h"
#include "store/acme_quirk.h"
#include "store/audit.h"
#include "store/ca.h"
#include "store/dns_provider_row.h"
#include "store/dns_record.h"
#include "store/instance.h"
#include "store/job.h"
#include "store/key.h"
#include "store/secret.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "x509/certificate.h"

PG_FUNCTION_INFO_V1(certmgr_create_acme_ca);
PG_FUNCTION_INFO_V1(certmgr_alter_acme_ca);
PG_FUNCTION_INFO_V1(certmgr_agree_terms_of_service);
PG_FUNCTION_INFO_V1(certmgr_create_acme_account);
PG_FUNCTION_INFO_V1(certmgr_deactivate_acme_account);
PG_FUNCTION_INFO_V1(certmgr_rollover_acme_account_key);

#define ANCHORS_MAX 64			/* certificates in trust_anchors; the bundle of all public CAs has some 140, and is the default anyway */
#define CONFIG_MAX (64 * 1024)
#define CONTACTS_MAX 16			/* as the request allows; CAs take two or so */

/* ---- checks of arguments ---- */

static void
require_https(const char *url)
{
	if (pg_strncasecmp(url, "https://", 8) == 0 && url[8] != '\0' && url[8] != '/' && strlen(url) < 1000 && strpbrk(url, " \t\r\n") == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"directory_url\" must be an https URL"),
			 errdetail("It is \"%s\".", url),
			 errhint("For Let's Encrypt say preset => 'letsencrypt'.")));
}

#define TRUST_ANCHORS_HINT "\"trust_anchors\" takes certificates in PEM."
#define CHAIN_ANCHORS_HINT "\"chain_anchors\" takes certificates in PEM: the roots that the CA's chains end at."

static void
require_anchors(const char *pem, const char *hint)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *ders = cm_own_buf(0);
	int			count;

	if (!cm_certificates_from_text(cm_slice(pem, strlen(pem)), ANCHORS_MAX, ders, &count, &st))
		cm_throw(&st, hint);
}

static char **
arg_contacts(FunctionCallInfo fcinfo, int n, int *count)
{
	char	  **contacts;

	*count = 0;
	if (PG_ARGISNULL(n))
		return NULL;
	contacts = cm_text_array(PG_GETARG_DATUM(n), count);
	if (*count > CONTACTS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an account has at most %d contacts", CONTACTS_MAX)));
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

/* External account binding as it was given. */
typedef struct Eab
{
	char	   *kid;			/* NULL: none */
	char	   *key;			/* base64 text, in memory that is wiped */
	char	   *algorithm;		/* NULL: not said */
} Eab;

/* kid and key, both or none; the key must be base64 of either kind. */
static Eab
arg_eab(FunctionCallInfo fcinfo, int kid, int key, int algorithm)
{
	CmBuf	   *plain = cm_own_secret(0);
	Eab			eab = {cm_arg_text(fcinfo, kid), cm_arg_secret(fcinfo, key), cm_arg_text(fcinfo, algorithm)};

	if ((eab.kid == NULL) != (eab.key == NULL) || (eab.kid != NULL && eab.kid[0] == '\0'))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"eab_kid\" and \"eab_hmac_key\" must be given together")));
	if (eab.key != NULL && (!cm_base64_decode(plain, eab.key, strlen(eab.key)) || plain->len == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"eab_hmac_key\" is not base64url")));
	if (eab.algorithm != NULL && strcmp(eab.algorithm, "HS256") != 0 && strcmp(eab.algorithm, "HS384") != 0 && strcmp(eab.algorithm, "HS512") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"eab_algorithm\" must be HS256, HS384 or HS512")));
	return eab;
}

static int64
seal_eab(const char *ca_name, Eab *eab)
{
	if (eab->key == NULL)
		return 0;
	return cm_secret_put(psprintf("eab:%s", ca_name), cm_slice(eab->key, strlen(eab->key)));
}

static CmKeyAlg
arg_key_algorithm(FunctionCallInfo fcinfo, int n, const CmAcmeQuirks *quirks)
{
	char	   *name = cm_arg_text(fcinfo, n);
	CmStatus	st = CM_STATUS_INIT;
	CmKeyAlg	alg;

	if (!cm_key_alg_parse(name != NULL ? name : quirks->account_key, &alg, &st))
		cm_throw(&st, NULL);
	return alg;
}

/* Takes a null for what is to be forgotten. */
static bool
check_quirk_patch(const CmJson *object, CmStatus *st)
{
	CmAcmeQuirks quirks;

	if (cm_json_type(object) != CM_JSON_OBJECT)
		return cm_fail(st, CM_INVALID, "quirks must be a JSON object");
	cm_acme_quirks_init(&quirks);
	for (int i = 0; i < cm_json_length(object); i++)
	{
		const char *key = cm_json_key(object, i);
		const CmJson *value = cm_json_value(object, i);

		if (cm_json_type(value) == CM_JSON_NULL ? !cm_acme_quirks_known(key, st) : !cm_acme_quirks_put(&quirks, key, value, st))
			return false;
	}
	return true;
}

/* As JSON. patch: of a CA that may have some already. */
static char *
arg_quirks(FunctionCallInfo fcinfo, int n, bool patch)
{
	CmStatus	st = CM_STATUS_INIT;
	CmAcmeQuirks quirks;
	Jsonb	   *jsonb;
	CmJson	   *object;
	char	   *json;

	if (PG_ARGISNULL(n))
		return NULL;
	jsonb = PG_GETARG_JSONB_P(n);
	json = JsonbToCString(NULL, &jsonb->root, VARSIZE(jsonb));
	object = cm_json_parse(cm_slice(json, strlen(json)), CONFIG_MAX, &st);
	cm_acme_quirks_init(&quirks);
	if (object == NULL || !(patch ? check_quirk_patch(object, &st) : cm_acme_quirks_apply(&quirks, object, &st)))
		cm_throw(&st, NULL);
	return json;
}

static void
check_policy(const char *policy)
{
	if (policy == NULL || strcmp(policy, "required") == 0 || strcmp(policy, "preferred") == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"profile_policy\" must be required or preferred")));
}

/* ---- the configuration, as JSON ---- */

static void
put_raw(StringInfo json, const char *key, const char *value)
{
	if (value != NULL)
		appendStringInfo(json, "%s\"%s\": %s", json->len > 1 ? ", " : "", key, value);
}

/* NULL: not said. An empty text takes away what was there. */
static void
put_member(StringInfo json, const char *key, const char *value)
{
	StringInfoData quoted;

	if (value == NULL)
		return;
	initStringInfo(&quoted);
	if (value[0] == '\0')
		appendStringInfoString(&quoted, "null");
	else
		escape_json(&quoted, value);
	put_raw(json, key, quoted.data);
}

static int64
provider_id(const char *name)
{
	CmDnsProviderRow *provider = cm_dns_provider_get(name);

	if (provider == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("dns provider \"%s\" does not exist", name),
				 errhint("SELECT certmgr.create_dns_provider('%s', 'rfc2136', ...);", name)));
	return provider->id;
}

/* The directory of a preset, or what the caller says instead. */
static char *
directory_of(const char *name, char *url)
{
	CmAcmePreset *preset = cm_acme_preset_get(name);

	if (preset == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no preset \"%s\"", name),
				 errdetail("There are: %s.", cm_acme_preset_names()),
				 errhint("Say directory_url => 'https://...' instead.")));
	if (preset->retired != NULL)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("%s cannot be used any more", preset->title),
				 errdetail("%s.", preset->retired),
				 errhint("SELECT name, title FROM certmgr.acme_preset WHERE retired IS NULL;")));
	if (url == NULL && preset->directory_url == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("preset \"%s\" needs a directory_url", name),
				 errdetail("Every installation of %s has its own.", preset->title)));
	return url != NULL ? url : preset->directory_url;
}

Datum
certmgr_create_acme_ca(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *url = cm_arg_text(fcinfo, 1);
	char	   *provider_name = cm_arg_text(fcinfo, 3);
	char	   *anchors = cm_arg_text(fcinfo, 5);
	char	   *chain_anchors = cm_arg_text(fcinfo, 15);
	char	   *preset = cm_arg_text(fcinfo, 9);
	char	   *policy = cm_arg_text(fcinfo, 11);
	char	   *quirks_json;
	StringInfoData config;
	CmAcmeAccountNew account = {0};
	CmAcmeQuirks quirks;
	CmKeyAlg	alg;
	CmOwnerScope scope;
	char	   *actor;
	Eab			eab;
	int64		ca_id;
	int64		account_id;

	cm_caller_require_admin("create a CA");
	name = cm_arg_name(fcinfo, 0, "name");
	if (url == NULL && preset == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("\"directory_url\" or \"preset\" must be given"),
				 errhint("SELECT name, title FROM certmgr.acme_preset WHERE retired IS NULL;")));
	if (url != NULL)
		require_https(url);
	if (anchors != NULL)
		require_anchors(anchors, TRUST_ANCHORS_HINT);
	if (chain_anchors != NULL && chain_anchors[0] != '\0')
		require_anchors(chain_anchors, CHAIN_ANCHORS_HINT);
	eab = arg_eab(fcinfo, 6, 7, 13);
	check_policy(policy);
	quirks_json = arg_quirks(fcinfo, 12, false);
	account.contacts = arg_contacts(fcinfo, 2, &account.contact_count);
	account.agreed = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	actor = cm_caller_name();
	cm_master_key_require();

	cm_owner_enter(&scope);
	if (cm_ca_get(name, false) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("certificate authority \"%s\" already exists", name),
				 errhint("SELECT certmgr.alter_acme_ca(%s, ...) changes an ACME CA; SELECT name, type, state FROM certmgr.ca lists all.", quote_literal_cstr(name))));
	if (preset != NULL)
		url = directory_of(preset, url);
	initStringInfo(&config);
	appendStringInfoChar(&config, '{');
	put_member(&config, "directory_url", url);
	put_member(&config, "preset", preset);
	if (anchors != NULL && anchors[0] != '\0')
		put_member(&config, "trust_anchors", anchors);
	if (chain_anchors != NULL && chain_anchors[0] != '\0')
		put_member(&config, "chain_anchors", chain_anchors);
	put_member(&config, "profile", cm_arg_text(fcinfo, 8));
	put_member(&config, "preferred_chain", cm_arg_text(fcinfo, 10));
	put_member(&config, "profile_policy", policy);
	put_raw(&config, "quirks", quirks_json);
	appendStringInfoChar(&config, '}');

	ca_id = cm_acme_ca_insert(name, config.data, provider_name != NULL ? provider_id(provider_name) : 0, "the worker registers the account");
	cm_acme_quirks_load(ca_id, config.data, &quirks);
	alg = arg_key_algorithm(fcinfo, 14, &quirks);
	account.ca_id = ca_id;
	account.key_id = cm_store_key_create(alg);
	account.eab_kid = eab.kid;
	account.eab_algorithm = eab.algorithm != NULL ? eab.algorithm : quirks.eab_algorithm;
	account.eab_secret_id = seal_eab(name, &eab);
	account_id = cm_acme_account_insert(&account);
	cm_instance_register();
	cm_job_put("acme_account", account_id, GetCurrentTimestamp());
	cm_audit(actor, "create", "ca", ca_id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_INT64(ca_id);
}

/* ---- one that there is ---- */

/* The active account of an ACME CA, locked. As the owner. */
static CmAcmeAccountRow *
account_of(const char *ca_name)
{
	CmCaRow    *ca = cm_ca_require(ca_name, false);
	int64		id;

	if (strcmp(ca->type, "acme") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("certificate authority \"%s\" is not an ACME CA", ca_name)));
	id = cm_acme_account_of_ca(ca->id);
	if (id == 0)
		elog(ERROR, "ca %lld has no ACME account", (long long) ca->id);
	cm_acme_account_lock(id);
	return cm_acme_account_get(id);
}

static void
require_not_over(const CmAcmeAccountRow *account)
{
	if (strcmp(account->state, "deactivated") != 0 && !account->deactivation_wanted)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the account at ACME CA \"%s\" is deactivated", account->ca_name),
			 errhint("SELECT certmgr.create_acme_account(%s) makes another one.", quote_literal_cstr(account->ca_name))));
}

static bool
is_rolling(const CmAcmeAccountRow *account)
{
	return account->rollover != NULL && (strcmp(account->rollover, "draining") == 0 || strcmp(account->rollover, "sent") == 0);
}

static void
require_not_rolling(const CmAcmeAccountRow *account)
{
	if (is_rolling(account))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("the key of the account at ACME CA \"%s\" is being changed", account->ca_name),
				 errhint("SELECT rollover, rollover_message FROM certmgr.acme_account WHERE active;")));
}

/* What a person did is tried at once, not tomorrow. */
static void
hurry(const CmAcmeAccountRow *account)
{
	cm_job_put("acme_account", account->id, GetCurrentTimestamp());
}

Datum
certmgr_alter_acme_ca(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *provider_name = cm_arg_text(fcinfo, 2);
	char	   *policy = cm_arg_text(fcinfo, 5);
	char	   *anchors = cm_arg_text(fcinfo, 6);
	char	   *chain_anchors = cm_arg_text(fcinfo, 11);
	char	   *quirks_json;
	StringInfoData patch;
	CmAcmeAccountRow *account;
	CmOwnerScope scope;
	char	   *actor;
	char	  **contacts;
	int			count;
	Eab			eab;

	cm_caller_require_admin("alter a CA");
	name = cm_arg_name(fcinfo, 0, "name");
	contacts = arg_contacts(fcinfo, 1, &count);
	if (policy != NULL && policy[0] != '\0')
		check_policy(policy);
	if (anchors != NULL && anchors[0] != '\0')
		require_anchors(anchors, TRUST_ANCHORS_HINT);
	if (chain_anchors != NULL && chain_anchors[0] != '\0')
		require_anchors(chain_anchors, CHAIN_ANCHORS_HINT);
	quirks_json = arg_quirks(fcinfo, 7, true);
	eab = arg_eab(fcinfo, 8, 9, 10);
	actor = cm_caller_name();
	if (eab.key != NULL)
		cm_master_key_require();

	cm_owner_enter(&scope);
	account = account_of(name);
	initStringInfo(&patch);
	appendStringInfoChar(&patch, '{');
	put_member(&patch, "profile", cm_arg_text(fcinfo, 3));
	put_member(&patch, "preferred_chain", cm_arg_text(fcinfo, 4));
	put_member(&patch, "profile_policy", policy);
	put_member(&patch, "trust_anchors", anchors);
	put_member(&patch, "chain_anchors", chain_anchors);
	appendStringInfoChar(&patch, '}');
	cm_acme_ca_change(account->ca_id, patch.data, quirks_json, provider_name != NULL, provider_name != NULL && provider_name[0] != '\0' ? provider_id(provider_name) : 0);
	if (contacts != NULL)
	{
		cm_acme_account_set_contacts(account->id, contacts, count);
		cm_acme_account_set_update(account->id, account->url != NULL);
	}
	if (eab.key != NULL)
		cm_acme_account_set_eab(account->id, eab.kid, eab.algorithm, seal_eab(name, &eab));
	else if (eab.algorithm != NULL)
		cm_acme_account_set_eab(account->id, account->eab_kid, eab.algorithm, account->eab_secret_id);
	hurry(account);
	if (provider_name != NULL)
		cm_dns_record_retry();
	cm_audit(actor, "alter", "ca", account->ca_id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}

Datum
certmgr_agree_terms_of_service(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *actor;
	CmAcmeAccountRow *account;
	CmOwnerScope scope;

	cm_caller_require_admin("agree to terms of service");
	name = cm_arg_name(fcinfo, 0, "ca");
	actor = cm_caller_name();
	cm_owner_enter(&scope);
	account = account_of(name);
	require_not_over(account);
	cm_acme_account_set_agreed(account->id, true);
	if (account->url != NULL)
		cm_acme_account_set_update(account->id, true);
	hurry(account);
	cm_audit(actor, "agree-terms", "acme_account", account->id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}

Datum
certmgr_create_acme_account(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *actor;
	CmAcmeAccountRow *former;
	CmAcmeAccountNew account = {0};
	CmKeyAlg	alg;
	CmOwnerScope scope;
	Eab			eab;
	int64		id;

	cm_caller_require_admin("create an ACME account");
	name = cm_arg_name(fcinfo, 0, "ca");
	account.contacts = arg_contacts(fcinfo, 1, &account.contact_count);
	eab = arg_eab(fcinfo, 2, 3, 4);
	actor = cm_caller_name();
	cm_master_key_require();
	cm_owner_enter(&scope);
	former = account_of(name);
	require_not_rolling(former);
	alg = arg_key_algorithm(fcinfo, 5, &former->quirks);
	if (account.contacts == NULL)
	{
		account.contacts = former->contacts;
		account.contact_count = former->contact_count;
	}
	account.ca_id = former->ca_id;
	account.agreed = former->agreed;
	account.agreed_to = former->agreed_to;
	/* The key for external account binding goes over to the new account, as far as it is of use there. */
	cm_acme_account_set_eab(former->id, former->eab_kid, NULL, 0);
	account.eab_kid = eab.kid != NULL ? eab.kid : former->eab_kid;
	account.eab_algorithm = eab.algorithm != NULL ? eab.algorithm : former->eab_algorithm;
	account.eab_secret_id = eab.key != NULL ? seal_eab(name, &eab) : former->eab_secret_id;
	account.key_id = cm_store_key_create(alg);
	id = cm_acme_account_insert(&account);
	(void) cm_acme_account_move_orders(former->id, id);
	cm_job_put("acme_account", id, GetCurrentTimestamp());
	cm_audit(actor, "create", "acme_account", id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_INT64(id);
}

Datum
certmgr_deactivate_acme_account(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *actor;
	CmAcmeAccountRow *account;
	CmOwnerScope scope;

	cm_caller_require_admin("deactivate an ACME account");
	name = cm_arg_name(fcinfo, 0, "ca");
	actor = cm_caller_name();
	cm_owner_enter(&scope);
	account = account_of(name);
	require_not_over(account);
	require_not_rolling(account);
	/* The CA never heard of it. */
	if (account->url == NULL)
		cm_acme_account_end(account, "deactivated", "it had not been registered");
	else
		cm_acme_account_want_deactivation(account->id);
	hurry(account);
	cm_audit(actor, "deactivate", "acme_account", account->id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}

Datum
certmgr_rollover_acme_account_key(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *actor;
	CmAcmeAccountRow *account;
	CmOwnerScope scope;
	CmKeyAlg	alg;

	cm_caller_require_admin("change the key of an ACME account");
	name = cm_arg_name(fcinfo, 0, "ca");
	actor = cm_caller_name();
	cm_master_key_require();
	cm_owner_enter(&scope);
	account = account_of(name);
	require_not_over(account);
	require_not_rolling(account);
	if (account->url == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the account at ACME CA \"%s\" is not registered yet", name)));
	if (!account->quirks.key_change)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("ACME CA \"%s\" cannot change account keys", name),
				 errdetail("Its quirk \"key_change\" is false: see certmgr.acme_ca_quirk."),
				 errhint("SELECT certmgr.create_acme_account(%s) makes another account with a new key.", quote_literal_cstr(name))));
	alg = arg_key_algorithm(fcinfo, 1, &account->quirks);
	cm_acme_account_set_rollover(account->id, "draining", cm_store_key_create(alg), "waits for requests under way");
	hurry(account);
	cm_audit(actor, "rollover", "acme_account", account->id, NULL);
	cm_owner_leave(&scope);
	PG_RETURN_VOID();
}
