/*
 * acme_account_change.c - changing what the CA knows of our account (RFC 8555
 * 7.3.2, 7.3.3) and giving it up (7.3.6). Engines only. All of it can be asked
 * twice.
 */
#include "postgres.h"

#include "acme/class.h"
#include "lifecycle/acme_account.h"
#include "pg/own.h"
#include "store/audit.h"
#include "utils/builtins.h"

/* The CA does not take it: the account goes on as it was, and we ask again tomorrow. */
#define REFUSED_MS (INT64CONST(24) * 3600 * 1000)

CmFate
cm_account_update_prepare(CmWork *work)
{
	CmAcmeAccountRow *account = work->account;
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *payload = cm_own_buf(0);

	if (!cm_acme_account_update_payload((const char *const *) account->contacts, account->contact_count, account->agreed, payload, &st))
	{
		cm_acme_account_set_update(account->id, false);
		cm_acme_account_say(account, cm_status_words(&st));
		return cm_work_finish(work);
	}
	cm_work_acme(work, CM_ACME_URL, account->url, pstrdup(cm_buf_cstr(payload)))->tag = CM_ACCOUNT_UPDATE;
	return CM_FATE_IO;
}

/* Did somebody change the wish while the CA was told the one before? Then it is told again. */
static bool
still_the_same(CmWork *work)
{
	CmAcmeAccountRow *account = work->account;
	CmBuf	   *payload = cm_own_buf(0);

	return cm_acme_account_update_payload((const char *const *) account->contacts, account->contact_count, account->agreed, payload, NULL) &&
		strcmp(cm_buf_cstr(payload), work->ops[0]->request.payload) == 0;
}

CmFate
cm_account_update_apply(CmWork *work)
{
	CmOp	   *op = work->ops[0];
	CmAcmeAccountRow *account = work->account;
	char	   *words = cm_reply_words(&op->reply);

	switch (cm_acme_class(&op->reply, true))
	{
		case CM_ACME_FINE:
			if (still_the_same(work))
				cm_acme_account_set_update(account->id, false);
			cm_acme_account_set_valid(account, account->url);
			cm_audit("worker", "update", "acme_account", account->id, NULL);
			return CM_FATE_NEXT;
		case CM_ACME_ACCOUNT:
			cm_acme_account_set_trouble(account, "pending", "find", words);
			return CM_FATE_NEXT;
		case CM_ACME_HUMAN:
		case CM_ACME_ORDER:
		case CM_ACME_IDENTIFIER:
			cm_acme_account_say(account, psprintf("the CA did not take the change of the account: %s", words));
			return cm_work_again(work, REFUSED_MS, false);
		default:
			return cm_account_retry(work, op, words);
	}
}

CmFate
cm_account_deactivate_prepare(CmWork *work)
{
	cm_work_acme(work, CM_ACME_URL, work->account->url, "{\"status\":\"deactivated\"}")->tag = CM_ACCOUNT_DEACTIVATE;
	return CM_FATE_IO;
}

CmFate
cm_account_deactivate_apply(CmWork *work)
{
	CmOp	   *op = work->ops[0];
	CmAcmeAccountRow *account = work->account;
	CmAcmeClass class = cm_acme_class(&op->reply, true);
	char	   *words = cm_reply_words(&op->reply);

	/* An account that is deactivated or gone already may not be asked anything: that is what was wanted. */
	if (class == CM_ACME_FINE || class == CM_ACME_ACCOUNT)
	{
		cm_acme_account_end(account, "deactivated", psprintf("deactivated; SELECT certmgr.create_acme_account(%s) makes another account", quote_literal_cstr(account->ca_name)));
		cm_audit("worker", "deactivate", "acme_account", account->id, NULL);
		return cm_work_finish(work);
	}
	return cm_account_retry(work, op, psprintf("not deactivated yet: %s", words));
}
