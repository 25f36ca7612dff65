/*
 * route53.h - what the files of the provider "route53" share.
 */
#ifndef CM_DNS01_ROUTE53_H
#define CM_DNS01_ROUTE53_H

#include "dns01/aws.h"
#include "dns01/task.h"

#define CM_ROUTE53_ZONE_ID_MAX 32
/* Labels of a name. */
#define CM_ROUTE53_SUFFIXES_MAX 127

typedef struct CmRoute53Settings
{
	CmAws		aws;
	char		hosted_zone_id[CM_ROUTE53_ZONE_ID_MAX + 1]; /* "": to be found */
	bool		private_zone;
	int			ttl;
} CmRoute53Settings;

typedef struct CmRoute53Task
{
	CmDns01Task task;
	CmRoute53Settings settings;
	/* finding the zone */
	char		name[256];
	const char *suffixes[CM_ROUTE53_SUFFIXES_MAX];	/* of the name, the shortest first */
	int			nsuffixes;
	int			asked;			/* the suffix whose zones were asked for last */
	int			pages;
	int			twins;			/* zones of the best name and the kind that is wanted */
	bool		other_kind;		/* a zone holds the name, but is private where a public one is wanted, or the other way */
	void		(*found) (struct CmRoute53Task *task);	/* what is done with the zone; NULL: that was all */
	/* changing it */
	CmDns01Sets sets;
	int			at;				/* the set that is read, or the first that is not written */
	int			end;			/* behind the last one of the batch under way */
	int			conflicts;
	int			throttles;
	bool		writing;
	/* asking about changes */
	char		changes[CM_DNS01_ID_SIZE];	/* not asked yet, separated by commas */
} CmRoute53Task;

/* route53_zone.c: finds the zone of task->name into result.zone and zone_id; then found, or the task ends. */
extern bool cm_route53_find(CmRoute53Task *task, CmStatus *st);
/* route53_change.c: applies task->sets to the zone of result.zone_id. */
extern bool cm_route53_change(CmRoute53Task *task, CmStatus *st);

/* A call; without success the task ends, or waits and does again what it did. */
extern bool cm_route53_call(CmRoute53Task *task, const char *method, const char *path, const char *body, const char *action, CmAwsDone done, CmStatus *st);
/* "\052.example.com." as "*.example.com"; false when that is no name. */
extern bool cm_route53_name(const char *text, char dst[256]);
/* "/hostedzone/Z1" or "Z1" as "Z1". */
extern bool cm_route53_id(const char *text, const char *prefix, char dst[CM_ROUTE53_ZONE_ID_MAX + 1]);
/* Throttled: later once more, a few times; otherwise the end. */
extern void cm_route53_failed(CmRoute53Task *task, const CmAwsAnswer *answer, void (*again) (CmDns01Task *task));

#endif
