/*
 * challenge.c - see challenge.h. Engines, in a transaction; the names of the
 * kinds for sessions as well.
 */
#include "postgres.h"

#include "lifecycle/challenge.h"
#include "pg/own.h"
#include "store/dns_persist.h"
#include "store/dns_zone.h"
#include "utils/timestamp.h"

#define CONFIG_MAX 0x100000

/* A TXT record with the hash of the key authorization, at that label below the name. */
static bool
plan_txt(CmWork *work, const CmAcmeAuthorizationRow *authorization, const char *label, CmStatus *st)
{
	CmBuf	   *value = cm_own_buf(0);
	char	   *name = psprintf("%s.%s", label, authorization->identifier);
	int64		provider_id = cm_dns_zone_provider(name, work->account->dns_provider_id);

	if (provider_id == 0)
		return cm_fail(st, CM_INVALID, "no DNS provider writes \"%.150s\": the CA has none, and no zone is mapped to one", name);
	if (!cm_acme_dns01_value(work->client->key, authorization->token, value, st))
		return false;
	cm_dns_record_plan(provider_id, work->order->id, name, cm_buf_cstr(value));
	return true;
}

static bool
plan_dns01(CmWork *work, const CmAcmeAuthorizationRow *authorization, CmStatus *st)
{
	return plan_txt(work, authorization, "_acme-challenge", st);
}

/* Two clients with accounts of their own never write at one name. */
static bool
plan_dns_account01(CmWork *work, const CmAcmeAuthorizationRow *authorization, CmStatus *st)
{
	CmBuf	   *label = cm_own_buf(0);

	if (!cm_acme_account_label(work->account->url, label, st))
		return false;
	cm_buf_append_str(label, "._acme-challenge");
	return plan_txt(work, authorization, cm_buf_cstr(label), st);
}

/* Nothing is written: the record stands, and a person made it. */
static bool
plan_persist(CmWork *work, const CmAcmeAuthorizationRow *authorization, CmStatus *st)
{
	if (authorization->issuer_count == 0)
		return cm_fail(st, CM_PROTOCOL, "the CA did not say its domain names for the record of %.150s", authorization->identifier);
	return true;
}

static bool
look_persist(CmWork *work, const CmAcmeAuthorizationRow *authorization, CmStatus *st)
{
	CmOp	   *op = cm_work_op(work, CM_OP_PERSIST);
	CmDns01Persist *want = palloc0(sizeof(CmDns01Persist));
	int64		provider_id = cm_dns_zone_provider(authorization->identifier, work->account->dns_provider_id);
	CmDnsSide  *side = provider_id != 0 ? cm_dns_side(work, provider_id, st) : NULL;

	if (provider_id != 0 && side == NULL)
		return false;
	for (; want->nissuers < Min(authorization->issuer_count, CM_DNS01_ISSUERS_MAX); want->nissuers++)
		strlcpy(want->issuers[want->nissuers], authorization->issuers[want->nissuers], sizeof(want->issuers[0]));
	strlcpy(want->account, work->account->url, sizeof(want->account));
	want->wildcard = authorization->wildcard;
	want->now = (int64) timestamptz_to_time_t(GetCurrentTimestamp());
	/* Only where to ask is the provider's. */
	op->config = side != NULL ? side->config : NULL;
	op->name = psprintf("_validation-persist.%s", authorization->identifier);
	op->persist = want;
	op->row_id = authorization->id;
	return true;
}

static const CmChallenge challenges[] = {
	{"dns-01", true, plan_dns01, NULL},
	{"dns-account-01", true, plan_dns_account01, NULL},
	{"dns-persist-01", true, plan_persist, look_persist},
};

const CmChallenge *
cm_challenge(const char *type)
{
	for (int i = 0; i < lengthof(challenges); i++)
	{
		if (strcmp(challenges[i].type, type) == 0)
			return &challenges[i];
	}
	return NULL;
}

const char *
cm_challenge_types(void)
{
	return "dns-01, dns-account-01, dns-persist-01";
}

const char *
cm_challenge_of_ca(const char *config)
{
	CmStatus	st = CM_STATUS_INIT;
	CmJson	   *json = cm_json_parse(cm_slice(config, strlen(config)), CONFIG_MAX, &st);
	const char *type = cm_json_get_string(json, "challenge_type");

	type = pstrdup(type != NULL ? type : "dns-01");
	cm_json_free(json);
	return type;
}
