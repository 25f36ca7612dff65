/*
 * fallback.c - see fallback.h. Sessions plan, engines do; in a transaction.
 * The order at the first CA goes on whatever happens: its certificate is paid
 * for and counted there, so it is kept when it comes, and marked.
 */
#include "postgres.h"

#include "lifecycle/fallback.h"
#include "lifecycle/issue.h"
#include "store/acme_certificate.h"
#include "store/fallback.h"
#include "utils/timestamp.h"

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

	if (instead != 0)
		cm_fallback_mark_late(certificate_id, instead);
	return instead != 0;
}

CmFate
cm_fallback_prepare(CmWork *work)
{
	int64		first = work->job.target_id;
	int64		ca_id;
	int64		id;
	TimestampTz at;

	if (!cm_acme_certificate_wanting(first) || cm_fallback_issued_instead(first) != 0 ||
		!cm_fallback_next(first, GetCurrentTimestamp(), &ca_id, &at))
		return cm_work_finish(work);
	id = cm_issue_fallback(first, ca_id);
	cm_fallback_put(id, first, ca_id);
	if (!cm_fallback_next(first, GetCurrentTimestamp(), &ca_id, &at))
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
