/*
 * cloudflare.h - what the files of the provider "cloudflare" share: one
 * call, its error codes and what they mean for us.
 */
#ifndef CM_DNS01_CLOUDFLARE_H
#define CM_DNS01_CLOUDFLARE_H

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
	int			batch_end;		/* the item behind the last one of the batch */
	bool		single;			/* no batch here: one request a record */
	int			rounds;			/* of listing */
	int			page;
	char		listed[256];	/* the name whose records are listed */
	CmDns01Item *item;			/* single: the one under way */
	char		doing[300];		/* for messages */
} CmCloudflare;

typedef enum CmCloudflareFault
{
	CM_CLOUDFLARE_OK,
	CM_CLOUDFLARE_UNKNOWN_OUTCOME,	/* no answer, or a server's failure */
	CM_CLOUDFLARE_THROTTLED,
	CM_CLOUDFLARE_EXISTS,		/* an identical record is there */
	CM_CLOUDFLARE_GONE,			/* the record is not there */
	CM_CLOUDFLARE_NO_ROUTE,		/* this path is not served */
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
/*
 * Judges an answer. True: it is good, or of a kind that the caller may know to
 * deal with (*fault says). False: the call has ended.
 */
extern bool cm_cloudflare_judged(CmCloudflare *cf, CmDns01ApiAnswer *answer, CmCloudflareFault *fault);
/* Is the window of requests used up, so that the next one would only be a 429? True: the call has ended. */
extern bool cm_cloudflare_used_up(CmCloudflare *cf, const CmDns01ApiAnswer *answer);
/* Ends the call: the answer breaks the protocol. */
extern void cm_cloudflare_strange(CmCloudflare *cf, const char *what);
/* Sends what is not done yet, or ends the call. The zone's id is known. */
extern void cm_cloudflare_apply(CmCloudflare *cf);

#endif
