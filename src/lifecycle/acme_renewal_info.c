/*
 * acme_renewal_info.c - asks the CA when a certificate should be renewed (RFC
 * 9773) and sets renew_at by it. Engines only; one job a certificate, from its
 * issue to its expiry or its replacement.
 *
 * A CA is not believed everything: a window that was open when the certificate
 * was issued would renew it for ever, one that begins after the expiry never.
 * Those are noted and not acted upon; our own time stands.
 */
#include "postgres.h"

#include "lifecycle/acme_work.h"
#include "pg/own.h"
#include "store/acme_renewal_info.h"
#include "utils/timestamp.h"
#include "x509/certificate.h"

/* Retry-After is clamped to a minute and a day; without one, and after errors, six hours (RFC 9773 4.3.3). */
#define FETCH_MIN_S INT64CONST(60)
#define FETCH_MAX_S INT64CONST(86400)
#define FETCH_S INT64CONST(21600)
/* Windows of certificates of six days are three hours wide: those are asked about every half an hour. */
#define SHORT_LIVED_US (10 * INT64CONST(86400) * USECS_PER_SEC)
#define FETCH_SHORT_LIVED_S INT64CONST(1800)
/* A CA without renewal information may learn it. */
#define UNSUPPORTED_S INT64CONST(86400)

static CmFate
later(CmWork *work, const CmRenewalInfoRow *row, int64 seconds)
{
	/* Not all at once; a server's own time is kept to. */
	TimestampTz at = cm_after_ms((int64) (seconds * 1000 * cm_jitter(1.0, 1.2)));

	if (at >= row->not_after)
		return cm_work_finish(work);
	return cm_work_again(work, (at - GetCurrentTimestamp()) / 1000, true);
}

CmFate
cm_acme_renewal_info_prepare(CmWork *work)
{
	CmRenewalInfoRow *row = cm_renewal_info_get(work->job.target_id);
	CmBuf	   *id = cm_own_buf(0);
	CmCertificate cert;
	CmStatus	st = CM_STATUS_INIT;
	int64		account_id;
	CmOp	   *op;

	if (row == NULL || !row->live || (account_id = cm_acme_account_of_ca(row->ca_id)) == 0)
		return cm_work_finish(work);
	if (!cm_work_load_account(work, account_id))
		return CM_FATE_RELEASED;
	if (!work->account->quirks.ari)
		return cm_work_finish(work);
	if (!cm_certificate_parse(row->der, &cert, &st) || !cm_acme_certificate_id(cert.authority_key_id, cert.serial, id, &st))
	{
		cm_renewal_info_set(row, NULL, cm_status_words(&st), 0);
		return cm_work_finish(work);
	}
	op = cm_work_acme(work, CM_ACME_RENEWAL_INFO, pstrdup(cm_buf_cstr(id)), NULL);
	op->what = "renewalInfo";
	return CM_FATE_IO;
}

/* What speaks against the window, or NULL. */
static const char *
objection(const CmRenewalInfoRow *row, TimestampTz start, TimestampTz end)
{
	if (start <= row->issued_at)
		return "not acted upon: it was open when the certificate was issued";
	if (start >= row->not_after || end > row->not_after)
		return "not acted upon: it ends after the certificate";
	return NULL;
}

/* A point of the window, drawn once a window. Past: now. */
static void
choose(CmRenewalInfoRow *row, TimestampTz start, TimestampTz end)
{
	if (row->chosen_at == 0 || row->window_start != start || row->window_end != end)
		row->chosen_at = start + (TimestampTz) (cm_jitter(0, 1) * (end - start));
	row->window_start = start;
	row->window_end = end;
}

static CmFate
take(CmWork *work, CmRenewalInfoRow *row, const CmAcmeRenewalInfo *said, int64 seconds)
{
	/* Years beyond what a timestamp holds are beyond the expiry as well. */
	int64		last = timestamptz_to_time_t(row->not_after) + 1;
	TimestampTz start = time_t_to_timestamptz((pg_time_t) Min(said->start, last));
	TimestampTz end = time_t_to_timestamptz((pg_time_t) Min(said->end, last));
	const char *against = objection(row, start, end);
	char	   *message;

	if (against == NULL)
		choose(row, start, end);
	else
	{
		row->window_start = start;
		row->window_end = end;
		row->chosen_at = 0;
	}
	message = psprintf("the CA suggests to renew from %s to %s%s%s%s%s", cm_time_words(start), cm_time_words(end), against != NULL ? "; " : "",
					   against != NULL ? against : "", said->explanation_url != NULL ? "; its reason: " : "", said->explanation_url != NULL ? said->explanation_url : "");
	cm_renewal_info_set(row, said->explanation_url, message, cm_after_ms(seconds * 1000));
	/* A subscriber that wants it earlier gets it earlier. */
	if (row->chosen_at != 0 && row->renews && (!row->renew_before || row->chosen_at < row->renew_at))
		cm_renewal_info_set_renew_at(row->certificate_id, Max(row->chosen_at, GetCurrentTimestamp()), said->explanation_url != NULL ? message : NULL);
	return later(work, row, seconds);
}

CmFate
cm_acme_renewal_info_apply(CmWork *work)
{
	CmRenewalInfoRow *row = cm_renewal_info_get(work->job.target_id);
	CmAcmeReply *reply = &work->ops[0]->reply;
	int64		seconds = reply->retry_after < 0 ? FETCH_S : Max(FETCH_MIN_S, Min(reply->retry_after, FETCH_MAX_S));
	CmAcmeRenewalInfo said;

	if (row == NULL || !row->live)
		return cm_work_finish(work);
	if (row->not_after - row->not_before < SHORT_LIVED_US)
		seconds = Min(seconds, FETCH_SHORT_LIVED_S);
	if (reply->status.code == CM_UNSUPPORTED)
		return later(work, row, UNSUPPORTED_S);
	if (reply->status.code == CM_OK && cm_acme_renewal_info_parse(cm_reply_body(reply), &said, &reply->status))
		return take(work, row, &said, seconds);
	/* What was chosen before stands. */
	cm_renewal_info_set(row, NULL, psprintf("not usable: %s", cm_reply_words(reply)), cm_after_ms(seconds * 1000));
	return later(work, row, seconds);
}
