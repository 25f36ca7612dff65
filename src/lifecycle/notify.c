/*
 * notify.c - see notify.h. Any process, in a transaction; what is said leaves
 * with the commit.
 */
#include "postgres.h"

#include "commands/async.h"
#include "lifecycle/notify.h"

void
cm_notify(const char *event, int64 certificate_id, int64 subscriber_id)
{
	char	   *payload;

	if (subscriber_id != 0)
		payload = psprintf("{\"event\":\"%s\",\"certificate\":%lld,\"subscriber\":%lld}", event, (long long) certificate_id, (long long) subscriber_id);
	else
		payload = psprintf("{\"event\":\"%s\",\"certificate\":%lld}", event, (long long) certificate_id);
	Async_Notify("certmgr", payload);
}
