/*
 * acme_rollover.c - another key for our account (RFC 8555 7.3.5), in two
 * phases: the new key is a committed row (the candidate) before the CA is
 * asked to take it; when the answer is lost both keys are tried, and the CA
 * says which one it knows. Engines only. Meanwhile orders of the account wait,
 * since what they sign would be refused in one half of the cases.
 */
#include "postgres.h"

#include "acme/class.h"
#include "lifecycle/acme_account.h"
#include "pg/own.h"
#include "store/audit.h"
#include "store/key.h"

/* Requests under way last for some tenths of a second. */
#define DRAIN_MS 300
/* A CA that fails so often at it does not know how (ZeroSSL answers 500 for years). */
#define ATTEMPTS_MAX 3

#define FIND "{\"onlyReturnExisting\":true}"

static CmFate
rollover_failed(CmWork *work, const char *words)
{
	CmAcmeAccountRow *account = work->account;

	cm_acme_account_drop_candidate(account);
	cm_acme_account_set_rollover(account->id, "failed", 0, psprintf("%s; the account keeps its key", words));
	cm_audit("worker", "fail-rollover", "acme_account", account->id, NULL);
	return CM_FATE_NEXT;
}

static CmFate
rolled(CmWork *work)
{
	cm_acme_account_rolled(work->account);
	cm_audit("worker", "rollover", "acme_account", work->account->id, NULL);
	return CM_FATE_NEXT;
}

static CmFate
ask_again(CmWork *work, CmOp *op, const char *words)
{
	int64		ms = cm_acme_class_delay(cm_acme_class(&op->reply, true), work->job.attempt, op->reply.retry_after, cm_jitter(0, 1));

	cm_acme_account_set_rollover(work->account->id, work->account->rollover, 0, psprintf("%s; next attempt at %s", words, cm_time_words(cm_after_ms(ms))));
	cm_job_fail(&work->job, cm_after_ms(ms), words);
	return CM_FATE_RELEASED;
}

/* The outcome is not known: which of the two keys does the CA know? */
static CmFate
probe(CmWork *work)
{
	CmOp	   *op = cm_work_acme(work, CM_ACME_NEW_ACCOUNT, NULL, FIND);

	op->tag = CM_ACCOUNT_PROBE_NEW;
	op->request.kid = NULL;
	op->request.key = cm_store_key_open(work->account->candidate_key_id);
	op = cm_work_acme(work, CM_ACME_NEW_ACCOUNT, NULL, FIND);
	op->tag = CM_ACCOUNT_PROBE_OLD;
	op->request.kid = NULL;
	return CM_FATE_IO;
}

CmFate
cm_account_rollover_prepare(CmWork *work)
{
	CmAcmeAccountRow *account = work->account;
	CmOp	   *op;

	if (account->candidate_key_id == 0)
		return rollover_failed(work, "there is no key to change to");
	if (strcmp(account->rollover, "sent") == 0)
		return probe(work);
	if (cm_acme_account_busy(account->id) > 0)
		return cm_work_again(work, DRAIN_MS, false);
	/* Law L1: that we asked is committed before we ask; the candidate was long before. */
	cm_acme_account_set_rollover(account->id, "sent", 0, "the CA was asked to take the new key");
	op = cm_work_acme(work, CM_ACME_KEY_CHANGE, NULL, NULL);
	op->tag = CM_ACCOUNT_KEY_CHANGE;
	op->request.new_key = cm_store_key_open(account->candidate_key_id);
	return CM_FATE_IO;
}

static CmFate
key_change_apply(CmWork *work)
{
	CmOp	   *op = work->ops[0];
	char	   *words = cm_reply_words(&op->reply);

	if (op->reply.code == 501 || op->reply.code == 405 || (op->reply.code == 404 && op->reply.problem_type[0] == '\0'))
		return rollover_failed(work, "the CA cannot change account keys");
	/* The key is some account's: ours, when an earlier answer was lost. */
	if (op->reply.code == 409)
		return CM_FATE_NEXT;
	switch (cm_acme_class(&op->reply, true))
	{
		case CM_ACME_FINE:
			return rolled(work);
		case CM_ACME_LIMITED:
			/* It did nothing, and says so. */
			cm_acme_account_set_rollover(work->account->id, "draining", 0, words);
			work->account->rollover = "draining";
			return ask_again(work, op, words);
		case CM_ACME_NO_ANSWER:
		case CM_ACME_SERVER:
		case CM_ACME_BAD_NONCE:
		case CM_ACME_PROTOCOL:
			return ask_again(work, op, words);
		default:
			return rollover_failed(work, words);
	}
}

static bool
unknown_key(const CmOp *op)
{
	return strcmp(op->reply.problem_type, "accountDoesNotExist") == 0;
}

static CmFate
probe_apply(CmWork *work)
{
	CmOp	   *new_key = work->ops[0];
	CmOp	   *old_key = work->ops[1];
	CmAcmeAccountRow *account = work->account;

	if (new_key->reply.status.code == CM_OK && strcmp(new_key->reply.location, account->url) == 0)
		return rolled(work);
	if (new_key->reply.status.code == CM_OK)
		return rollover_failed(work, "the CA knows the new key as that of another account");
	if (unknown_key(new_key) && old_key->reply.status.code == CM_OK)
	{
		if (work->job.attempt >= ATTEMPTS_MAX)
			return rollover_failed(work, psprintf("the CA did not take the new key in %d attempts", work->job.attempt));
		cm_acme_account_set_rollover(account->id, "draining", 0, "the CA did not take the new key; it is asked again");
		return CM_FATE_NEXT;
	}
	if (unknown_key(new_key) && unknown_key(old_key))
	{
		(void) rollover_failed(work, "the CA knows neither key");
		cm_acme_account_set_trouble(account, "pending", "find", "the CA does not know the account any more");
		return CM_FATE_NEXT;
	}
	if (unknown_key(new_key))
		return ask_again(work, old_key, cm_reply_words(&old_key->reply));
	return ask_again(work, new_key, cm_reply_words(&new_key->reply));
}

CmFate
cm_account_rollover_apply(CmWork *work)
{
	if (work->account->rollover == NULL || strcmp(work->account->rollover, "sent") != 0)
		return CM_FATE_NEXT;
	return work->ops[0]->tag == CM_ACCOUNT_KEY_CHANGE ? key_change_apply(work) : probe_apply(work);
}
