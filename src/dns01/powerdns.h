/*
 * powerdns.h - what the files of the provider "powerdns" share.
 */
#ifndef CM_DNS01_POWERDNS_H
#define CM_DNS01_POWERDNS_H

#include "dns01/run.h"

/* One call under way. */
typedef struct CmPowerDns
{
	CmDns01Run run;
	char		server_id[64];
	bool		notify;
	int			ttl;
	const char *suffix;			/* zone walk: the part of run.name that is asked for */
	bool		secondary;		/* zone walk: a zone is there that cannot be written */
	bool		replace;		/* no EXTEND and PRUNE here, or only by_ttl: a set is read before it is written */
	bool		by_ttl;			/* EXTEND has to give the TTL of the set that is there (5.1) */
	bool		notified;
	int			rounds;
	char		name[256];		/* the name that is being replaced; "": none */
	bool		written;		/* it was; now it is read again */
	struct CmPowerDns *busy_next;	/* those with a name that is being replaced */
} CmPowerDns;

/* Ends the call with what the server said no to. */
extern void cm_powerdns_refused(CmPowerDns *pd, const CmDns01ApiAnswer *answer, const char *doing);
/* Appends the zone's path; a set up to its records, a record as it is there, a record of ours. */
extern void cm_powerdns_put_path(CmBuf *path, const CmPowerDns *pd);
extern void cm_powerdns_put_head(CmBuf *body, const char *name, const char *changetype, int ttl);
extern void cm_powerdns_put_content(CmBuf *body, const char *content, bool disabled);
extern void cm_powerdns_put_value(CmBuf *body, const char *value);
/* What is not done yet, a value at a time; of one name, or of all (NULL). */
extern void cm_powerdns_put_changes(CmBuf *body, const CmPowerDns *pd, const char *name, int ttl);
/* Goes on with what is not done, or ends the call. */
extern void cm_powerdns_apply(CmPowerDns *pd);

/* powerdns_set.c. Takes a name, unless another call of this process works on it; gives it back; changes its set, then goes on with apply. */
extern bool cm_powerdns_enter(CmPowerDns *pd, const char *name);
extern void cm_powerdns_leave(CmPowerDns *pd);
extern void cm_powerdns_replace(CmDns01Run *run);
extern void cm_powerdns_release(CmDns01Run *run);

#endif
