/*
 * acme_steps_order.c - the steps that speak of the order itself: newOrder,
 * waiting, finalize, waiting again, download. Engines only.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "lifecycle/acme_work.h"
#include "lifecycle/notify.h"
#include "pg/own.h"
#include "store/acme_certificate.h"
#include "utils/timestamp.h"

/* A leaf with its issuers; chains of big keys have some 20 KiB. */
#define CHAIN_MAX (1024 * 1024)

/* Attempts to get a certificate that can be read. */
#define UNREADABLE_MAX 5

/* ---- newOrder ---- */

CmFate
cm_step_new_order_prepare(CmWork *work)
{
	CmAcmeOrderRow *order = work->order;
	CmAcmeIdentifier *ids = palloc0(sizeof(CmAcmeIdentifier) * order->identifier_count);
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *payload = cm_own_buf(0);
	CmJson	   *config;

	if (order->url != NULL)
		return cm_order_step(work, "authorize", NULL);
	for (int i = 0; i < order->identifier_count; i++)
	{
		ids[i].type = "dns";
		ids[i].value = order->identifiers[i];
	}
	config = cm_json_parse(cm_slice(work->account->ca_config, strlen(work->account->ca_config)), CHAIN_MAX, &st);
	if (!cm_acme_new_order_payload(ids, order->identifier_count, cm_json_get_string(config, "profile"), NULL, payload, &st))
		return cm_order_failed(work, cm_status_words(&st), NULL, false);
	(void) cm_work_acme(work, CM_ACME_NEW_ORDER, NULL, pstrdup(cm_buf_cstr(payload)));
	cm_acme_certificate_message(order->certificate_id, psprintf("asking CA \"%s\" for an order", work->account->ca_name));
	return CM_FATE_IO;
}

CmFate
cm_step_new_order_apply(CmWork *work)
{
	CmOp	   *op = work->ops[0];
	CmAcmeOrderRow *order = work->order;
	CmAcmeOrder said;
	CmStatus	st = CM_STATUS_INIT;

	if (op->reply.status.code != CM_OK)
		return cm_order_refused(work, op);
	if (op->reply.location[0] == '\0' || !cm_acme_order_parse(cm_reply_body(&op->reply), &said, &st))
	{
		if (st.code == CM_OK)
			cm_fail(&st, CM_PROTOCOL, "the CA did not say the URL of the order");
		op->reply.status = st;
		return cm_order_refused(work, op);
	}
	/* Boulder gives the same open order again for the same names: the other certificate has it now. */
	if (!cm_acme_order_set_url(order->id, order->account_id, op->reply.location))
		return cm_work_retry(work, order->certificate_id, "the CA gave an order that another certificate with these names uses", 30);
	/* Finalized before we asked: its certificate is for a key of before (a restored database), and the next order is another one. */
	if (strcmp(said.status, "valid") == 0)
		return cm_order_failed(work, "the CA gave an order that was finalized before", NULL, true);
	for (int i = 0; i < said.authorization_count; i++)
		cm_acme_authorization_put(order->id, said.authorizations[i]);
	if (strcmp(said.status, "pending") != 0)
		return cm_order_by_status(work, &said, op->reply.retry_after);
	cm_acme_order_set_answer(order->id, said.status, said.finalize, said.certificate,
							 said.expires > 0 ? time_t_to_timestamptz((pg_time_t) said.expires) : 0);
	return cm_order_step(work, "authorize", NULL);
}

/* ---- waiting ---- */

