/*
 * acme_order.c - ACME orders: which step is next, polling, and what becomes of
 * failures. Engines only. The column "step" says what is to be done; every
 * step can be started again after a crash (DESIGN 6).
 */
#include "postgres.h"

#include "acme/class.h"
#include "lifecycle/acme_limit.h"
#include "lifecycle/acme_work.h"
#include "lifecycle/fallback.h"
#include "store/fallback.h"
#include "lifecycle/notify.h"
#include "store/acme_certificate.h"
#include "store/audit.h"
#include "utils/timestamp.h"

/* How long an order may go on, with whatever back-off, before it counts as failed. */
#define ORDER_MAX_MS (INT64CONST(24) * 3600 * 1000)
/* Orders of one certificate: a CA refuses more than five failures of a name an hour. */
#define ORDER_MAX 4
/* A CA that was set up anew loses an order once. */
#define LOSSES_MAX 3
#define MINUTE_MS INT64CONST(60000)
/* The longest time between two questions for an order. */
#define POLL_MAX_MS (15 * MINUTE_MS)
/* Orders that wait no longer for their next question stay in memory, as those whose answer is on its way. */
#define HOLD_MAX_MS 5000
#define PAUSED_S 86400
/* A rollover of the account's key takes a second. */
#define ROLLOVER_MS 1000

typedef struct Step
{
	const char *name;
	CmFate		(*prepare) (CmWork *work);
	CmFate		(*apply) (CmWork *work);
} Step;

static const Step steps[] = {
	{"preflight", cm_step_preflight_prepare, cm_step_preflight_apply},
	{"new_order", cm_step_new_order_prepare, cm_step_new_order_apply},
	{"authorize", cm_step_authorize_prepare, cm_step_authorize_apply},
	{"present", cm_step_present_prepare, cm_step_present_apply},
	{"confirm", cm_step_confirm_prepare, cm_step_confirm_apply},
	{"propagate", cm_step_propagate_prepare, cm_step_propagate_apply},
	{"challenge", cm_step_challenge_prepare, cm_step_challenge_apply},
	{"await", cm_step_await_prepare, cm_step_await_apply},
	{"finalize", cm_step_finalize_prepare, cm_step_finalize_apply},
	{"issue", cm_step_issue_prepare, cm_step_issue_apply},
	{"download", cm_step_download_prepare, cm_step_download_apply},
};

static CmAcmeOrderRow *
get_order(CmWork *work)
{
	MemoryContext old = MemoryContextSwitchTo(work->row_context);
	CmAcmeOrderRow *order = cm_acme_order_get(work->job.target_id);

	MemoryContextSwitchTo(old);
	return order;
}

/* The row, locked; NULL when the order is over (then the job is finished). */
static const Step *
load(CmWork *work)
{
	/* Once a transaction: it is locked until then. */
	if (work->order == NULL)
		work->order = get_order(work);
	if (work->order != NULL && strcmp(work->order->certificate_state, "pending") == 0)
	{
		for (int i = 0; i < lengthof(steps); i++)
		{
			if (strcmp(steps[i].name, work->order->step) == 0)
				return &steps[i];
		}
	}
	if (work->order != NULL && strcmp(work->order->step, "done") != 0 && strcmp(work->order->step, "failed") != 0)
		cm_acme_order_end(work->order, "failed", NULL);
	(void) cm_work_finish(work);
	return NULL;
}

CmFate
cm_acme_order_prepare(CmWork *work)
{
	const Step *step = load(work);

	if (step == NULL || !cm_work_load_account(work, work->order->account_id))
		return CM_FATE_RELEASED;
	if (strcmp(work->account->state, "valid") != 0 || work->account->url == NULL)
	{
		cm_acme_certificate_message(work->order->certificate_id, psprintf("waits until the account at CA \"%s\" is registered; see certmgr.acme_ca_status", work->account->ca_name));
		return cm_work_again(work, MINUTE_MS / 2, true);
	}
	/* While the account's key changes nothing may be signed with either. */
	if (work->account->rollover != NULL && (strcmp(work->account->rollover, "draining") == 0 || strcmp(work->account->rollover, "sent") == 0))
		return cm_work_again(work, ROLLOVER_MS, true);
	work->step = step->name;
	return step->prepare(work);
}

CmFate
cm_acme_order_apply(CmWork *work)
{
	const Step *step = load(work);

	if (step == NULL)
		return CM_FATE_RELEASED;
	/* It began anew at another account meanwhile: what the former one is answered is nothing to it. */
	if (strcmp(step->name, work->step) != 0 || work->client->account_id != work->order->account_id)
		return CM_FATE_NEXT;
	/* The client is still referenced from the prepare; the account row may have changed. */
	work->account = cm_acme_clients_account(work->clients, work->order->account_id);
	return step->apply(work);
}

CmFate
cm_order_step(CmWork *work, const char *step, const char *status)
{
	cm_acme_order_set_step(work->order, step, status);
	work->job.attempt = 0;
	return CM_FATE_NEXT;
}

