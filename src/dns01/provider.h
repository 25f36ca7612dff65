/*
 * provider.h - how TXT records get into a zone: one struct of functions a
 * provider type, one file a provider (rfc2136.c first). Everything is started
 * on the event loop and ends in a callback; nothing here knows a table.
 */
#ifndef CM_DNS01_PROVIDER_H
#define CM_DNS01_PROVIDER_H

#include "base/status.h"
#include "net/loop.h"
#include "pg/json.h"

/* One record to add or to take away. Names without final dot. */
typedef struct CmDns01Record
{
	const char *name;			/* _acme-challenge.www.example.com */
	const char *value;
	bool		remove;
} CmDns01Record;

typedef struct CmDns01Result
{
	CmStatus	status;
	char		zone[256];		/* the zone that was written, when known */
} CmDns01Result;

typedef void (*CmDns01Done) (CmDns01Result *result, void *arg);

typedef struct CmDns01Provider
{
	const char *type;			/* "rfc2136" */
	/* Is this configuration complete and well formed? Unknown keys are refused by name. secret may be NULL. */
	bool		(*check) (const CmJson *config, CmSlice secret, CmStatus *st);
	/* Applies the records, all of one zone, all or nothing: adding what is there and removing what is not are success. Arguments are copied. */
	bool		(*apply) (CmLoop *loop, const CmJson *config, CmSlice secret, const char *zone, const CmDns01Record *records, int count,
						  CmDns01Done done, void *arg, CmStatus *st);
	/* Finds the zone a name lies in (SOA walk, or the configured list). result->zone. */
	bool		(*find_zone) (CmLoop *loop, const CmJson *config, CmSlice secret, const char *name, CmDns01Done done, void *arg, CmStatus *st);
} CmDns01Provider;

extern const CmDns01Provider *cm_dns01_provider(const char *type);	/* NULL when unknown */
extern const char *cm_dns01_provider_types(void);	/* "rfc2136", for messages */

/*
 * Is the value to be seen at every authoritative server of the zone? Asks all
 * of them in parallel without recursion; NS and addresses come from the
 * resolvers ("resolvers" in config, else /etc/resolv.conf), or the servers are
 * given ("nameservers" in config). "propagation": "none" in config says yes at
 * once. On CM_OK it was seen everywhere; CM_REFUSED: not yet, detail names the servers that lack it.
 */
extern bool cm_dns01_visible(CmLoop *loop, const CmJson *config, const char *zone, const char *name, const char *value,
							 CmDns01Done done, void *arg, CmStatus *st);

#endif