static CmFate
ask_order(CmWork *work)
{
	(void) cm_work_acme(work, CM_ACME_URL, work->order->url, NULL);
	return CM_FATE_IO;
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
		if (op->reply.code == 404)
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

CmFate
cm_step_await_prepare(CmWork *work)
{
	CmAcmeAuthorizationRow *authorizations;
	int			count;

	if (!is_invalid(work))
	{
		cm_acme_certificate_message(work->order->certificate_id, "the CA is checking the names");
		return ask_order(work);
	}
	authorizations = cm_acme_authorization_list(work->order->id, &count);
	for (int i = 0; i < count && i < CM_ACME_MAX_IDENTIFIERS; i++)
		cm_work_acme(work, CM_ACME_URL, authorizations[i].url, NULL)->row_id = authorizations[i].id;
	if (count == 0)
		return cm_order_failed(work, "the CA says that the order is invalid and not why", NULL, true);
	return CM_FATE_IO;
}

static CmFate
explain_invalid(CmWork *work)
{
	StringInfoData words;
	const char *problem = NULL;

	initStringInfo(&words);
	for (int i = 0; i < work->nops; i++)
	{
		CmOp	   *op = work->ops[i];
		CmAcmeAuthorization said;
		CmStatus	st = CM_STATUS_INIT;

		if (op->reply.status.code != CM_OK || !cm_op_authorization(op, &said, &st))
			continue;
		if (said.error == NULL || said.error->detail == NULL)
			continue;
		problem = said.error->json;
		/* A hundred names may fail for one reason: the first ones tell it. */
		if (words.len < 1000)
			appendStringInfo(&words, "%s%s: %s", words.len > 0 ? "; " : "the CA could not check ", said.identifier, said.error->detail);
	}
	return cm_order_failed(work, words.len > 0 ? words.data : "the CA says that the order is invalid and not why", problem, true);
}

CmFate
cm_step_await_apply(CmWork *work)
{
	return is_invalid(work) ? explain_invalid(work) : take_order(work);
}

CmFate
cm_step_issue_prepare(CmWork *work)
{
	cm_acme_certificate_message(work->order->certificate_id, "the CA is signing the certificate");
	return ask_order(work);
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
	cm_acme_order_set_step(order->id, "finalize", "finalizing");
	op = cm_work_acme(work, CM_ACME_URL, order->finalize_url, pstrdup(cm_buf_cstr(payload)));
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
		cm_acme_order_set_step(work->order->id, "await", "pending");
		return cm_order_refused(work, op);
	}
	/* The order is asked for next, as after a lost answer. */
	if (op->tag != TAG_ASK && op->reply.code == 404)
		return cm_order_refused(work, op);
	return take_order(work);
}

/* ---- download ---- */

CmFate
cm_step_download_prepare(CmWork *work)
{
	CmOp	   *op;

	if (work->order->certificate_url == NULL)
		return cm_order_poll(work, "issue", -1);
	op = cm_work_acme(work, CM_ACME_URL, work->order->certificate_url, NULL);
	op->request.accept = "application/pem-certificate-chain";
	op->request.max_body = CHAIN_MAX;
	cm_acme_certificate_message(work->order->certificate_id, "downloading the certificate");
	return CM_FATE_IO;
}

CmFate
cm_step_download_apply(CmWork *work)
{
	CmOp	   *op = work->ops[0];
	CmAcmeOrderRow *order = work->order;
	CmStatus	st = CM_STATUS_INIT;

	if (op->reply.status.code != CM_OK)
		return cm_order_refused(work, op);
	if (!cm_acme_accept(order, cm_reply_body(&op->reply), &st))
	{
		char	   *words = psprintf("the CA's certificate was not accepted: %s", cm_status_words(&st));

		/* What is not readable may have been cut short on its way, but not every time; what breaks the policy stays as it is. */
		if (st.code == CM_POLICY || st.code == CM_MISMATCH || work->job.attempt >= UNREADABLE_MAX || GetCurrentTimestamp() - order->created_at > INT64CONST(86400) * USECS_PER_SEC)
			return cm_order_failed(work, words, NULL, false);
		return cm_work_retry(work, order->certificate_id, words, -1);
	}
	cm_acme_order_end(order->id, "done", NULL);
	cm_job_put("acme_cleanup", order->id, GetCurrentTimestamp());
	cm_notify(order->renewed_from != 0 ? "renewed" : "issued", order->certificate_id, order->subscriber_id);
	return cm_work_finish(work);
}