CmFate
cm_order_poll(CmWork *work, const char *step, int64 retry_after_s)
{
	int64		age_ms = 0;
	int64		ms;

	if (strcmp(work->order->step, step) != 0)
	{
		cm_acme_order_set_step(work->order, step, NULL);
	}
	else
	{
		age_ms = (GetCurrentTimestamp() - work->order->step_since) / 1000;
		/* Where nothing has been signed yet nothing is lost with the order. */
		if (age_ms > (strcmp(step, "issue") == 0 ? work->account->quirks.processing_max * 60 * MINUTE_MS : ORDER_MAX_MS))
			return cm_order_failed(work, "the CA did not get on with the order for too long", NULL, true);
		cm_acme_order_count_poll(work->order);
	}
	/* One that was finalized in vain, more than once, is in no hurry. */
	cm_pace_plan(work, strcmp(step, "issue") == 0 ? CM_WAIT_ISSUED : CM_WAIT_READY, Max(work->order->polls, work->order->finalizes - 2), retry_after_s);
	/* What has taken hours is not asked for every few seconds. */
	work->poll.delay_ms = Max(work->poll.delay_ms, Min(age_ms / 16, POLL_MAX_MS));
	if (work->poll.delay_ms > HOLD_MAX_MS)
	{
		ms = work->poll.delay_ms;
		work->poll.delay_ms = 0;
		return cm_work_again(work, ms, true);
	}
	/* Not long: it stays with us, and no other row need be written and read for it. */
	return CM_FATE_NEXT;
}

CmFate
cm_order_validating(CmWork *work)
{
	/* A finalize is a question as well, and the last one where the CA validates in the time of a request. */
	if (!work->account->quirks.optimistic_finalize || work->order->finalize_url == NULL || work->order->finalizes > 0)
		return cm_order_poll(work, "await", -1);
	cm_acme_order_set_step(work->order, "finalize", NULL);
	cm_pace_plan(work, CM_WAIT_READY, 0, -1);
	return CM_FATE_NEXT;
}

/* Where an order object of the CA leads to. Its URLs are stored. */
CmFate
cm_order_by_status(CmWork *work, const CmAcmeOrder *said, int64 retry_after_s)
{
	const char *problem = said->error != NULL ? said->error->json : NULL;

	cm_acme_order_set_answer(work->order, said->status, said->finalize, said->certificate,
							 said->expires > 0 ? time_t_to_timestamptz((pg_time_t) said->expires) : 0);
	cm_pace_learn(work, strcmp(said->status, work->poll.learn == CM_WAIT_READY ? "pending" : "processing") != 0);
	if (strcmp(said->status, "ready") == 0)
	{
		int			attempt = work->job.attempt;
		CmFate		fate = cm_order_step(work, "finalize", "ready");

		/* It may be ready and refused by turns: that is progress only when finalize succeeds. */
		work->job.attempt = attempt;
		return fate;
	}
	if (strcmp(said->status, "valid") == 0 && (said->certificate != NULL || work->order->certificate_url != NULL))
		return cm_order_step(work, "download", NULL);
	if (strcmp(said->status, "processing") == 0 || strcmp(said->status, "valid") == 0)
		return cm_order_poll(work, "issue", retry_after_s);
	if (strcmp(said->status, "invalid") == 0)
	{
		CmLeftOut	refused = {{0}};
		CmFate		fate;

		if (problem != NULL)
			cm_left_out_of_problem(&refused, problem, strlen(problem));
		if (cm_order_without(work, &refused, problem, &fate))
			return fate;
		if (said->error != NULL && said->error->detail != NULL)
			return cm_order_failed(work, psprintf("the CA said: %s", said->error->detail), problem, true);
		/* The reason is in the authorizations: "await" reads them. */
		return cm_order_step(work, "await", "invalid");
	}
	/* From being signed there is no way back: a CA that says so by turns would be asked as if each time were the first. */
	return cm_order_poll(work, strcmp(work->order->step, "issue") == 0 ? "issue" : "await", retry_after_s);
}

/* A renewal or first issue is over. The old certificate of a renewal is tried again. */
static CmFate
certificate_failed(CmWork *work, const char *message)
{
	CmAcmeOrderRow *order = work->order;

	if (cm_acme_certificate_failed(order->certificate_id, message))
	{
		cm_audit("worker", "fail", "certificate", order->certificate_id, NULL);
		cm_notify("failed", order->certificate_id, order->subscriber_id);
		cm_fallback_hurry(order->certificate_id);
		/* Not when another CA stepped in: the old one has a successor. */
		if (order->renewed_from != 0 && cm_fallback_issued_instead(order->certificate_id) == 0)
			cm_renewal_failed(order->renewed_from, message);
	}
	return cm_work_finish(work);
}

