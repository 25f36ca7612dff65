/*
 * acme_steps_dns.c - the steps between an order and its being ready:
 * authorizations, TXT records, propagation, challenges. Engines only.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "lifecycle/acme_work.h"
#include "lifecycle/challenge.h"
#include "pg/own.h"
#include "store/acme_certificate.h"
#include "store/dns_persist.h"
#include "store/dns_zone.h"
#include "utils/timestamp.h"

#define DAY_MS (INT64CONST(86400) * 1000)
/* Secondaries that need longer than this are broken (BIND's NOTIFY takes seconds). */
#define PROPAGATION_MAX_US (INT64CONST(600) * USECS_PER_SEC)
/* A person who makes a record has a week: longer no CA keeps an order. */
#define PERSON_MAX_US (INT64CONST(7) * 86400 * USECS_PER_SEC)
/* A provider that throttles says seconds; longer than this, and the order waits no longer than it lives. */
#define RETRY_AFTER_MAX_MS INT64CONST(300000)
/* An order that proves the same name by TLS-ALPN-01 takes some seconds. */
#define PLAN_AGAIN_MS 1000
/* CNAMEs from a challenge's name to its record; resolvers give up at 8 to 16. */
#define HOPS_MAX 16

static bool
is(const char *status, const char *what)
{
	return status != NULL && strcmp(status, what) == 0;
}

/* ---- authorizations ---- */

/*
 * Something is not free. What this order has already is given back, so that
 * two orders never wait for each other, and both do not come back at the same time.
 */
static CmFate
plan_later(CmWork *work, const CmStatus *st)
{
	char	   *words = cm_status_words(st);

	cm_challenge_withdraw(work->order->id);
	if (GetCurrentTimestamp() - work->order->step_since > DAY_MS * 1000)
		return cm_order_failed(work, words, NULL, false);
	cm_acme_certificate_message(work->order->certificate_id, psprintf("waits: %s", words));
	return cm_work_again(work, (int64) cm_jitter(PLAN_AGAIN_MS, 2 * PLAN_AGAIN_MS), true);
}

/* Law L1: the rows come before the zone. Once all authorizations are known. */
static CmFate
plan(CmWork *work, const CmAcmeAuthorizationRow *authorizations, int count)
{
	CmStatus	st = CM_STATUS_INIT;

	for (int i = 0; i < count; i++)
	{
		const CmChallenge *challenge;

		if (!is(authorizations[i].status, "pending"))
			continue;
		challenge = cm_challenge(authorizations[i].challenge_type);
		if (challenge == NULL)
			return cm_order_failed(work, psprintf("challenges of type \"%s\" cannot be answered", authorizations[i].challenge_type), NULL, false);
		if (!challenge->plan(work, &authorizations[i], &st) && st.code == CM_LIMIT)
			return plan_later(work, &st);
		if (st.code != CM_OK)
			return cm_order_failed(work, cm_status_words(&st), NULL, false);
	}
	return cm_order_step(work, "present", NULL);
}

CmFate
cm_step_authorize_prepare(CmWork *work)
{
	int			count;
	CmAcmeAuthorizationRow *authorizations = cm_acme_authorization_list(work->order->id, &count);
	int			pending = 0;

	for (int i = 0; i < count && i < CM_ACME_MAX_IDENTIFIERS; i++)
	{
		if (authorizations[i].status == NULL)
		{
			CmOp	   *op = cm_work_acme(work, CM_ACME_URL, authorizations[i].url, NULL);

			op->what = "authorization";
			op->row_id = authorizations[i].id;
		}
		pending += is(authorizations[i].status, "pending");
	}
	if (work->nops > 0)
		return CM_FATE_IO;
	return pending == 0 ? cm_order_step(work, "await", NULL) : plan(work, authorizations, count);
}

/* Of this order, or of a name above one of its names: some CAs prove those instead. */
static bool
is_ordered(const CmAcmeOrderRow *order, const char *name)
{
	size_t		len = strlen(name);

	for (int i = 0; i < order->identifier_count; i++)
	{
		const char *ours = order->identifiers[i];
		size_t		more = strlen(ours) - Min(strlen(ours), len);

		if (strcmp(ours + more, name) == 0 && (more == 0 || ours[more - 1] == '.'))
			return true;
	}
	return false;
}

