/*
 * crl_config.c - how a private CA publishes its CRLs: lifetime, addresses,
 * shards, deltas, CA certificates apart from end entities. Runs in backends, as certmgr_owner; locks the row of the CA.
 * The worker signs what follows from it right after the commit.
 */
#include "postgres.h"

#include "lifecycle/ca.h"
#include "lifecycle/ca_config.h"
#include "lifecycle/crl.h"
#include "pg/error.h"
#include "store/audit.h"
#include "store/ca.h"
#include "store/crl_scope.h"
#include "store/job.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "x509/url.h"

/* What holds after the change. */
typedef struct Result
{
	const char *url;			/* or NULL */
	const char *delta_url;
	const char *ca_url;
	const char *shards;
	bool		deltas;
} Result;

static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg_internal("%s", message),
			 hint != NULL ? errhint("%s", hint) : 0));
}

static void
check_values(const CmCrlConfig *config)
{
	/* Clocks and caches cannot follow anything shorter. */
	if (config->lifetime != NULL && cm_interval_is_shorter(config->lifetime, 10 * USECS_PER_SEC))
		refuse("lifetime of a CRL must be at least ten seconds", NULL);
	if (config->delta_lifetime != NULL && !cm_interval_is_zero(config->delta_lifetime) && cm_interval_is_shorter(config->delta_lifetime, 10 * USECS_PER_SEC))
		refuse("lifetime of a delta CRL must be at least ten seconds", "Zero switches deltas off.");
	if (config->delay != NULL && cm_interval_is_shorter(config->delay, 0))
		refuse("delay must not be negative", NULL);
	if (config->shards < -1 || config->shards > CM_CRL_SHARDS_MAX)
		refuse(psprintf("number of shards must be between 0 and %d", CM_CRL_SHARDS_MAX), NULL);
}

static bool
has_shard(const char *url)
{
	return url != NULL && strstr(url, "{shard}") != NULL;
}

static void
check_url(const char *url, const char *what)
{
	cm_ca_check_url(what, url);
	/* A list is for many certificates. */
	if (url != NULL && strstr(url, "{serial}") != NULL)
		refuse(psprintf("%s must not depend on the certificate", what), "Leave out {serial}; {ca}, {issuer} and {shard} are known here.");
}

/* Both are lists of addresses. */
static bool
share_address(const char *a, const char *b)
{
	CmSlice		one;
	CmSlice		other;

	while (cm_url_next(&a, &one))
	{
		const char *rest = b;

		while (cm_url_next(&rest, &other))
		{
			if (cm_slice_equal(one, other))
				return true;
		}
	}
	return false;
}

static void
check_result(const Result *result)
{
	check_url(result->url, "CRL address");
	check_url(result->delta_url, "address of the delta CRL");
	check_url(result->ca_url, "address of the CRL of CA certificates");
	if (has_shard(result->ca_url))
		refuse("the CRL of CA certificates has no shards", "Leave {shard} out of its address.");
	/* Each list says that it is for the others not. */
	if (result->ca_url != NULL && (share_address(result->ca_url, result->url) || share_address(result->ca_url, result->delta_url)))
		refuse("CA certificates and end entities need different CRL addresses", "Give another address to that of CA certificates, or none for one list of both.");
	if (result->shards != NULL && atoi(result->shards) > 0 && !has_shard(result->url))
		refuse("shards need addresses of their own", "Give url => 'http://.../{shard}.crl'.");
	if (result->shards != NULL && atoi(result->shards) == 0 && has_shard(result->url))
		refuse("CRL address names a shard, but there are none", "Give shards, or a url without {shard}.");
	if (result->deltas && result->delta_url == NULL)
		refuse("delta CRLs need an address", "Give delta_url, so that certificates and CRLs can say where the delta is (freshestCRL).");
	if (result->deltas && has_shard(result->url) != has_shard(result->delta_url))
		refuse("CRL and delta CRL must both be of shards, or both of everything", "Use {shard} in url and in delta_url, or in neither.");
}

void
cm_crl_check_apart(const char *url, const char *ca_url)
{
	Result		result = {.url = url, .ca_url = ca_url};

	check_result(&result);
}

static const char *
patch_of(const CmCrlConfig *config)
{
	CmBuf	   *json = cm_ca_config_begin();

	cm_ca_config_put_interval(json, "crl_lifetime", config->lifetime, false);
	cm_ca_config_put(json, "crl_url", config->url);
	cm_ca_config_put(json, "crl_ca_url", config->ca_url);
	cm_ca_config_put(json, "crl_shards", config->shards < 0 ? NULL : psprintf("%d", config->shards));
	cm_ca_config_put_interval(json, "crl_delay", config->delay, false);
	cm_ca_config_put_interval(json, "delta_crl_lifetime", config->delta_lifetime, true);
	cm_ca_config_put(json, "delta_crl_url", config->delta_url);
	cm_ca_config_put(json, "crl_full", config->complete < 0 ? NULL : config->complete ? "" : "false");
	return cm_ca_config_end(json);
}

static Result
result_of(const CmCrlConfig *config, const CmCaRow *ca)
{
	CmStatus	st = CM_STATUS_INIT;
	CmJson	   *now = cm_json_config(ca->config, &st);
	Result		result;

	if (now == NULL)
		cm_throw(&st, NULL);
	result.url = cm_ca_config_choose(config->url, now, "crl_url");
	result.delta_url = cm_ca_config_choose(config->delta_url, now, "delta_crl_url");
	result.ca_url = cm_ca_config_choose(config->ca_url, now, "crl_ca_url");
	result.shards = config->shards >= 0 ? psprintf("%d", config->shards) : cm_json_get_string(now, "crl_shards");
	result.deltas = config->delta_lifetime != NULL ? !cm_interval_is_zero(config->delta_lifetime) : cm_json_get_string(now, "delta_crl_lifetime") != NULL;
	return result;
}

void
cm_crl_configure(const char *name, const CmCrlConfig *config, const char *actor)
{
	CmCaRow    *ca = cm_ca_require(name, true);
	Result		result;
	const char *patch = patch_of(config);

	if (strcmp(ca->type, "private") != 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" is not a private CA", name),
				 errdetail("An external CA publishes its revocation list itself.")));
	check_values(config);
	result = result_of(config, ca);
	check_result(&result);
	cm_ca_config_merge(ca->id, patch);
	cm_crl_scope_sync(ca->id);
	cm_audit(actor, "alter-crl", "ca", ca->id, patch);
	if (ca->certificate_id != 0)
		cm_job_put("crl", ca->id, GetCurrentTimestamp());
}