void
cm_order_end(CmWork *work, const char *problem, bool tried)
{
	CmAcmeOrderRow *order = work->order;

	if (tried)
		cm_acme_limit_failed(work->account, order);
	cm_acme_limit_refund(work->account, order, order->url != NULL);
	cm_acme_order_end(order, "failed", problem);
	cm_job_put("acme_cleanup", order->id, GetCurrentTimestamp());
}

CmFate
cm_order_failed(CmWork *work, const char *message, const char *problem, bool again)
{
	static const int minutes[] = {1, 10, 100};
	CmAcmeOrderRow *order = work->order;
	int			tried = cm_acme_order_count(order->certificate_id);
	TimestampTz at;
	int64		id;

	cm_order_end(work, problem, again);
	if (!again || tried >= ORDER_MAX)
		return certificate_failed(work, message);
	at = cm_after_ms((int64) (minutes[Min(tried, lengthof(minutes)) - 1] * MINUTE_MS * cm_jitter(0.8, 1.2)));
	id = cm_acme_order_again(order, order->identifiers, order->identifier_count);
	cm_job_put("acme_order", id, at);
	cm_acme_certificate_message(order->certificate_id, psprintf("%s; a new order is made at %s", message, cm_time_words(at)));
	return cm_work_finish(work);
}

CmFate
cm_order_gone(CmWork *work)
{
	/* A CA that loses every order is treated as one that refuses them. */
	if (work->order->losses >= LOSSES_MAX)
		return cm_order_failed(work, "the CA does not know its orders any more", NULL, true);
	cm_acme_order_forget(work->order);
	return cm_work_retry(work, work->order->certificate_id, "the CA does not know the order any more; a new one is made", -1);
}

static bool
is_one_of(const char *type, const char *const *list)
{
	for (; *list != NULL; list++)
	{
		if (strcmp(type, *list) == 0)
			return true;
	}
	return false;
}

/*
 * How long we bear with the CA. One that may have signed has days for it, and
 * an answer that is lost meanwhile is no reason to leave its certificate
 * there. One that is out of order before it has heard of the order costs
 * nothing, and comes back.
 */
static int64
longest_ms(const CmWork *work, CmAcmeClass class)
{
	static const char *const signing[] = {"finalize", "issue", "download", NULL};

	bool		patient = is_one_of(work->order->step, signing) || (work->order->url == NULL && cm_acme_class_breaks(class));

	return patient ? Max(work->account->quirks.processing_max * 60 * MINUTE_MS, ORDER_MAX_MS) : ORDER_MAX_MS;
}

CmFate
cm_order_refused(CmWork *work, CmOp *op)
{
	/* Asking again would not help: the request itself is at fault. */
	static const char *const fatal[] = {"badCSR", "badPublicKey", "rejectedIdentifier", "unsupportedIdentifier", "caa", "invalidProfile", NULL};
	CmAcmeOrderRow *order = work->order;
	const char *type = op->reply.problem_type;
	char	   *words = cm_reply_words(&op->reply);
	CmAcmeClass class = cm_acme_class(&op->reply, order->url == NULL);

	/* "Too many": no other order of that sort goes and asks, either. */
	if (class == CM_ACME_LIMITED && order->url == NULL)
	{
		cm_acme_limit_learn(work->account, order, &op->reply);
		cm_acme_limit_refund(work->account, order, false);
	}
	/* A page of the CA where a person ends a pause; we look whether somebody did once a day. */
	if (class == CM_ACME_HUMAN && strcmp(type, "rateLimited") == 0)
		return cm_work_retry(work, order->certificate_id, psprintf("needs a person: %s", words), PAUSED_S);
	if (!cm_reply_transient(&op->reply))
	{
		CmLeftOut	refused = {{0}};
		CmFate		fate;

		cm_left_out_of_problem(&refused, (const char *) op->reply.body.data, op->reply.body.len);
		if (cm_order_without(work, &refused, cm_reply_problem(&op->reply), &fate))
			return fate;
		if (is_one_of(type, fatal))
			return cm_order_failed(work, words, cm_reply_problem(&op->reply), false);
		/* "unauthorized" is the account, given up elsewhere or revoked by the CA; only of finalize (403) it speaks of the order's names. */
		if (strcmp(type, "accountDoesNotExist") == 0 || (strcmp(type, "unauthorized") == 0 && (op->reply.code == 401 || strcmp(order->step, "finalize") != 0)))
		{
			cm_acme_account_look(work->account, words);
			work->clients->account = NULL;
			return cm_work_retry(work, order->certificate_id, words, 30);
		}
		if (strcmp(type, "userActionRequired") == 0)
		{
			cm_acme_account_needs_human(work->account, &op->reply);
			work->clients->account = NULL;
			return cm_work_retry(work, order->certificate_id, words, 300);
		}
	}
	if (cm_work_failing(work, longest_ms(work, class)))
		return cm_order_failed(work, words, cm_reply_problem(&op->reply), false);
	return cm_work_retry(work, order->certificate_id, words, op->reply.retry_after);
}
