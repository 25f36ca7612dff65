/*
 * provider.h - how TXT records get into a zone: one struct of functions a
 * provider type, one file a provider (rfc2136.c first). Everything is started
 * on the event loop and ends in a callback; nothing here knows a table.
 */
#ifndef CM_DNS01_PROVIDER_H
#define CM_DNS01_PROVIDER_H

#include "base/status.h"
#include "dns01/persist.h"
#include "net/loop.h"
#include "pg/json.h"

/* One record to add or to take away. Names without final dot. */
typedef struct CmDns01Record
{
	const char *name;			/* _acme-challenge.www.example.com; where delegations (CNAME) lead to */
	const char *value;			/* TXT value, unquoted */
	bool		remove;
	const char *id;				/* the provider's id of the record, as an earlier apply gave it; NULL: not known */
	const char *domain;			/* the name that is proven, and the key authorization that value is the hash of; NULL: not the answer to a dns-01 challenge */
	const char *key_authorization;
} CmDns01Record;

/* Route 53 has ids of 32 characters, Cloudflare of 32, Google of 20; Azure's are paths, which nobody needs. */
#define CM_DNS01_ID_SIZE 128
typedef char CmDns01Id[CM_DNS01_ID_SIZE];

/*
 * What became of a call. The words in status are for people: what the provider
 * said, with its error code, and what is to be done (which permission is missing).
 */
typedef struct CmDns01Result
{
	CmStatus	status;			/* CM_OK. CM_REFUSED: not yet, or the provider said no. CM_LIMIT: slow down. CM_NETWORK: outcome unknown, ask again */
	int64_t		retry_after;	/* seconds, -1: not said */
	char		zone[256];		/* the zone that was found or written, when known */
	CmDns01Id	zone_id;		/* the provider's id of it, "" when it has none */
	CmDns01Id	change_id;		/* apply: confirm is asked about this until it says CM_OK; "": done at once */
	bool		touched;		/* apply, after a failure: some of the records may have been written all the same. CM_NETWORK says so by itself */
	int64_t		expires;		/* cm_dns01_persist_visible: when the record ends, seconds since 1970; 0: never */
	CmDns01Id  *ids;			/* apply: malloc'ed, one a record in the order given ("" unknown), or NULL. The receiver frees it. */
} CmDns01Result;

/* A result of which nothing is known yet. Not one that is only zeroed: that would say "retry at once". */
#define CM_DNS01_RESULT_INIT { .retry_after = -1 }

typedef void (*CmDns01Done) (CmDns01Result *result, void *arg);

/* What a provider is asked. Everything is copied (or used up) before the function returns. */
typedef struct CmDns01Call
{
	CmLoop	   *loop;
	const CmJson *config;
	CmSlice		secret;			/* may be empty */
	const char *zone;			/* apply, confirm */
	const char *zone_id;		/* apply, confirm: what find_zone said; NULL: not known */
	const char *name;			/* find_zone: whose zone */
	const CmDns01Record *records;	/* apply */
	int			count;
	const char *change_id;		/* confirm */
	CmDns01Done done;			/* called once, from the loop's dispatch, never from inside the function that starts the call */
	void	   *arg;
} CmDns01Call;

/*
 * The three calls return false and fill st only for bad arguments, a bad
 * configuration or lack of memory (done is not called then); every other
 * failure goes to done.
 */
typedef struct CmDns01Provider
{
	const char *type;			/* "rfc2136" */
	/* Is this configuration complete and well formed? Unknown keys are refused by name. Any process. */
	bool		(*check) (const CmJson *config, CmSlice secret, CmStatus *st);
	/* Finds the zone a name lies in: the most specific one that this account may write. result->zone, zone_id. */
	bool		(*find_zone) (const CmDns01Call *call, CmStatus *st);
	/*
	 * Applies the records, all of one zone: adding what is there and removing
	 * what is not are success; values of others at the same name are
	 * untouched. Idempotent: it may be repeated after a lost answer. NULL: a
	 * function of the user writes, which the lifecycle calls (type "sql").
	 */
	bool		(*apply) (const CmDns01Call *call, CmStatus *st);
	/* Has the change reached all servers of the provider (Route 53: INSYNC)? CM_REFUSED: not yet. NULL: the provider has no such question. */
	bool		(*confirm) (const CmDns01Call *call, CmStatus *st);
} CmDns01Provider;

extern const CmDns01Provider *cm_dns01_provider(const char *type);	/* NULL when unknown */
extern bool cm_dns01_by_person(const CmDns01Provider *provider);	/* apply writes nothing: adding is waited for, for days */
/* "timeout" of a provider "sql": after so many seconds its function is cancelled. */
extern bool cm_dns01_sql_timeout(const CmJson *config, int *seconds, CmStatus *st);
extern const char *cm_dns01_provider_types(void);	/* "rfc2136", for messages */

/* Lower case, without the final dot, at most 253 bytes. Not cm_host_canonical: zones and challenge names may hold underscores. */
extern bool cm_dns01_canonical(const char *text, char dst[256]);

/*
 * Is the value to be seen at every authoritative server of the zone? Asks all
 * of them in parallel without recursion; NS and addresses come from the
 * resolvers ("resolvers" in config, else /etc/resolv.conf), or the servers are
 * given ("nameservers" in config). "propagation": "none" in config says yes at
 * once. On CM_OK it was seen everywhere; CM_REFUSED: not yet, detail names the servers that lack it.
 */
extern bool cm_dns01_visible(CmLoop *loop, const CmJson *config, const char *zone, const char *name, const char *value,
							 CmDns01Done done, void *arg, CmStatus *st);
/* The same for the end: CM_OK when no authoritative server shows the value any more. */
extern bool cm_dns01_gone(CmLoop *loop, const CmJson *config, const char *zone, const char *name, const char *value,
						  CmDns01Done done, void *arg, CmStatus *st);
/* Is a standing record (dns-persist-01) there that is good for this? result->expires is its persistUntil. zone NULL: not known. "propagation" does not matter. */
extern bool cm_dns01_persist_visible(CmLoop *loop, const CmJson *config, const char *zone, const char *name, const CmDns01Persist *want,
									 CmDns01Done done, void *arg, CmStatus *st);

/* Do the CAA records of a name allow it? CM_POLICY: no. CM_NETWORK: not known. result->zone: where the records are, "" without any. */
extern bool cm_dns01_caa(CmLoop *loop, const CmJson *config, const char *name, const CmDns01Caa *caa, CmDns01Done done, void *arg, CmStatus *st);

/*
 * The CNAME at a name, one step: result->zone is where it leads to, "" when
 * there is none. One that a wildcard made does not count: a TXT record at the
 * name ends it. "follow_cname": false in config says none at once.
 */
extern bool cm_dns01_delegation(CmLoop *loop, const CmJson *config, const char *name, CmDns01Done done, void *arg, CmStatus *st);
/* The zone a name lies in, by the resolvers: result->zone. */
extern bool cm_dns01_zone_of(CmLoop *loop, const CmJson *config, const char *name, CmDns01Done done, void *arg, CmStatus *st);

#endif
