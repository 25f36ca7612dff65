/*
 * acme_revoke.c - revoking a certificate at the external CA that issued it
 * (RFC 8555 7.6). Engines only. Asking twice is harmless: alreadyRevoked is
 * what we want. The account asks; when the CA does not let it (it is not the
 * one that ordered it, or is gone), the key of the certificate does, if it is
 * here.
 */
#include "postgres.h"

#include "lifecycle/acme_work.h"
#include "lifecycle/subject_key.h"
#include "pg/own.h"
#include "store/acme_certificate.h"
#include "utils/timestamp.h"
#include "x509/certificate.h"
#include "x509/crl.h"

#define BY_CERTIFICATE_KEY 1
#define WITHOUT_REASON 2			/* the CA does not take the one we have */

static bool
account_is_lost(const CmAcmeAccountRow *account)
{
	return strcmp(account->state, "deactivated") == 0;
}

CmFate
cm_acme_revoke_prepare(CmWork *work)
{
	CmAcmeRevocation revocation;
	CmStatus	st = CM_STATUS_INIT;
	CmBuf	   *payload = cm_own_buf(0);
	CmCertificate cert;
	int64		account_id;
	int			reason = 0;
	CmOp	   *op;

	/* Of an expired one no CA takes a revocation. */
	if (!cm_acme_certificate_revocation(work->job.target_id, &revocation) || revocation.not_after < GetCurrentTimestamp())
		return cm_work_finish(work);
	account_id = cm_acme_account_of_ca(revocation.ca_id);
	if (account_id == 0)
		return cm_work_finish(work);
	if (!cm_work_load_account(work, account_id))
		return CM_FATE_RELEASED;
	if (account_is_lost(work->account) && revocation.sealed_key.len > 0)
		work->variant |= BY_CERTIFICATE_KEY;
	if (work->account->url == NULL && (work->variant & BY_CERTIFICATE_KEY) == 0)
		return cm_work_retry(work, 0, "the account at the CA is not registered", 30);
	if ((work->variant & WITHOUT_REASON) == 0 && revocation.reason != NULL && !cm_crl_reason_parse(revocation.reason, &reason, &st))
		reason = 0;
	if (!cm_acme_revoke_payload(revocation.der, reason, payload, &st))
		return cm_work_retry(work, 0, cm_status_words(&st), -1);
	op = cm_work_acme(work, CM_ACME_REVOKE_CERT, NULL, pstrdup(cm_buf_cstr(payload)));
	if (work->variant & BY_CERTIFICATE_KEY)
	{
		if (!cm_certificate_parse(revocation.der, &cert, &st))
			return cm_work_retry(work, 0, cm_status_words(&st), -1);
		/* Lives as long as the step. */
		op->request.key = cm_subject_key_open(revocation.sealed_key, cert.spki, cert.key_alg, work->job.target_id)->object;
		op->request.kid = NULL;
	}
	return CM_FATE_IO;
}

/* Is there another way to ask? Sets it. */
static bool
another_way(CmWork *work, const CmAcmeReply *reply)
{
	CmAcmeRevocation revocation;
	int			before = work->variant;

	if (reply->status.code != CM_REFUSED)
		return false;
	if (strcmp(reply->problem_type, "badRevocationReason") == 0)
		work->variant |= WITHOUT_REASON;
	else if ((strcmp(reply->problem_type, "unauthorized") == 0 || strcmp(reply->problem_type, "accountDoesNotExist") == 0) &&
			 cm_acme_certificate_revocation(work->job.target_id, &revocation) && revocation.sealed_key.len > 0)
		work->variant |= BY_CERTIFICATE_KEY;
	return work->variant != before;
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
	if (another_way(work, reply))
		return CM_FATE_NEXT;
	words = cm_reply_words(reply);
	cm_acme_certificate_say(work->job.target_id, psprintf("not revoked at the CA yet: %s; it is tried again", words));
	return cm_work_retry(work, 0, words, cm_reply_transient(reply) ? reply->retry_after : 3600);
}