/* Stores one answer. *failure: what is wrong with the order, when something is. */
static void
take_authorization(CmOp *op, const char *type, char **failure, CmLeftOut *refused)
{
	CmAcmeAuthorization said;
	char	   *words = NULL;

	op->challenge_type = type;
	if (!cm_op_authorization(op, &said, &op->reply.status))
		return;					/* the caller sees the status */
	if (is(said.status, "valid"))
		return;
	/* Answered already, by whom our rows do not know (a database that was restored): the records are made, and then it is looked at first. */
	if (is(said.challenge_status, "processing") || is(said.challenge_status, "valid"))
		cm_acme_authorization_set_posted(op->row_id, true);
	if (!is(said.status, "pending"))
		words = psprintf("the CA says that the authorization of %s is \"%s\"%s%s", said.identifier, said.status,
							said.error != NULL && said.error->detail != NULL ? ": " : "", said.error != NULL && said.error->detail != NULL ? said.error->detail : "");
	else if (!is_ordered(op->work->order, said.identifier))
		words = psprintf("the CA wants a proof for %s, which was not ordered", said.identifier);
	else if (said.challenge_url == NULL)
		words = psprintf("the CA offers no %s challenge for %s", type, said.identifier);
	if (words == NULL)
		return;
	cm_left_out_add(refused, psprintf("%s%s", said.wildcard ? "*." : "", said.identifier), words);
	*failure = words;
}

CmFate
cm_step_authorize_apply(CmWork *work)
{
	const char *type = cm_challenge_of_ca(work->account->ca_config);
	CmOp	   *refused = NULL;
	char	   *failure = NULL;
	CmLeftOut	left = {{0}};
	CmFate		fate;

	for (int i = 0; i < work->nops; i++)
	{
		CmOp	   *op = work->ops[i];

		if (op->reply.status.code == CM_OK)
			take_authorization(op, type, &failure, &left);
		if (op->reply.status.code != CM_OK)
			refused = op;
	}
	if (failure != NULL)
		return cm_order_without(work, &left, NULL, &fate) ? fate : cm_order_failed(work, failure, NULL, true);
	if (refused != NULL && refused->reply.code == 404)
		return cm_order_gone(work);
	return refused != NULL ? cm_order_refused(work, refused) : CM_FATE_NEXT;
}

/* ---- TXT records ---- */

/* A DNS provider that fails costs nothing at the CA: it is asked again for a day. */
static CmFate
dns_trouble(CmWork *work, const CmStatus *st, int64 retry_after_s)
{
	char	   *words = cm_status_words(st);

	if (cm_work_failing(work, DAY_MS))
		return cm_order_failed(work, words, NULL, false);
	return cm_work_retry(work, work->order->certificate_id, words, retry_after_s);
}

/* The look-ups that a record needs before it can be written: where CNAMEs lead to, then the zone there. One a name. */
static bool
ask(CmWork *work, CmDnsRecordRow *records, int count, CmOpKind kind, CmStatus *st)
{
	for (int i = 0; i < count; i++)
	{
		bool		asked = kind == CM_OP_FOLLOW ? records[i].followed : records[i].zone != NULL;
		CmDnsSide  *side;

		for (int j = 0; j < work->nops; j++)
			asked = asked || (work->ops[j]->provider_id == records[i].provider_id && strcmp(work->ops[j]->name, records[i].name) == 0);
		if (asked)
			continue;
		side = cm_dns_side(work, records[i].provider_id, st);
		if (side == NULL)
			return false;
		cm_dns_side_op(work, side, kind)->name = records[i].name;
	}
	return true;
}

/*
 * The records of the order. Those that are not in their zone yet go to the provider that is responsible now: a person may have put
 * another one in its place. After the zone is known that is looked at only when something went wrong.
 */
