/*
 * acme_request.c - see acme_request.h. Sessions and engines, in the
 * transaction that asks; nothing leaves the server before it is committed.
 */
#include "postgres.h"

#include "base/host.h"
#include "lifecycle/acme_request.h"
#include "lifecycle/acme_work.h"
#include "lifecycle/fallback.h"
#include "pg/error.h"
#include "utils/timestamp.h"

/* The host name of "DNS:name"; throws for anything else. */
static char *
host_of(const char *san)
{
	CmStatus	st = CM_STATUS_INIT;
	char		host[CM_HOST_MAX + 1];

	if (pg_strncasecmp(san, "DNS:", 4) != 0)
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("name \"%s\" cannot be certified by an ACME CA", san),
				 errdetail("DNS-01 challenges prove the control of host names only."),
				 errhint("Give host names, with prefix DNS: or none, or use a private CA.")));
	if (!cm_host_canonical(san + 4, true, host, &st))
		cm_throw(&st, NULL);
	return pstrdup(host);
}

int
cm_acme_covered(char *const *sans, int count, bool *covered)
{
	int			found = 0;

	for (int i = 0; i < count; i++)
	{
		const char *dot = strncmp(sans[i], "DNS:", 4) == 0 && strncmp(sans[i], "DNS:*.", 6) != 0 ? strchr(sans[i] + 4, '.') : NULL;

		covered[i] = false;
		for (int j = 0; dot != NULL && j < count; j++)
			covered[i] = covered[i] || (strncmp(sans[j], "DNS:*.", 6) == 0 && strcmp(sans[j] + 5, dot) == 0);
		found += covered[i];
	}
	return found;
}

void
cm_acme_request(int64 certificate_id, int64 ca_id, char *const *sans, int count)
{
	int64		account_id = cm_acme_account_of_ca(ca_id);
	char	  **hosts = palloc(sizeof(char *) * Max(count, 1));
	int64		order_id;

	if (account_id == 0)
		elog(ERROR, "ca %lld has no ACME account", (long long) ca_id);
	if (count == 0 || count > CM_ACME_MAX_IDENTIFIERS)
		ereport(ERROR,
				(errcode(CM_ERRCODE_POLICY),
				 errmsg("a certificate of an ACME CA must have 1 to %d host names", CM_ACME_MAX_IDENTIFIERS),
				 errdetail("There are %d.", count)));
	for (int i = 0; i < count; i++)
		hosts[i] = host_of(sans[i]);
	order_id = cm_acme_order_insert(certificate_id, account_id, hosts, count);
	cm_job_put("acme_order", order_id, GetCurrentTimestamp());
	cm_fallback_plan(certificate_id, ca_id);
}

void
cm_acme_request_revocation(int64 certificate_id)
{
	cm_job_put("acme_revoke", certificate_id, GetCurrentTimestamp());
}

void
cm_acme_cancel(int64 certificate_id)
{
	int64		order_id = cm_acme_order_cancel(certificate_id);

	/* The order's own job finds it ended and goes. */
	if (order_id == 0)
		return;
	cm_job_put("acme_cleanup", order_id, GetCurrentTimestamp());
	cm_job_put("acme_order", order_id, GetCurrentTimestamp());
}
