/*
 * acme_steps_download.c - the last step of an order: the certificate is
 * fetched (all its chains, if another one is preferred), checked and stored.
 * Engines only; no lock is held while the CA is asked. A chain that cannot be
 * read is fetched again, one that breaks the policy fails the order.
 */
#include "postgres.h"

#include "lifecycle/acme_limit.h"
#include "lifecycle/acme_work.h"
#include "lifecycle/fallback.h"
#include "lifecycle/notify.h"
#include "store/acme_renewal_info.h"
#include "utils/timestamp.h"

/* A leaf with its issuers; chains of big keys have some 20 KiB. */
#define CHAIN_MAX (1024 * 1024)

/* Attempts to get a certificate that can be read. */
#define UNREADABLE_MAX 5

#define TAG_ALTERNATE 2

/* A download that is asked for; big chains are refused while they come in. */
static CmOp *
ask_chain(CmWork *work, const char *what, const char *url)
{
	CmOp	   *op = cm_work_acme(work, CM_ACME_URL, url, NULL);

	op->what = what;
	op->request.accept = "application/pem-certificate-chain";
	op->request.max_body = CHAIN_MAX;
	return op;
}

CmFate
cm_step_download_prepare(CmWork *work)
{
	if (work->order->certificate_url == NULL)
		return cm_order_poll(work, "issue", -1);
	if (work->alternates != NULL)
	{
		for (char **url = work->alternates; *url != NULL; url++)
			ask_chain(work, "alternate", *url)->tag = TAG_ALTERNATE;
		work->alternates = NULL;
	}
	else
		ask_chain(work, "certificate", work->order->certificate_url);
	return CM_FATE_IO;
}

/* Checked and stored, or why not. */
static CmFate
take_chain(CmWork *work, CmSlice body)
{
	CmAcmeOrderRow *order = work->order;
	CmStatus	st = CM_STATUS_INIT;

	if (!cm_acme_accept(order, work->account->ca_config, body, &st))
	{
		char	   *words = psprintf("the CA's certificate was not accepted: %s", cm_status_words(&st));

		/* What is not readable may have been cut short on its way, but not every time; what breaks the policy stays as it is. */
		if (st.code == CM_POLICY || st.code == CM_MISMATCH || work->job.attempt >= UNREADABLE_MAX)
			return cm_order_failed(work, words, NULL, false);
		return cm_work_retry(work, order->certificate_id, words, -1);
	}
	cm_acme_order_end(order, "done", NULL);
	cm_acme_limit_done(order);
	(void) cm_fallback_settle(order->certificate_id);
	cm_job_put("acme_cleanup", order->id, GetCurrentTimestamp());
	if (work->account->quirks.ari)
		cm_job_put("acme_renewal_info", order->certificate_id, GetCurrentTimestamp());
	if (order->renewed_from != 0)
		cm_renewal_info_replaced(order->renewed_from);
	cm_notify(order->renewed_from != 0 ? "renewed" : "issued", order->certificate_id, order->subscriber_id);
	return cm_work_finish(work);
}

CmFate
cm_step_download_apply(CmWork *work)
{
	CmOp	   *op = work->ops[0];
	CmStatus	st = CM_STATUS_INIT;
	CmJson	   *config = cm_json_config(work->account->ca_config, &st);
	const char *wanted = cm_json_get_string(config, "preferred_chain");

	if (op->tag == TAG_ALTERNATE)
		return take_chain(work, cm_acme_chain_choose(work, wanted != NULL ? wanted : ""));
	if (op->reply.status.code != CM_OK)
		return cm_order_refused(work, op);
	if (wanted != NULL && !cm_acme_chain_preferred(cm_reply_body(&op->reply), wanted) && cm_acme_chain_more(work, op))
		return CM_FATE_NEXT;
	return take_chain(work, cm_reply_body(&op->reply));
}
