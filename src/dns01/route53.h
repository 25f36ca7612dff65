/*
 * route53.h - what the files of the provider "route53" share.
 */
#ifndef CM_DNS01_ROUTE53_H
#define CM_DNS01_ROUTE53_H

#include "dns01/aws.h"
#include "dns01/batch.h"

#define CM_ROUTE53_ZONE_ID_MAX 32
/* Labels of a name. */
#define CM_ROUTE53_SUFFIXES_MAX 127

typedef struct CmRoute53Settings
{
	CmAws		aws;
	uint8_t		account[CM_DNS01_KEY];	/* cm_aws_account */
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
	CmDns01Sets sets;			/* of this call alone: its records */
	/* asking about changes */
	char		changes[CM_DNS01_ID_SIZE];	/* not asked yet, separated by commas */
	int			behind;			/* the first one ends before this */
} CmRoute53Task;

/* route53_zone.c: finds the zone of task->name into result.zone and zone_id; then found, or the task ends. */
extern bool cm_route53_find(CmRoute53Task *task, CmStatus *st);
/* Names as Route 53 sorts them: by labels, the last one first. */
extern int	cm_route53_compare(const char *a, const char *b);
/* route53_batch.c: writes task->records to the zone of result.zone_id, together with what others want there. */
extern bool cm_route53_change(CmRoute53Task *task, CmStatus *st);
/* route53_confirm.c: asks whether the changes of task->changes are through. */
extern bool cm_route53_confirm(CmRoute53Task *task, CmStatus *st);

/*
 * route53_call.c: a call. Paced, and repeated when AWS asks to slow down. A question (GET) that somebody asks already is asked once for
 * both. settings live until done is called, which is from the loop. False: not sent, done is not called.
 */
extern bool cm_route53_call(CmLoop *loop, const CmRoute53Settings *settings, const char *method, const char *path, const char *body,
							const char *action, CmAwsDone done, void *arg, CmStatus *st);
/* "\052.example.com." as "*.example.com"; false when that is no name. */
extern bool cm_route53_name(const char *text, char dst[256]);
/* "/hostedzone/Z1" or "Z1" as "Z1". */
extern bool cm_route53_id(const char *text, const char *prefix, char dst[CM_ROUTE53_ZONE_ID_MAX + 1]);

/* Others that change the same set at the same moment; ours are one worker. */
#define CM_ROUTE53_CONFLICTS_MAX 6

/* A set of TXT records that a batch changes. */
typedef struct CmRoute53Set
{
	CmDns01Set *set;
	bool		listed;			/* the list under way told of it */
	bool		known;			/* it is as was read */
	bool		done;
	bool		sent;			/* in the change under way */
	int			conflicts;		/* somebody else changed it after we had read it, or AWS does not like what it shall be */
	uint8_t		was[CM_DNS01_KEY];	/* what had been read when there was the last conflict */
} CmRoute53Set;

/* Tasks of one zone under way, and the record sets they change together. */
typedef struct CmRoute53Batch
{
	CmDns01Batch batch;
	CmDns01Sets sets;			/* of all tasks; a new one when a task goes before its end */
	CmRoute53Set *all;			/* one a set of those, in Route 53's order; NULL: to be made */
	int			reading;		/* the set at which the list under way begins */
	bool		one_by_one;		/* pages were too large */
	int64_t		pause_ms;		/* before sets are read again */
} CmRoute53Batch;

/* route53_set.c: what an answer of ListResourceRecordSets tells, which began at batch->reading. False: not even that, of set *bad. */
extern bool cm_route53_take_sets(CmRoute53Batch *batch, const CmXml *answer, int *bad, CmStatus *st);
/* The request of ChangeResourceRecordSets for as many of the known sets as may go at once; marks them as sent. */
extern void cm_route53_put_change(CmRoute53Batch *batch, int ttl, CmBuf *body);
/* The set was refused: it is to be read again. When it then is as it was, that is one conflict too many. */
extern void cm_route53_conflict(CmRoute53Set *set);
/* Marks conflicts of sent sets that the answer's words name; false: it names none. */
extern bool cm_route53_take_culprits(CmRoute53Batch *batch, const CmXml *answer);

#endif
