/*
 * acme_steps_dns.c - the steps between an order and its being ready:
 * authorizations, TXT records, propagation, challenges. Engines only.
 */
#include "postgres.h"

#include "lifecycle/acme_work.h"
#include "pg/own.h"
#include "store/acme_certificate.h"
#include "utils/timestamp.h"

/* Secondaries that need longer than this are broken (BIND's NOTIFY takes seconds). */
#define PROPAGATION_MAX_US (INT64CONST(600) * USECS_PER_SEC)
/* A provider that throttles says seconds; longer than this, and the order waits no longer than it lives. */
#define RETRY_AFTER_MAX_MS INT64CONST(300000)

static bool
is(const char *status, const char *what)
{
	return status != NULL && strcmp(status, what) == 0;
}

/* ---- authorizations ---- */

CmFate
cm_step_authorize_prepare(CmWork *work)
{
	int			count;
	CmAcmeAuthorizationRow *authorizations = cm_acme_authorization_list(work->order->id, &count);
	CmDnsSide	side;
	CmStatus	st = CM_STATUS_INIT;
	int			pending = 0;

	for (int i = 0; i < count && i < CM_ACME_MAX_IDENTIFIERS; i++)
	{
		if (authorizations[i].status == NULL)
			cm_work_acme(work, CM_ACME_URL, authorizations[i].url, NULL)->row_id = authorizations[i].id;
		pending += is(authorizations[i].status, "pending");
	}
	if (work->nops > 0)
		return CM_FATE_IO;
	if (pending == 0)
		return cm_order_step(work, "await", NULL);
	if (!cm_dns_side_load(work->account->dns_provider_id, &side, &st))
		return cm_order_failed(work, cm_status_words(&st), NULL, false);

	/* Law L1: the ledger comes before the zone. */
	for (int i = 0; i < count; i++)
	{
		CmBuf	   *value = cm_own_buf(0);

		if (!is(authorizations[i].status, "pending"))
			continue;
		if (!cm_acme_dns01_value(work->client->key, authorizations[i].token, value, &st))
			return cm_order_failed(work, cm_status_words(&st), NULL, true);
		cm_dns_record_plan(work->account->dns_provider_id, work->order->id, psprintf("_acme-challenge.%s", authorizations[i].identifier), cm_buf_cstr(value));
	}
	return cm_order_step(work, "present", NULL);
}

/* Stores one answer. False: *failure says what is wrong with the order. */
static bool
take_authorization(CmOp *op, char **failure)
{
	CmAcmeAuthorization said;

	if (!cm_op_authorization(op, &said, &op->reply.status))
		return true;			/* the caller sees the status */
	if (is(said.status, "valid"))
		return true;
	if (!is(said.status, "pending"))
		*failure = psprintf("the CA says that the authorization of %s is \"%s\"%s%s", said.identifier, said.status,
							said.error != NULL && said.error->detail != NULL ? ": " : "", said.error != NULL && said.error->detail != NULL ? said.error->detail : "");
	else if (said.challenge_url == NULL || said.token == NULL)
		*failure = psprintf("the CA offers no dns-01 challenge for %s", said.identifier);
	return *failure == NULL;
}

CmFate
cm_step_authorize_apply(CmWork *work)
{
	CmOp	   *refused = NULL;
	char	   *failure = NULL;

	for (int i = 0; i < work->nops; i++)
	{
		CmOp	   *op = work->ops[i];

		if (op->reply.status.code == CM_OK && !take_authorization(op, &failure))
			return cm_order_failed(work, failure, NULL, true);
		if (op->reply.status.code != CM_OK)
			refused = op;
	}
	if (refused != NULL && refused->reply.code == 404)
		return cm_order_gone(work);
	return refused != NULL ? cm_order_refused(work, refused) : CM_FATE_NEXT;
}

/* ---- TXT records ---- */

/* A DNS provider that fails costs nothing at the CA: it is asked again until the order is a day old. */
static CmFate
dns_trouble(CmWork *work, const CmStatus *st, int64 retry_after_s)
{
	char	   *words = cm_status_words(st);

	if (GetCurrentTimestamp() - work->order->created_at > INT64CONST(86400) * USECS_PER_SEC)
		return cm_order_failed(work, words, NULL, false);
	return cm_work_retry(work, work->order->certificate_id, words, retry_after_s);
}

/* One look-up for each name whose zone is not known. */
static void
find_zones(CmWork *work, const CmDnsSide *side, CmDnsRecordRow *records, int count)
{
	for (int i = 0; i < count; i++)
	{
		bool		asked = false;
		CmOp	   *op;

		for (int j = 0; j < work->nops; j++)
			asked = asked || strcmp(work->ops[j]->name, records[i].name) == 0;
		if (records[i].zone != NULL || asked)
			continue;
		op = cm_dns_side_op(work, side, CM_OP_FIND_ZONE);
		op->name = records[i].name;
	}
}