static CmDnsRecordRow *
records_to_write(CmWork *work, int *count)
{
	CmDnsRecordRow *records = cm_dns_record_list(work->order->id, count);
	bool		changed = false;

	for (int i = 0; i < *count; i++)
	{
		int64		provider_id;

		if (!is(records[i].state, "planned") || (records[i].zone != NULL && work->job.attempt == 0))
			continue;
		provider_id = cm_dns_zone_provider(records[i].name, work->account->dns_provider_id);
		if (provider_id == 0 || provider_id == records[i].provider_id)
			continue;
		cm_dns_record_set_provider(&records[i], provider_id);
		changed = true;
	}
	return changed ? cm_dns_record_list(work->order->id, count) : records;
}

/* Law L1: that the provider is asked is committed before it is. */
static void
note_sent(CmWork *work)
{
	for (int i = 0; i < work->nops; i++)
	{
		if (work->ops[i]->kind == CM_OP_APPLY)
			cm_dns_record_set_sent(work->ops[i]->record_ids, work->ops[i]->nrecords, true);
	}
}

CmFate
cm_step_present_prepare(CmWork *work)
{
	CmStatus	st = CM_STATUS_INIT;
	int			count;
	int			planned = 0;
	int			busy = 0;
	CmDnsRecordRow *records = records_to_write(work, &count);

	for (int i = 0; i < count; i++)
	{
		if (records[i].busy)
			busy++;
		else if (is(records[i].state, "planned"))
			records[planned++] = records[i];
	}
	if (planned == 0 && busy == 0)
		return cm_order_step(work, "confirm", NULL);
	if (planned == 0)
		return cm_work_again(work, 1000, true);
	if (!ask(work, records, planned, CM_OP_FOLLOW, &st) ||
		(work->nops == 0 && !ask(work, records, planned, CM_OP_FIND_ZONE, &st)) ||
		(work->nops == 0 && !cm_dns_side_ops(work, records, planned, false, &st) && work->nops == 0))
		return dns_trouble(work, &st, -1);
	note_sent(work);
	return CM_FATE_IO;
}

/* What a provider would not write is not there, unless an earlier attempt or a part of this one put it there. */
static void
take_refused(CmOp *op)
{
	CmCode		code = op->dns.status.code;
	bool		nothing = code == CM_REFUSED || code == CM_LIMIT || code == CM_INVALID || code == CM_POLICY || code == CM_UNSUPPORTED;

	if (nothing && !op->again && !op->dns.touched)
		cm_dns_record_set_sent(op->record_ids, op->nrecords, false);
}

/* What a provider said of its records. */
static void
take_written(CmOp *op)
{
	for (int j = 0; j < op->nrecords; j++)
		cm_dns_record_set_present(op->record_ids[j], op->dns.ids != NULL ? op->dns.ids[j] : "", op->provider->confirm != NULL ? op->dns.change_id : "");
}

/* A CNAME leads to a name whose records another provider may write. A loop goes back to its begin, for the day it is mended. */
static void
take_target(CmWork *work, CmOp *op)
{
	const char *target = op->dns.zone[0] != '\0' ? op->dns.zone : NULL;
	int64		provider_id = target != NULL ? cm_dns_zone_provider(target, work->account->dns_provider_id) : op->provider_id;
	CmStatus   *st = &op->dns.status;

	if (provider_id == 0)
		cm_fail(st, CM_INVALID, "no DNS provider writes \"%.100s\", where \"%.100s\" leads to", target, op->name);
	else if (!cm_dns_record_set_target(work->order->id, op->name, target, provider_id, HOPS_MAX))
	{
		cm_fail(st, CM_INVALID, "the CNAMEs of a challenge's name lead in a loop");
		cm_fail_detail(st, "\"%.150s\" leads to \"%.150s\", and that back, or through more than %d names.", op->name, target, HOPS_MAX);
	}
}

