/*
 * acme_cleanup.c - takes the TXT records of an order out of the zone again,
 * whether it succeeded or not. Engines only. Records that were only planned
 * may have been written: they are removed as well.
 */
#include "postgres.h"

#include "lifecycle/acme_work.h"

CmFate
cm_acme_cleanup_prepare(CmWork *work)
{
	CmDnsSide	side;
	CmStatus	st = CM_STATUS_INIT;
	int			count;
	int			written = 0;
	CmDnsRecordRow *records = cm_dns_record_list(work->job.target_id, &count);

	for (int i = 0; i < count; i++)
	{
		/* Without a zone it was never written; what another order needs stays for that one to remove. */
		if (records[i].zone == NULL || records[i].shared)
			cm_dns_record_set_state(records[i].id, "removed");
		else
			records[written++] = records[i];
	}
	if (written == 0)
		return cm_work_finish(work);
	if (!cm_dns_side_load(records[0].provider_id, &side, &st))
	{
		for (int i = 0; i < written; i++)
			cm_dns_record_set_error(records[i].id, cm_status_words(&st));
		return cm_work_retry(work, 0, cm_status_words(&st), -1);
	}
	cm_dns_side_ops(work, &side, records, written, true);
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
				cm_dns_record_set_error(op->record_ids[j], trouble);
		}
	}
	if (trouble != NULL)
		return cm_work_retry(work, 0, trouble, retry_after);
	return cm_work_finish(work);
}
