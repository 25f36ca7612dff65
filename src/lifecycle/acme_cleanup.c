/*
 * acme_cleanup.c - takes the TXT records of an order out of the zone again, and
 * the answers to its challenges away, whether it succeeded or not. Engines only. Records that were only planned
 * may have been written: they are removed as well. What cannot be removed is
 * tried for ever, and is a finding in certmgr.health meanwhile.
 */
#include "postgres.h"

#include "lifecycle/acme_work.h"
#include "lifecycle/challenge.h"
#include "store/job.h"
#include "utils/timestamp.h"

/* After some failures nobody waits for it any more: once or twice an hour is enough for a provider that is broken or gone. */
#define PATIENT_AFTER 8
#define PATIENT_S 3600
/* A provider's call takes about that long. */
#define IN_FLIGHT_MS 300

static CmFate
later(CmWork *work, const char *trouble, int64 retry_after)
{
	if (work->job.attempt >= PATIENT_AFTER)
		retry_after = Max(retry_after, (int64) cm_jitter(0.5 * PATIENT_S, PATIENT_S));
	return cm_work_retry(work, 0, trouble, retry_after);
}

CmFate
cm_acme_cleanup_prepare(CmWork *work)
{
	CmStatus	st = CM_STATUS_INIT;
	int			count;
	int			written = 0;
	CmDnsRecordRow *records = cm_dns_record_list(work->job.target_id, &count);

	cm_challenge_withdraw(work->job.target_id);
	/* Cancelled while a provider is still writing: what is taken out before it is in would stay. */
	if (count > 0 && cm_job_in_flight("acme_order", work->job.target_id, GetCurrentTimestamp()))
		return cm_work_again(work, IN_FLIGHT_MS, true);
	/* Law L1: "removing" is committed before the provider is asked. One after the other: of two equal ones the last one is taken out. */
	for (int i = 0; i < count; i++)
	{
		if (cm_dns_record_release(&records[i]))
			records[written++] = records[i];
	}
	if (written == 0)
		return cm_work_finish(work);
	if (!cm_dns_side_ops(work, records, written, true, &st))
	{
		for (int i = 0; i < written; i++)
			cm_dns_record_set_error(records[i].id, cm_status_words(&st));
		if (work->nops == 0)
			return later(work, cm_status_words(&st), -1);
	}
	return CM_FATE_IO;
}

CmFate
cm_acme_cleanup_apply(CmWork *work)
{
	const char *trouble = NULL;
	int64		retry_after = -1;

	for (int i = 0; i < work->nops; i++)
	{
		CmOp	   *op = work->ops[i];

		if (op->dns.status.code != CM_OK)
		{
			trouble = cm_status_words(&op->dns.status);
			retry_after = Max(retry_after, op->dns.retry_after);
		}
		for (int j = 0; j < op->nrecords; j++)
		{
			if (op->dns.status.code == CM_OK)
				cm_dns_record_set_state(op->record_ids[j], "removed");
			else
				cm_dns_record_set_error(op->record_ids[j], cm_status_words(&op->dns.status));
		}
	}
	/* Anything left, of a provider that could not be used, or of a second one with the same value? */
	return trouble != NULL ? later(work, trouble, retry_after) : CM_FATE_NEXT;
}
