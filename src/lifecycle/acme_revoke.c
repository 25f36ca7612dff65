/*
 * acme_revoke.c - revoking a certificate at the external CA that issued it
 * (RFC 8555 7.6). Engines only. Asking twice is harmless: alreadyRevoked is
 * what we want.
 */
#include "postgres.h"

#include "lifecycle/acme_work.h"
#include "pg/own.h"
#include "store/acme_certificate.h"
#include "x509/crl.h"

CmFate
cm_acme_revoke_prepare(CmWork *work)
{
	CmAcmeRevocation revocation;
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *payload = cm_own_buf(0);
	int64		account_id;
	int			reason = 0;

	if (!cm_acme_certificate_revocation(work->job.target_id, &revocation))
		return cm_work_finish(work);
	account_id = cm_acme_account_of_ca(revocation.ca_id);
	if (account_id == 0)
		return cm_work_finish(work);
	if (!cm_work_load_account(work, account_id))
		return CM_FATE_RELEASED;
	if (work->account->url == NULL)
		return cm_work_retry(work, 0, "the account at the CA is not registered", 30);
	if (revocation.reason != NULL && !cm_crl_reason_parse(revocation.reason, &reason, &st))
		reason = 0;
	if (!cm_acme_revoke_payload(revocation.der, reason, payload, &st))
		return cm_work_retry(work, 0, cm_status_words(&st), -1);
	(void) cm_work_acme(work, CM_ACME_REVOKE_CERT, NULL, pstrdup(cm_buf_cstr(payload)));
	return CM_FATE_IO;
}

CmFate
cm_acme_revoke_apply(CmWork *work)
{
	CmAcmeReply *reply = &work->ops[0]->reply;
	char	   *words;

	if (reply->status.code == CM_OK || strcmp(reply->problem_type, "alreadyRevoked") == 0)
	{
		cm_acme_certificate_say(work->job.target_id, NULL);
		return cm_work_finish(work);
	}
	words = cm_reply_words(reply);
	cm_acme_certificate_say(work->job.target_id, psprintf("not revoked at the CA yet: %s; it is tried again", words));
	return cm_work_retry(work, 0, words, cm_reply_transient(reply) ? reply->retry_after : 3600);
}
