/*
 * ocsp_config.c - how a private CA answers OCSP: address, times, who signs.
 * Runs in backends, as certmgr_owner; locks the row of the CA. The worker makes
 * the signers right after the commit.
 */
#include "postgres.h"

#include "crypto/key.h"
#include "lifecycle/ca_config.h"
#include "lifecycle/ocsp.h"
#include "pg/error.h"
#include "store/audit.h"
#include "store/ca.h"
#include "store/job.h"
#include "utils/timestamp.h"
#include "x509/url.h"

static void
check(const CmOcspConfig *config)
{
	CmStatus	st = CM_STATUS_INIT;
	CmKeyAlg	alg;

	if (config->url != NULL && config->url[0] != '\0' && !cm_url_check(config->url, "OCSP address", &st))
		cm_throw(&st, NULL);
	if (config->signer_key_algorithm != NULL && !cm_key_alg_parse(config->signer_key_algorithm, &alg, &st))
		cm_throw(&st, NULL);
	/* Clocks and caches cannot follow anything shorter. */
	if (config->lifetime != NULL && cm_interval_is_shorter(config->lifetime, 10 * USECS_PER_SEC))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lifetime of an OCSP answer must be at least ten seconds")));
	if (config->signer_lifetime != NULL && cm_interval_is_shorter(config->signer_lifetime, USECS_PER_HOUR))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lifetime of an OCSP signer must be at least one hour")));
}

void
cm_ocsp_configure(const char *name, const CmOcspConfig *config, const char *actor)
{
	CmCaRow    *ca = cm_ca_require(name, true);
	CmBuf	   *json = cm_ca_config_begin();
	const char *patch;

	if (strcmp(ca->type, "private") != 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_CA_NOT_USABLE),
				 errmsg("certificate authority \"%s\" is not a private CA", name),
				 errdetail("An external CA answers OCSP itself.")));
	check(config);
	cm_ca_config_put(json, "ocsp_url", config->url);
	cm_ca_config_put_interval(json, "ocsp_lifetime", config->lifetime, false);
	cm_ca_config_put(json, "ocsp_delegated", config->delegated < 0 ? NULL : config->delegated ? "true" : "false");
	cm_ca_config_put_interval(json, "ocsp_signer_lifetime", config->signer_lifetime, false);
	cm_ca_config_put(json, "ocsp_signer_key_algorithm", config->signer_key_algorithm);
	patch = cm_ca_config_end(json);
	cm_ca_config_merge(ca->id, patch);
	cm_audit(actor, "alter-ocsp", "ca", ca->id, patch);
	if (ca->certificate_id != 0)
		cm_job_put("ocsp", ca->id, GetCurrentTimestamp());
}