CmFate
cm_step_present_apply(CmWork *work)
{
	CmOp	   *trouble = NULL;

	for (int i = 0; i < work->nops; i++)
	{
		CmOp	   *op = work->ops[i];

		if (op->dns.status.code != CM_OK && op->kind == CM_OP_APPLY)
			take_refused(op);
		else if (op->dns.status.code != CM_OK)
			trouble = op;
		else if (op->kind == CM_OP_FOLLOW)
			take_target(work, op);
		else if (op->kind == CM_OP_FIND_ZONE)
			cm_dns_record_set_zone(work->order->id, op->provider_id, op->name, op->dns.zone, op->dns.zone_id);
		else
			take_written(op);
		if (op->dns.status.code != CM_OK)
			trouble = op;
	}
	return trouble != NULL ? dns_trouble(work, &trouble->dns.status, trouble->dns.retry_after) : CM_FATE_NEXT;
}

/* ---- changes on their way inside the provider ---- */

/* Waits a little, then asks again in the same step. Too long is a failure of the order. */
static CmFate
not_yet(CmWork *work, const char *words, int64 patience_us, int64 retry_after_s)
{
	static const int schedule[] = {500, 1000, 2000, 3000, 5000};
	/* People are slower. */
	int64		ms = patience_us == PERSON_MAX_US && work->order->polls >= lengthof(schedule) ? 15000 : schedule[Min(work->order->polls, lengthof(schedule) - 1)];

	if (GetCurrentTimestamp() - work->order->step_since > patience_us)
		return cm_order_failed(work, words, NULL, true);
	if (retry_after_s >= 0)
		ms = Max(ms, Min(retry_after_s * 1000, RETRY_AFTER_MAX_MS));
	cm_acme_order_count_poll(work->order);
	cm_acme_certificate_message(work->order->certificate_id, words);
	return cm_work_again(work, ms, true);
}

CmFate
cm_step_confirm_prepare(CmWork *work)
{
	CmStatus	st = CM_STATUS_INIT;
	int			count;
	CmDnsRecordRow *records = cm_dns_record_list(work->order->id, &count);

	for (int i = 0; i < count; i++)
	{
		bool		asked = false;
		CmDnsSide  *side;
		CmOp	   *op;

		if (!is(records[i].state, "present") || records[i].change_id == NULL)
			continue;
		for (int j = 0; j < work->nops; j++)
			asked = asked || (work->ops[j]->provider_id == records[i].provider_id && strcmp(work->ops[j]->change_id, records[i].change_id) == 0);
		if (asked)
			continue;
		side = cm_dns_side(work, records[i].provider_id, &st);
		if (side == NULL)
			return dns_trouble(work, &st, -1);
		op = cm_dns_side_op(work, side, CM_OP_CONFIRM);
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
			cm_dns_record_set_confirmed(work->order->id, work->ops[i]->provider_id, work->ops[i]->change_id);
		else
			missing = work->ops[i];
	}
	if (missing == NULL)
		return CM_FATE_NEXT;
	return not_yet(work, psprintf("waits until the DNS provider has the TXT records at all its servers: %s", cm_status_words(&missing->dns.status)),
				   PROPAGATION_MAX_US, missing->dns.retry_after);
}

/* ---- propagation ---- */

/* What challenges of other kinds want to see. */
static bool
look(CmWork *work, CmStatus *st)
{
	int			count;
	CmAcmeAuthorizationRow *authorizations = cm_acme_authorization_list(work->order->id, &count);

	for (int i = 0; i < count; i++)
	{
		const CmChallenge *challenge = authorizations[i].challenge_type != NULL ? cm_challenge(authorizations[i].challenge_type) : NULL;

		if (is(authorizations[i].status, "pending") && challenge != NULL && challenge->look != NULL && !challenge->look(work, &authorizations[i], st))
			return false;
	}
	return true;
}

CmFate
cm_step_propagate_prepare(CmWork *work)
{
	CmStatus	st = CM_STATUS_INIT;
	int			count;
	CmDnsRecordRow *records = cm_dns_record_list(work->order->id, &count);

	for (int i = 0; i < count; i++)
	{
		CmDnsSide  *side;
		CmOp	   *op;

		if (!is(records[i].state, "present"))
			continue;
		side = cm_dns_side(work, records[i].provider_id, &st);
		if (side == NULL)
			return dns_trouble(work, &st, -1);
		op = cm_dns_side_op(work, side, CM_OP_VISIBLE);
		op->zone = records[i].zone;
		op->name = records[i].name;
		op->value = records[i].value;
		op->row_id = records[i].id;
	}
	if (!look(work, &st))
		return dns_trouble(work, &st, -1);
	return work->nops > 0 ? CM_FATE_IO : cm_order_step(work, "challenge", NULL);
}

