/*
 * dns_check.h - checks of DNS providers and what their steps said (tables
 * certmgr.dns_check and certmgr.dns_check_step).
 */
#ifndef CM_STORE_DNS_CHECK_H
#define CM_STORE_DNS_CHECK_H

#include "datatype/timestamp.h"

/* palloc'ed in the current context. */
typedef struct CmDnsCheckRow
{
	int64		id;
	int64		provider_id;
	char	   *step;			/* what is done next: find zone, add, confirm, see, remove, done */
	char	   *name;			/* of the probe record */
	char	   *value;
	char	   *found_zone;		/* NULL: not found yet, like the ids */
	char	   *zone_id;
	char	   *record_id;
	char	   *change_id;
	TimestampTz step_since;
	int			attempts;		/* of this step */
	bool		finished;		/* the result is there; removing may go on */
	bool		ok;				/* no step failed so far */
	char	   *message;		/* of the first step that failed, or of the last one */
} CmDnsCheckRow;

extern int64 cm_dns_check_insert(int64 provider_id, const char *name, const char *value);
extern CmDnsCheckRow *cm_dns_check_get(int64 id);	/* NULL when there is none */
extern void cm_dns_check_set_step(int64 id, const char *step);
extern void cm_dns_check_count(int64 id);
extern void cm_dns_check_set_zone(int64 id, const char *zone, const char *zone_id);
extern void cm_dns_check_set_record(int64 id, const char *record_id, const char *change_id);
/* What a step said: a row of the result. */
extern void cm_dns_check_say(int64 id, const char *step, bool ok, const char *message);
extern void cm_dns_check_finish(int64 id);

#endif
