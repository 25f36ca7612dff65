/*
 * fallback.c - see fallback.h. Sessions plan, engines do; in a transaction.
 * The order at the first CA goes on whatever happens: its certificate is paid
 * for and counted there, so it is kept when it comes, and marked.
 */
#include "postgres.h"

#include "lifecycle/fallback.h"
#include "lifecycle/acme_request.h"
#include "lifecycle/issue.h"
#include "lifecycle/master_key.h"
#include "pg/error.h"
#include "pg/tx.h"
#include "store/acme_certificate.h"
#include "store/audit.h"
#include "store/ca.h"
#include "store/certificate.h"
#include "store/fallback.h"
#include "utils/timestamp.h"

/* A message with its detail, for a row that people read. */
#define ERROR_MAX 1024

void
cm_fallback_plan(int64 certificate_id, int64 ca_id)
{
	int64		next;
	TimestampTz at;

	/* Not for one that steps in itself. */
	if (cm_fallback_next(certificate_id, GetCurrentTimestamp(), &next, &at) && cm_acme_certificate_of_own_ca(certificate_id, ca_id))
		cm_job_put("acme_fallback", certificate_id, at);
}

void
cm_fallback_hurry(int64 certificate_id)
{
	int64		ca_id;
	TimestampTz at;

	if (cm_fallback_next(certificate_id, GetCurrentTimestamp(), &ca_id, &at) && cm_acme_certificate_of_own_ca(certificate_id, 0))
		cm_job_put("acme_fallback", certificate_id, GetCurrentTimestamp());
}

bool
cm_fallback_settle(int64 certificate_id)
{
	int64		instead = cm_fallback_issued_instead(certificate_id);
	int64		renewed = cm_fallback_renews(certificate_id);

	/* It has its successor: without this it would be renewed once more, since its own CA had failed. */
	if (renewed != 0)
	{
		cm_certificate_renewal_done(renewed);
		cm_acme_certificate_say(renewed, NULL);
	}
	if (instead != 0)
		cm_fallback_mark_late(certificate_id, instead);
	return instead != 0;
}

typedef struct Other
{
	int64		first;
	int64		ca_id;
	int64		id;				/* what came of it */
} Other;

/* Throws when that CA cannot certify all of the names. */
static void
order_other(void *arg)
{
	Other	   *other = arg;

	other->id = cm_issue_fallback(other->first, other->ca_id);
	cm_acme_check_provable(other->id);
}

static void
pass_over(const Other *other, const char *why)
{
	CmCaRow    *ca = cm_ca_get_by_id(other->ca_id, false);
	char	   *words = psprintf("fallback CA \"%s\" was passed over: %s", ca != NULL ? ca->name : "?", why);

	cm_fallback_put(0, other->first, other->ca_id, why);
	cm_acme_certificate_append(other->first, words);
	cm_audit("worker", "pass-over", "certificate", other->first, NULL);
	ereport(LOG,
			(errmsg("certmgr: certificate %lld: %s", (long long) other->first, words)));
}

CmFate
cm_fallback_prepare(CmWork *work)
{
	int64		first = work->job.target_id;
	Other		other = {first, 0, 0};
	char		why[ERROR_MAX];
	CmStatus	st = CM_STATUS_INIT;
	TimestampTz at;
	int			error;

	if (!cm_acme_certificate_wanting(first) || cm_fallback_issued_instead(first) != 0 ||
		!cm_fallback_next(first, GetCurrentTimestamp(), &other.ca_id, &at))
		return cm_work_finish(work);
	if (!cm_master_key_load(&st))
	{
		cm_work_crashed(work, cm_status_words(&st));
		return CM_FATE_RELEASED;
	}
	error = cm_tx_try_code(order_other, &other, why, sizeof(why));
	/* That says nothing of the CA. */
	if (cm_error_passes(error))
	{
		ereport(LOG,
				(errmsg("certmgr: certificate %lld: a fallback CA could not be asked yet: %s", (long long) first, why)));
		cm_work_crashed(work, why);
		return CM_FATE_RELEASED;
	}
	if (error != 0)
	{
		pass_over(&other, why);
		/* The next one is asked now: nobody has been. */
		return CM_FATE_NEXT;
	}
	cm_fallback_put(other.id, first, other.ca_id, NULL);
	if (!cm_fallback_next(first, GetCurrentTimestamp(), &other.ca_id, &at))
		return cm_work_finish(work);
	cm_job_again(&work->job, at, true);
	return CM_FATE_RELEASED;
}

CmFate
cm_fallback_apply(CmWork *work)
{
	/* There are no operations; a claim always begins with prepare. */
	return CM_FATE_NEXT;
}
