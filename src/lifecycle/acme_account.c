/*
 * acme_account.c - registering our account at an ACME CA (RFC 8555 7.3).
 * Engines only. Asking again with the same key gives the same account, so a
 * lost answer is asked for again.
 */
#include "postgres.h"

#include "lifecycle/acme_work.h"
#include "pg/own.h"
#include "store/secret.h"
#include "base/encode.h"

/* A person has to do something: once a day we look whether it was done. */
#define HUMAN_MS (INT64CONST(24) * 3600 * 1000)

CmFate
cm_acme_account_prepare(CmWork *work)
{
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *payload = cm_own_buf(0);
	CmAcmeAccountRow *account;
	CmOp	   *op;

	if (!cm_work_load_account(work, work->job.target_id))
		return CM_FATE_RELEASED;
	account = work->account;
	if (strcmp(account->state, "deactivated") == 0 || (strcmp(account->state, "valid") == 0 && account->url != NULL))
		return cm_work_finish(work);
	if (!cm_acme_new_account_payload((const char *const *) account->contacts, account->contact_count, account->agreed, false, payload, &st))
	{
		cm_acme_account_set_trouble(account, "needs_human", cm_status_words(&st), true);
		return cm_work_again(work, HUMAN_MS, false);
	}
	op = cm_work_acme(work, CM_ACME_NEW_ACCOUNT, NULL, pstrdup(cm_buf_cstr(payload)));
	op->request.kid = NULL;
	if (account->eab_kid != NULL && account->eab_secret_id != 0)
	{
		CmBuf	   *sealed = cm_secret_open(account->eab_secret_id);
		CmBuf	   *key = cm_own_secret(0);

		if (!cm_base64_decode(key, (const char *) sealed->data, sealed->len))
			elog(ERROR, "the external account binding key is not base64url");
		op->request.eab_kid = account->eab_kid;
		op->request.eab_mac_key = cm_slice(key->data, key->len);
	}
	return CM_FATE_IO;
}

/* What a person has to know, when this refusal is for a person. */
static char *
words_for_human(CmWork *work, CmOp *op, CmAcmeAccountRow *account)
{
	const CmAcmeDirectory *directory = cm_acme_session_directory(work->client->session);
	const char *type = op->reply.problem_type;
	char	   *words = cm_reply_words(&op->reply);

	if (!account->agreed && directory != NULL && directory->terms_of_service != NULL)
		return psprintf("the CA wants its terms of service to be agreed to: %s (%s); create the CA again with terms_of_service_agreed => true", directory->terms_of_service, words);
	if (!account->agreed && strcmp(type, "userActionRequired") == 0)
		return psprintf("%s; create the CA again with terms_of_service_agreed => true", words);
	if (strcmp(type, "externalAccountRequired") == 0)
		return psprintf("%s; create the CA again with eab_kid and eab_hmac_key, which the CA gives you", words);
	if (strcmp(type, "userActionRequired") == 0 || strcmp(type, "invalidContact") == 0 || strcmp(type, "unsupportedContact") == 0 ||
		strcmp(type, "unauthorized") == 0)
		return words;
	return NULL;
}

CmFate
cm_acme_account_apply(CmWork *work)
{
	CmOp	   *op = work->ops[0];
	CmAcmeAccountRow *account = cm_acme_account_get(work->job.target_id);
	CmAcmeAccount said;
	CmStatus	st = CM_STATUS_INIT;
	char	   *words;

	if (account == NULL)
		return cm_work_finish(work);
	if (op->reply.status.code == CM_OK && op->reply.location[0] != '\0')
	{
		if (cm_acme_account_parse(cm_reply_body(&op->reply), &said, &st) && strcmp(said.status, "valid") != 0)
		{
			cm_acme_account_set_trouble(account, "needs_human", psprintf("the CA says that the account is \"%s\"", said.status), false);
			return cm_work_again(work, HUMAN_MS, false);
		}
		cm_acme_account_set_valid(account, op->reply.location);
		return cm_work_finish(work);
	}
	if (op->reply.status.code == CM_OK)
		cm_fail(&op->reply.status, CM_PROTOCOL, "the CA did not say the URL of the account");
	if (!cm_reply_transient(&op->reply) && (words = words_for_human(work, op, account)) != NULL)
	{
		cm_acme_account_set_trouble(account, "needs_human", words, true);
		return cm_work_again(work, HUMAN_MS, false);
	}
	words = cm_reply_words(&op->reply);
	cm_acme_account_set_trouble(account, "pending", words, false);
	return cm_work_retry(work, 0, words, op->reply.retry_after);
}
