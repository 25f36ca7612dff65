/*
 * acme_preflight.c - the step before anything is asked of a CA: would it have
 * to refuse by the CAA records of a name (RFC 8659, RFC 8657)? Only for CAs of
 * which it is known what they call themselves there. Engines only.
 */
#include "postgres.h"

#include "base/host.h"
#include "lifecycle/acme_work.h"
#include "lifecycle/challenge.h"
#include "store/acme_certificate.h"
#include "store/dns_zone.h"
#include "utils/timestamp.h"

/* Resolvers that do not answer cost each order seconds, for an advice. */
#define SILENT_PAUSE_MS (INT64CONST(300) * 1000)

/* NULL: the CA's names are not known, or nobody can be asked. */
static CmDns01Caa *
wanted(CmWork *work)
{
	CmDns01Caa *caa = palloc0(sizeof(CmDns01Caa));

	for (int i = 0; i < work->account->caa_count && caa->nissuers < CM_DNS01_ISSUERS_MAX; i++)
		strlcpy(caa->issuers[caa->nissuers++], work->account->caa_identities[i], sizeof(caa->issuers[0]));
	strlcpy(caa->account, work->account->url, sizeof(caa->account));
	strlcpy(caa->method, cm_challenge_of_ca(work->account->ca_config), sizeof(caa->method));
	return caa->nissuers > 0 && GetCurrentTimestamp() >= work->client->resolvers_after ? caa : NULL;
}

CmFate
cm_step_preflight_prepare(CmWork *work)
{
	CmAcmeOrderRow *order = work->order;
	CmDns01Caa *caa = wanted(work);

	for (int i = 0; caa != NULL && i < order->identifier_count; i++)
	{
		bool		wildcard = strncmp(order->identifiers[i], "*.", 2) == 0;
		const char *name = order->identifiers[i] + (wildcard ? 2 : 0);
		int64		provider_id = cm_dns_zone_provider(name, work->account->dns_provider_id);
		CmStatus	st = CM_STATUS_INIT;
		CmDnsSide  *side = provider_id != 0 ? cm_dns_side(work, provider_id, &st) : NULL;
		CmDns01Caa *mine = palloc(sizeof(CmDns01Caa));
		uint8_t		address[16];
		size_t		len;
		CmOp	   *op;

		/* CAA is about names. */
		if (cm_address_parse(name, address, &len))
			continue;
		op = cm_work_op(work, CM_OP_CAA);
		*mine = *caa;
		mine->wildcard = wildcard;
		op->name = name;
		op->caa = mine;
		/* Only whom to ask is the provider's. */
		op->config = side != NULL ? side->config : NULL;
	}
	if (work->nops == 0)
		return cm_order_step(work, "new_order", NULL);
	cm_acme_certificate_message(order->certificate_id, "looking at CAA records");
	return CM_FATE_IO;
}

CmFate
cm_step_preflight_apply(CmWork *work)
{
	CmLeftOut	refused = {{0}};
	char	   *failure = NULL;
	CmFate		fate;
	int			silent = 0;

	for (int i = 0; i < work->nops; i++)
	{
		CmOp	   *op = work->ops[i];

		silent += op->dns.status.code == CM_NETWORK;
		if (op->dns.status.code != CM_POLICY)
			continue;
		cm_left_out_add(&refused, psprintf("%s%s", op->caa->wildcard ? "*." : "", op->name), cm_status_words(&op->dns.status));
		/* The first one is told; all are known when they are left out. */
		if (failure == NULL)
			failure = psprintf("the CA must refuse %s: %s", op->name, cm_status_words(&op->dns.status));
	}
	if (failure != NULL)
		return cm_order_without(work, &refused, NULL, &fate) ? fate : cm_order_failed(work, failure, NULL, false);
	/* What could not be looked up, the CA looks up itself. */
	if (silent == work->nops)
		work->client->resolvers_after = cm_after_ms(SILENT_PAUSE_MS);
	return cm_order_step(work, "new_order", NULL);
}
