/*
 * cloudflare.h - what the files of the provider "cloudflare" share: one
 * call, its error codes and what they mean for us.
 */
#ifndef CM_DNS01_CLOUDFLARE_H
#define CM_DNS01_CLOUDFLARE_H

#include "dns01/batch.h"
#include "dns01/run.h"

/* What comments may have on a free plan. */
#define CM_CLOUDFLARE_COMMENT_MAX 100

/* One call under way. */
typedef struct CmCloudflare
{
	CmDns01Run run;
	int			ttl;
	char		comment[CM_CLOUDFLARE_COMMENT_MAX * 4 + 1];
	char		account_id[65];
	bool		zones_configured;
	char		suffix[256];	/* zone walk: what is asked for now */
	char		inactive[256];	/* zone walk: a zone that is there but not active */
	char		inactive_status[32];
	bool		then_apply;		/* the zone is looked up on behalf of apply */
	char		doing[300];		/* for messages */
} CmCloudflare;

/* Calls that write to one zone, under way. */
typedef struct CmCloudflareBatch
{
	CmDns01Batch batch;
	CmDns01Item **items;		/* of all its tasks */
	int			count;
	bool		single;			/* no batch here: one request a record */
	bool		by_name;		/* the zone has too many records to list them all */
	int			rounds;			/* of listing */
	int			page;
	char		listed[256];	/* the name whose records are listed; "": all of the zone */
	CmDns01Item *item;			/* single: the one under way */
	char		doing[300];		/* for messages */
} CmCloudflareBatch;

typedef enum CmCloudflareFault
{
	CM_CLOUDFLARE_OK,
	CM_CLOUDFLARE_UNKNOWN_OUTCOME,	/* no answer, or a server's failure */
	CM_CLOUDFLARE_THROTTLED,
	CM_CLOUDFLARE_EXISTS,		/* an identical record is there */
	CM_CLOUDFLARE_GONE,			/* the record is not there */
	CM_CLOUDFLARE_NO_ROUTE,		/* this path is not served */
	CM_CLOUDFLARE_RECORD_REFUSED,	/* a person is needed; perhaps for some of the records only */
	CM_CLOUDFLARE_REFUSED		/* all else: a person is needed */
} CmCloudflareFault;

/*
 * What an answer means, with st filled when it is not CM_CLOUDFLARE_OK.
 * "doing" is for the message: "create TXT records in zone \"example.com\"".
 */
extern CmCloudflareFault cm_cloudflare_judge(const CmDns01ApiAnswer *answer, const char *doing, CmStatus *st);
/* May this be an id? They go into paths. */
extern bool cm_cloudflare_id(const char *id);
/* The array at a key; NULL: there is none. */
extern const CmJson *cm_cloudflare_array(const CmJson *object, const char *key);
/* Is the window of requests used up, so that the next one would only be a 429? True: st says so. */
extern bool cm_cloudflare_used_up(const CmDns01ApiAnswer *answer, CmStatus *st);
/* cloudflare_batch.c: writes the call's records, together with what others want there, and ends it. The zone's id is known. From the loop. */
extern void cm_cloudflare_apply(CmCloudflare *cf);

#endif
