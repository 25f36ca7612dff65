/*
 * acme_steps_order.c - the steps of an order that the CA has: waiting until
 * its names are checked, finalize, waiting until it is signed. Engines only; no
 * lock is held while the CA is asked. An order that the CA calls invalid fails
 * with what the CA says of its names.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "lifecycle/acme_work.h"
#include "lifecycle/fallback.h"
#include "pg/own.h"
#include "store/acme_certificate.h"
#include "utils/timestamp.h"

/* ---- waiting ---- */

/* Checks take seconds; a minute is long. */
#define SLOW_US (INT64CONST(60) * USECS_PER_SEC)

static CmFate
ask_order(CmWork *work, const char *message)
{
	/* Said when it takes longer than usual: what lasts for milliseconds nobody reads. */
	if (work->order->polls > 0 && message != NULL)
		cm_acme_certificate_message(work->order->certificate_id, message);
	cm_work_acme(work, CM_ACME_URL, work->order->url, NULL)->delay_ms = work->poll.delay_ms;
	work->poll.delay_ms = 0;
	return CM_FATE_IO;
}

/* Attempts in vain after which a CA is believed that it does not know an order that it may have signed: two minutes or so. */
#define LOST_AFTER 8

/* An edge server, or a copy that is behind, knows nothing for a moment: another order would be another certificate. */
static bool
is_lost(const CmWork *work, const CmOp *op)
{
	return op->reply.code == 404 && (strcmp(work->order->step, "await") == 0 || work->job.attempt >= LOST_AFTER);
}

/* The answer to a question for the order, or to finalize. */
static CmFate
take_order(CmWork *work)
{
	CmOp	   *op = work->ops[0];
	CmAcmeOrder said;
	CmStatus	st = CM_STATUS_INIT;

	if (op->reply.status.code != CM_OK)
	{
		if (is_lost(work, op))
			return cm_order_gone(work);
		return cm_order_refused(work, op);
	}
	if (!cm_acme_order_parse(cm_reply_body(&op->reply), &said, &st))
	{
		op->reply.status = st;
		return cm_order_refused(work, op);
	}
	return cm_order_by_status(work, &said, op->reply.retry_after);
}

/* An invalid order of which we want to know why. */
static bool
is_invalid(const CmWork *work)
{
	return work->order->status != NULL && strcmp(work->order->status, "invalid") == 0;
}

/*
 * Where a check that failed leaves the challenge pending, it is answered again between any two questions for the order: the CA checks
 * then, and only then. Answering one that is valid by now does nothing there.
 */
static bool
is_repost(const CmWork *work)
{
	return work->account->quirks.challenge_repost && work->order->polls % 2 == 1;
}

static CmFate
repost(CmWork *work)
{
	int			count;
	CmAcmeAuthorizationRow *authorizations = cm_acme_authorization_list(work->order->id, &count);

	for (int i = 0; i < count && i < CM_ACME_MAX_IDENTIFIERS; i++)
	{
		CmOp	   *op;

		if (!authorizations[i].posted || authorizations[i].challenge_url == NULL)
			continue;
		op = cm_work_acme(work, CM_ACME_URL, authorizations[i].challenge_url, "{}");
		op->what = "challenge";
		op->row_id = authorizations[i].id;
		op->delay_ms = work->poll.delay_ms;
	}
	work->poll.delay_ms = 0;
	return work->nops > 0 ? CM_FATE_IO : ask_order(work, NULL);
}

