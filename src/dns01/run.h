/*
 * run.h - one call of a provider under way (find_zone, apply, confirm), for
 * providers that are asked over HTTP: copies of the arguments, steps from the
 * loop, the end. A provider's file embeds a CmDns01Run as the first member
 * of its own struct.
 */
#ifndef CM_DNS01_RUN_H
#define CM_DNS01_RUN_H

#include "dns01/api.h"
#include "dns01/task.h"

typedef struct CmDns01Run CmDns01Run;
typedef void (*CmDns01Step) (CmDns01Run *run);

/* A record of the call, and how far it is. */
typedef struct CmDns01Item
{
	char	   *name;			/* canonical */
	char	   *value;
	char	   *domain;			/* these two may be NULL */
	char	   *key_authorization;
	bool		remove;
	bool		done;			/* it is there, or it is not: as wanted */
	bool		mark;			/* the provider's own note */
	bool		sent;			/* in the request under way */
	CmDns01Id	id;				/* "": not known */
} CmDns01Item;

struct CmDns01Run
{
	CmDns01Task task;
	CmDns01Api	api;			/* the provider's read function fills it */
	char		zone[256];		/* canonical, "": not given */
	CmDns01Id	zone_id;		/* "": not known */
	char		name[256];		/* find_zone: canonical */
	CmDns01Id	change_id;
	CmDns01Item *items;			/* apply */
	int			count;
	CmDns01Step step;			/* of the timer */
	void		(*release) (CmDns01Run *run); /* gives back what the provider's own part holds; may be NULL */
};

/*
 * Starts a call: allocates size bytes (zeroed), copies the arguments, reads the
 * provider's config into them by read, and runs the first step from the loop.
 * read may have done half of its work when it fails: release is called.
 */
extern bool cm_dns01_run_start(const CmDns01Call *call, size_t size, bool (*read) (CmDns01Run *run, const CmDns01Call *call, CmStatus *st),
								void (*release) (CmDns01Run *run), CmDns01Step first, CmStatus *st);
/* Ends it: calls done with run->task.result and the ids of the items, and frees it. Nothing may be under way. */
extern void cm_dns01_run_finish(CmDns01Run *run);
/* Another step from the loop, between half of ms and ms from now. */
extern void cm_dns01_run_later(CmDns01Run *run, int64_t ms, CmDns01Step step);
/* Sends a request; answered gets the run as its argument. When it cannot be sent the call ends with the reason. */
extern void cm_dns01_run_send(CmDns01Run *run, const CmDns01ApiRequest *request, CmDns01ApiDone answered);
/* The same for a body built in buf, which is freed. */
extern void cm_dns01_run_send_json(CmDns01Run *run, const char *method, const char *path, CmBuf *body, CmDns01ApiDone answered);
/* Sets the result's status and ends the call. */
extern void cm_dns01_run_fail(CmDns01Run *run, CmCode code, const char *fmt,...) CM_PRINTF(3, 4);
/* Sets the status of an answer as the result's, with its Retry-After; the caller may replace the text before it ends the call. */
extern void cm_dns01_run_judged(CmDns01Run *run, const CmDns01ApiAnswer *answer);
/* The first item that is not done; NULL: none. */
extern CmDns01Item *cm_dns01_run_next(CmDns01Run *run);

#endif