CmFate
cm_step_present_prepare(CmWork *work)
{
	CmDnsSide	side;
	CmStatus	st = CM_STATUS_INIT;
	int			count;
	int			planned = 0;
	CmDnsRecordRow *records = cm_dns_record_list(work->order->id, &count);

	for (int i = 0; i < count; i++)
	{
		if (is(records[i].state, "planned"))
			records[planned++] = records[i];
	}
	if (planned == 0)
		return cm_order_step(work, "confirm", NULL);
	if (!cm_dns_side_load(records[0].provider_id, &side, &st))
		return dns_trouble(work, &st, -1);
	find_zones(work, &side, records, planned);
	if (work->nops == 0)
	{
		cm_dns_side_ops(work, &side, records, planned, false);
		cm_acme_certificate_message(work->order->certificate_id, "writing TXT records");
	}
	return CM_FATE_IO;
}

/* What a provider said of its records. */
static void
take_written(CmOp *op)
{
	for (int j = 0; j < op->nrecords; j++)
		cm_dns_record_set_present(op->record_ids[j], op->dns.ids != NULL ? op->dns.ids[j] : "", op->provider->confirm != NULL ? op->dns.change_id : "");
}

CmFate
cm_step_present_apply(CmWork *work)
{
	CmOp	   *trouble = NULL;

	for (int i = 0; i < work->nops; i++)
	{
		CmOp	   *op = work->ops[i];

		if (op->dns.status.code != CM_OK)
			trouble = op;
		else if (op->kind == CM_OP_FIND_ZONE)
			cm_dns_record_set_zone(work->order->id, op->name, op->dns.zone, op->dns.zone_id);
		else
			take_written(op);
	}
	return trouble != NULL ? dns_trouble(work, &trouble->dns.status, trouble->dns.retry_after) : CM_FATE_NEXT;
}

/* ---- changes on their way inside the provider ---- */

/* Waits a little, then asks again in the same step. Too long is a failure of the order. */
static CmFate
not_yet(CmWork *work, const CmStatus *st, const char *what, int64 retry_after_s)
{
	static const int schedule[] = {500, 1000, 2000, 3000, 5000};
	CmAcmeOrderRow *order = work->order;
	char	   *words = cm_status_words(st);
	int64		ms = schedule[Min(order->polls, lengthof(schedule) - 1)];

	if (GetCurrentTimestamp() - order->step_since > PROPAGATION_MAX_US)
		return cm_order_failed(work, words, NULL, true);
	if (retry_after_s >= 0)
		ms = Max(ms, Min(retry_after_s * 1000, RETRY_AFTER_MAX_MS));
	cm_acme_order_count_poll(order->id);
	cm_acme_certificate_message(order->certificate_id, psprintf("%s: %s", what, words));
	return cm_work_again(work, ms, true);
}

CmFate
cm_step_confirm_prepare(CmWork *work)
{
	CmDnsSide	side;
	CmStatus	st = CM_STATUS_INIT;
	int			count;
	CmDnsRecordRow *records = cm_dns_record_list(work->order->id, &count);

	for (int i = 0; i < count; i++)
	{
		bool		asked = false;
		CmOp	   *op;

		if (!is(records[i].state, "present") || records[i].change_id == NULL)
			continue;
		for (int j = 0; j < work->nops; j++)
			asked = asked || strcmp(work->ops[j]->change_id, records[i].change_id) == 0;
		if (asked)
			continue;
		if (work->nops == 0 && !cm_dns_side_load(records[i].provider_id, &side, &st))
			return dns_trouble(work, &st, -1);
		op = cm_dns_side_op(work, &side, CM_OP_CONFIRM);
		op->zone = records[i].zone;
		op->zone_id = records[i].zone_id;
		op->change_id = records[i].change_id;
	}
	return work->nops > 0 ? CM_FATE_IO : cm_order_step(work, "propagate", NULL);
}

CmFate
cm_step_confirm_apply(CmWork *work)
{
	CmOp	   *missing = NULL;

	for (int i = 0; i < work->nops; i++)
	{
		if (work->ops[i]->dns.status.code == CM_OK)
			cm_dns_record_set_confirmed(work->order->id, work->ops[i]->change_id);
		else
			missing = work->ops[i];
	}
	if (missing == NULL)
		return CM_FATE_NEXT;
	return not_yet(work, &missing->dns.status, "waits until the DNS provider has the TXT records at all its servers", missing->dns.retry_after);
}