/* What a person has to make. The first ones are enough to begin with. */
static void
add_request(CmWork *work, StringInfo requests, const CmOp *op)
{
	CmBuf	   *value = cm_own_buf(0);
	CmStatus	st = CM_STATUS_INIT;

	if (requests->len > 800)
		return;
	if (op->kind == CM_OP_PERSIST)
		(void) cm_dns01_persist_format(value, op->persist->issuers[0], op->persist->account, op->persist->wildcard, 0, &st);
	else
		cm_buf_append_str(value, op->value);
	appendStringInfo(requests, "%s%s TXT \"%s\"", requests->len > 0 ? ", " : "", op->name, cm_buf_cstr(value));
}

CmFate
cm_step_propagate_apply(CmWork *work)
{
	CmOp	   *missing = NULL;
	StringInfoData requests;

	initStringInfo(&requests);
	for (int i = 0; i < work->nops; i++)
	{
		CmOp	   *op = work->ops[i];

		if (op->dns.status.code == CM_OK && op->kind == CM_OP_PERSIST)
			cm_dns_persist_seen(op->row_id, work->account->ca_id, op->dns.expires);
		else if (op->dns.status.code == CM_OK)
			cm_dns_record_set_state(op->row_id, "visible");
		else
		{
			missing = op;
			if (op->kind == CM_OP_PERSIST || cm_dns01_by_person(op->provider))
				add_request(work, &requests, op);
		}
	}
	/* All there is was looked at. */
	if (missing == NULL)
		return cm_order_step(work, "challenge", NULL);
	if (requests.len > 0)
		return not_yet(work, psprintf("waits for a person to make TXT records: %s; now %s", requests.data, cm_status_words(&missing->dns.status)), PERSON_MAX_US, -1);
	return not_yet(work, psprintf("waits until the TXT records are at all name servers: %s", cm_status_words(&missing->dns.status)), PROPAGATION_MAX_US, -1);
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
			op->what = "authorization";
			op->tag = TAG_ASK;
		}
		else
		{
			op = cm_work_acme(work, CM_ACME_URL, authorizations[i].challenge_url, "{}");
			op->what = "challenge";
			cm_acme_authorization_set_posted(authorizations[i].id, true);
		}
		op->row_id = authorizations[i].id;
	}
	return work->nops > 0 ? CM_FATE_IO : cm_order_validating(work);
}

/* An authorization whose challenge may have been posted. */
static void
take_asked(CmOp *op)
{
	CmAcmeAuthorization said;

	if (!cm_op_authorization(op, &said, &op->reply.status))
		return;
	if (is(said.status, "pending") && is(said.challenge_status, "pending"))
		cm_acme_authorization_set_posted(op->row_id, false);
	else if (is(said.status, "pending"))
		cm_acme_authorization_set_status(op->row_id, "processing"); /* ours: posted, nothing left to do */
}

CmFate
cm_step_challenge_apply(CmWork *work)
{
	CmOp	   *refused = NULL;

	for (int i = 0; i < work->nops; i++)
	{
		CmOp	   *op = work->ops[i];
		/* "Not pending any more" is fine: the order will tell. */
		bool		accepted = op->reply.status.code == CM_OK || (op->reply.code == 400 && strcmp(op->reply.problem_type, "malformed") == 0);

		if (accepted && op->tag == TAG_ASK && op->reply.status.code == CM_OK)
			take_asked(op);
		else if (accepted && op->tag != TAG_ASK)
		{
			cm_acme_authorization_set_status(op->row_id, "processing");
			continue;
		}
		if (op->reply.status.code != CM_OK)
			refused = op;
	}
	if (refused != NULL && refused->reply.code == 404)
		return cm_order_gone(work);
	return refused != NULL ? cm_order_refused(work, refused) : CM_FATE_NEXT;
}