/* What the CA could not check is said; whatever the answers are, the order tells where it stands. */
static CmFate
take_reposted(CmWork *work)
{
	CmOp	   *refused = NULL;

	for (int i = 0; i < work->nops; i++)
	{
		CmOp	   *op = work->ops[i];
		CmSlice		body = cm_reply_body(&op->reply);
		CmStatus	st = CM_STATUS_INIT;
		CmJson	   *said;
		const char *detail;

		if (op->reply.status.code != CM_OK)
		{
			refused = op;
			continue;
		}
		said = cm_json_parse(body, body.len, &st);
		detail = said != NULL ? cm_json_get_string(cm_json_get(said, "error"), "detail") : NULL;
		if (detail != NULL)
			cm_acme_certificate_message(work->order->certificate_id,
										psprintf("the CA could not check a name and is asked again: %s", detail));
	}
	if (refused != NULL && refused->reply.code != 400)
		return cm_order_refused(work, refused);
	cm_acme_order_count_poll(work->order);
	return CM_FATE_NEXT;
}

/*
 * An order that is pending for longer than a check takes: its authorizations
 * tell which name it waits for, and some servers leave an order pending though
 * one of them has failed. Between any two questions for the order, which is
 * asked at once when they are all well.
 */
static bool
is_slow(const CmWork *work)
{
	return work->order->polls % 2 == 1 && GetCurrentTimestamp() - work->order->step_since > SLOW_US;
}

/* Of an order that is invalid all are asked for the reason, of a slow one those that were not valid when they were read. */
static CmFate
ask_authorizations(CmWork *work)
{
	int			count;
	CmAcmeAuthorizationRow *authorizations = cm_acme_authorization_list(work->order->id, &count);

	for (int i = 0; i < count && i < CM_ACME_MAX_IDENTIFIERS; i++)
	{
		CmOp	   *op;

		if (!is_invalid(work) && authorizations[i].status != NULL && strcmp(authorizations[i].status, "valid") == 0)
			continue;
		op = cm_work_acme(work, CM_ACME_URL, authorizations[i].url, NULL);
		op->what = "authorization";
		op->row_id = authorizations[i].id;
		op->delay_ms = work->poll.delay_ms;
	}
	if (work->nops > 0)
	{
		work->poll.delay_ms = 0;
		return CM_FATE_IO;
	}
	return is_invalid(work) ? cm_order_failed(work, "the CA says that the order is invalid and not why", NULL, true) : ask_order(work, NULL);
}

CmFate
cm_step_await_prepare(CmWork *work)
{
	if (is_invalid(work))
		return ask_authorizations(work);
	/* What an answer to a challenge said is not to be overwritten. */
	if (work->account->quirks.challenge_repost)
		return is_repost(work) ? repost(work) : ask_order(work, NULL);
	return is_slow(work) ? ask_authorizations(work) : ask_order(work, "the CA is checking the names");
}

/* Nothing will come of it any more. */
static bool
is_over(const CmAcmeAuthorization *said)
{
	return strcmp(said->status, "invalid") == 0 || strcmp(said->status, "deactivated") == 0 || strcmp(said->status, "expired") == 0 || strcmp(said->status, "revoked") == 0;
}

static CmFate
explain_invalid(CmWork *work)
{
	StringInfoData words;
	const char *problem = NULL;
	CmLeftOut	refused = {{0}};
	CmFate		fate;

	initStringInfo(&words);
	for (int i = 0; i < work->nops; i++)
	{
		CmOp	   *op = work->ops[i];
		CmAcmeAuthorization said;
		CmStatus	st = CM_STATUS_INIT;

		if (op->reply.status.code != CM_OK || !cm_op_authorization(op, &said, &st))
			continue;
		if (said.error == NULL || said.error->detail == NULL)
		{
			if (is_over(&said) && words.len == 0)
				appendStringInfo(&words, "the CA says that the authorization of %s is \"%s\"", said.identifier, said.status);
			continue;
		}
		problem = said.error->json;
		cm_left_out_add(&refused, psprintf("%s%s", said.wildcard ? "*." : "", said.identifier), said.error->detail);
		/* A hundred names may fail for one reason: the first ones tell it. */
		if (words.len < 1000)
			appendStringInfo(&words, "%s%s: %s", words.len > 0 ? "; " : "the CA could not check ", said.identifier, said.error->detail);
	}
	if (cm_order_without(work, &refused, problem, &fate))
		return fate;
	return cm_order_failed(work, words.len > 0 ? words.data : "the CA says that the order is invalid and not why", problem, true);
}