/* ---- propagation ---- */

CmFate
cm_step_propagate_prepare(CmWork *work)
{
	CmDnsSide	side;
	CmStatus	st = CM_STATUS_INIT;
	int			count;
	CmDnsRecordRow *records = cm_dns_record_list(work->order->id, &count);

	for (int i = 0; i < count; i++)
	{
		CmOp	   *op;

		if (!is(records[i].state, "present"))
			continue;
		if (work->nops == 0 && !cm_dns_side_load(records[i].provider_id, &side, &st))
			return dns_trouble(work, &st, -1);
		op = cm_dns_side_op(work, &side, CM_OP_VISIBLE);
		op->zone = records[i].zone;
		op->name = records[i].name;
		op->value = records[i].value;
		op->row_id = records[i].id;
	}
	return work->nops > 0 ? CM_FATE_IO : cm_order_step(work, "challenge", NULL);
}

CmFate
cm_step_propagate_apply(CmWork *work)
{
	const CmStatus *missing = NULL;

	for (int i = 0; i < work->nops; i++)
	{
		if (work->ops[i]->dns.status.code == CM_OK)
			cm_dns_record_set_state(work->ops[i]->row_id, "visible");
		else
			missing = &work->ops[i]->dns.status;
	}
	return missing != NULL ? not_yet(work, missing, "waits until the TXT records are at all name servers", -1) : CM_FATE_NEXT;
}

/* ---- challenges ---- */

#define TAG_ASK 1				/* it may have been posted: look first */

CmFate
cm_step_challenge_prepare(CmWork *work)
{
	int			count;
	CmAcmeAuthorizationRow *authorizations = cm_acme_authorization_list(work->order->id, &count);

	for (int i = 0; i < count && i < CM_ACME_MAX_IDENTIFIERS; i++)
	{
		CmOp	   *op;

		if (!is(authorizations[i].status, "pending"))
			continue;
		/* A challenge that is not pending must not be posted again: some servers then hang, others check twice. */
		if (authorizations[i].posted)
		{
			op = cm_work_acme(work, CM_ACME_URL, authorizations[i].url, NULL);
			op->tag = TAG_ASK;
		}
		else
		{
			op = cm_work_acme(work, CM_ACME_URL, authorizations[i].challenge_url, "{}");
			cm_acme_authorization_set_posted(authorizations[i].id, true);
		}
		op->row_id = authorizations[i].id;
	}
	return work->nops > 0 ? CM_FATE_IO : cm_order_poll(work, "await", -1);
}

/* An authorization whose challenge may have been posted. */
static void
take_asked(CmOp *op)
{
	CmAcmeAuthorization said;
	CmAcmeAuthorizationRow row = {0};

	if (!cm_acme_authorization_parse(cm_reply_body(&op->reply), &said, &op->reply.status))
		return;
	row.identifier = said.identifier;
	row.wildcard = said.wildcard;
	row.status = said.status;
	row.challenge_url = said.challenge_url;
	row.token = said.token;
	if (is(said.status, "pending") && is(said.challenge_status, "pending"))
		cm_acme_authorization_set_posted(op->row_id, false);
	else if (is(said.status, "pending"))
		row.status = "processing";	/* ours: posted, nothing left to do */
	cm_acme_authorization_set(op->row_id, &row, NULL);
}

CmFate
cm_step_challenge_apply(CmWork *work)
{
	CmOp	   *refused = NULL;
	int			count;
	CmAcmeAuthorizationRow *authorizations = cm_acme_authorization_list(work->order->id, &count);

	for (int i = 0; i < work->nops; i++)
	{
		CmOp	   *op = work->ops[i];
		/* "Not pending any more" is fine: the order will tell. */
		bool		accepted = op->reply.status.code == CM_OK || (op->reply.code == 400 && strcmp(op->reply.problem_type, "malformed") == 0);

		if (accepted && op->tag == TAG_ASK && op->reply.status.code == CM_OK)
			take_asked(op);
		else if (accepted && op->tag != TAG_ASK)
		{
			for (int j = 0; j < count; j++)
			{
				if (authorizations[j].id != op->row_id)
					continue;
				authorizations[j].status = "processing";
				cm_acme_authorization_set(op->row_id, &authorizations[j], NULL);
			}
			continue;
		}
		if (op->reply.status.code != CM_OK)
			refused = op;
	}
	if (refused != NULL && refused->reply.code == 404)
		return cm_order_gone(work);
	return refused != NULL ? cm_order_refused(work, refused) : CM_FATE_NEXT;
}
