/*
 * challenge.c - see challenge.h. Engines, in a transaction; the names of the
 * kinds for sessions as well.
 */
#include "postgres.h"

#include "base/host.h"
#include "lifecycle/challenge.h"
#include "miscadmin.h"
#include "pg/own.h"
#include "store/dns_persist.h"
#include "store/dns_zone.h"
#include "utils/timestamp.h"

/* A TXT record with the hash of the key authorization, at that label below the name. plain: where programs expect it that compute it themselves. */
static bool
plan_txt(CmWork *work, const CmAcmeAuthorizationRow *authorization, const char *label, bool plain, CmStatus *st)
{
	CmBuf	   *value = cm_own_buf(0);
	CmBuf	   *key_authorization = cm_own_buf(0);
	char	   *name = psprintf("%s.%s", label, authorization->identifier);
	int64		provider_id = cm_dns_zone_provider(name, work->account->dns_provider_id);
	CmDnsRecordRow record = {.name = name};

	if (provider_id == 0)
		return cm_fail(st, CM_INVALID, "no DNS provider writes \"%.150s\": the CA has none, and no zone is mapped to one", name);
	if (!cm_acme_dns01_value(work->client->key, authorization->token, value, st) ||
		!cm_acme_key_authorization(work->client->key, authorization->token, key_authorization, st))
		return false;
	record.value = pstrdup(cm_buf_cstr(value));
	if (plain)
	{
		record.domain = authorization->identifier;
		record.key_authorization = pstrdup(cm_buf_cstr(key_authorization));
	}
	cm_dns_record_plan(provider_id, work->order->id, &record);
	return true;
}

static bool
plan_dns01(CmWork *work, const CmAcmeAuthorizationRow *authorization, CmStatus *st)
{
	return plan_txt(work, authorization, "_acme-challenge", true, st);
}

/* Two clients with accounts of their own never write at one name. */
static bool
plan_dns_account01(CmWork *work, const CmAcmeAuthorizationRow *authorization, CmStatus *st)
{
	CmBuf	   *label = cm_own_buf(0);

	if (!cm_acme_account_label(work->account->url, label, st))
		return false;
	cm_buf_append_str(label, "._acme-challenge");
	return plan_txt(work, authorization, cm_buf_cstr(label), false, st);
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

/* ---- answered by a server ---- */

const CmChallengeHooks *cm_challenge_hooks = NULL;

/*
 * The row first, then the answer: the challenge is posted after the commit of
 * both. When the transaction fails, an answer stays for an order that will be
 * planned again or be cleaned up, which does no harm: it proves nothing.
 */
static bool
plan_answer(CmWork *work, const CmAcmeAuthorizationRow *authorization, const char *type, CmStatus *st)
{
	CmBuf	   *key_authorization = cm_own_buf(0);
	CmAcmeChallengeRow row = {work->order->id, unconstify(char *, type), authorization->identifier, authorization->token};

	if (!cm_acme_key_authorization(work->client->key, authorization->token, key_authorization, st))
		return false;
	row.key_authorization = pstrdup(cm_buf_cstr(key_authorization));
	if (!cm_acme_challenge_put(&row))
		return cm_fail(st, CM_LIMIT, "another order is proving \"%.150s\" by %s just now", authorization->identifier, type);
	if (cm_challenge_hooks != NULL && !cm_challenge_hooks->publish(MyDatabaseId, &row))
		return cm_fail(st, CM_LIMIT, "the listener has too many challenges just now");
	return true;
}

static bool
plan_http01(CmWork *work, const CmAcmeAuthorizationRow *authorization, CmStatus *st)
{
	return plan_answer(work, authorization, "http-01", st);
}

static bool
plan_tls_alpn01(CmWork *work, const CmAcmeAuthorizationRow *authorization, CmStatus *st)
{
	return plan_answer(work, authorization, "tls-alpn-01", st);
}

void
cm_challenge_withdraw(int64 order_id)
{
	cm_acme_challenge_remove(order_id);
	if (cm_challenge_hooks != NULL)
		cm_challenge_hooks->withdraw(MyDatabaseId, order_id);
}

void
cm_challenge_publish_all(void)
{
	CmAcmeChallengeRow *rows;
	int			count;

	if (cm_challenge_hooks == NULL)
		return;
	rows = cm_acme_challenge_list(&count);
	for (int i = 0; i < count; i++)
	{
		if (!cm_challenge_hooks->publish(MyDatabaseId, &rows[i]))
			break;
	}
}

/* ---- the kinds ---- */

static const CmChallenge challenges[] = {
	{"dns-01", true, false, plan_dns01, NULL},
	{"dns-account-01", true, false, plan_dns_account01, NULL},
	{"dns-persist-01", true, false, plan_persist, look_persist},
	{"http-01", false, true, plan_http01, NULL},
	{"tls-alpn-01", false, true, plan_tls_alpn01, NULL},
};

bool
cm_challenge_fits(const CmChallenge *challenge, const char *identifier, CmStatus *st)
{
	uint8_t		address[16];
	size_t		len;

	if (strncmp(identifier, "*.", 2) == 0 && !challenge->wildcard)
	{
		cm_fail(st, CM_POLICY, "\"%.150s\" cannot be proven by %s", identifier, challenge->type);
		return cm_fail_detail(st, "CAs take wildcards by dns-01, dns-account-01 and dns-persist-01 only.");
	}
	if (cm_address_parse(identifier, address, &len) && !challenge->address)
	{
		cm_fail(st, CM_POLICY, "\"%.150s\" cannot be proven by %s", identifier, challenge->type);
		return cm_fail_detail(st, "CAs take addresses by http-01 and tls-alpn-01 only.");
	}
	return true;
}

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
	return "dns-01, dns-account-01, dns-persist-01, http-01, tls-alpn-01";
}

const char *
cm_challenge_of_ca(const char *config)
{
	CmStatus	st = CM_STATUS_INIT;
	CmJson	   *json = cm_json_config(config, &st);
	const char *type = cm_json_get_string(json, "challenge_type");

	type = pstrdup(type != NULL ? type : "dns-01");
	cm_json_free(json);
	return type;
}