/* Whether one of those of a slow order has failed; otherwise the order tells where it stands. */
static CmFate
take_slow(CmWork *work)
{
	for (int i = 0; i < work->nops; i++)
	{
		CmOp	   *op = work->ops[i];
		CmAcmeAuthorization said;
		CmStatus	st = CM_STATUS_INIT;

		if (op->reply.status.code != CM_OK)
			return op->reply.code == 404 ? cm_order_gone(work) : cm_order_refused(work, op);
		if (cm_op_authorization(op, &said, &st) && is_over(&said))
			return explain_invalid(work);
	}
	cm_acme_order_count_poll(work->order);
	return CM_FATE_NEXT;
}

CmFate
cm_step_await_apply(CmWork *work)
{
	if (is_invalid(work))
		return explain_invalid(work);
	if (strcmp(work->ops[0]->what, "challenge") == 0)
		return take_reposted(work);
	return strcmp(work->ops[0]->what, "authorization") == 0 ? take_slow(work) : take_order(work);
}

CmFate
cm_step_issue_prepare(CmWork *work)
{
	return ask_order(work, "the CA is signing the certificate");
}

CmFate
cm_step_issue_apply(CmWork *work)
{
	return take_order(work);
}

/* ---- finalize ---- */

#define TAG_ASK 1				/* an answer was lost: look at the order first */

CmFate
cm_step_finalize_prepare(CmWork *work)
{
	CmAcmeOrderRow *order = work->order;
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *payload = cm_own_buf(0);
	CmOp	   *op;

	if (order->status != NULL && strcmp(order->status, "finalizing") == 0)
	{
		op = cm_work_acme(work, CM_ACME_URL, order->url, NULL);
		op->tag = TAG_ASK;
		return CM_FATE_IO;
	}
	if (order->finalize_url == NULL)
		return cm_order_failed(work, "the CA did not say where to send the request", NULL, true);
	if (!cm_acme_finalize_payload(cm_acme_certificate_csr(order->certificate_id), payload, &st))
		return cm_order_failed(work, cm_status_words(&st), NULL, false);
	/* Laws L1 and L3: that we asked is committed before we ask; the CSR was long before. */
	cm_acme_order_set_step(order, "finalize", "finalizing");
	order->finalizes++;
	op = cm_work_acme(work, CM_ACME_URL, order->finalize_url, pstrdup(cm_buf_cstr(payload)));
	op->what = "finalize";
	op->delay_ms = work->poll.delay_ms;
	work->poll.delay_ms = 0;
	op->request.timeout_ms = work->account->quirks.finalize_timeout;
	return CM_FATE_IO;
}

CmFate
cm_step_finalize_apply(CmWork *work)
{
	CmOp	   *op = work->ops[0];

	/* The order is unharmed; it says itself where it is. */
	if (op->tag != TAG_ASK && op->reply.status.code == CM_REFUSED && strcmp(op->reply.problem_type, "orderNotReady") == 0)
	{
		cm_acme_order_set_step(work->order, "await", "pending");
		/* Asked at a guess, not ready is a matter of milliseconds. A CA that says "ready" and is not, time after time, is another matter. */
		if (!work->account->quirks.optimistic_finalize || work->order->finalizes > 1)
			return cm_order_refused(work, op);
		cm_pace_learn(work, false);
		return cm_order_poll(work, "await", op->reply.retry_after);
	}
	if (op->tag != TAG_ASK && op->reply.status.code == CM_REFUSED && strcmp(op->reply.problem_type, "badPublicKey") == 0)
		return cm_order_other_key(work, op);
	/* The order is asked for next, as after a lost answer. */
	if (op->tag != TAG_ASK && op->reply.code == 404)
		return cm_order_refused(work, op);
	return take_order(work);
}
