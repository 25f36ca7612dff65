/*
 * dns_record.h - the ledger of TXT records (table certmgr.dns_record).
 */
#ifndef CM_STORE_DNS_RECORD_H
#define CM_STORE_DNS_RECORD_H

/* palloc'ed in the current context. */
typedef struct CmDnsRecordRow
{
	int64		id;
	int64		provider_id;
	char	   *zone;			/* or NULL: not known yet, so never written */
	char	   *zone_id;		/* these three as the provider gave them, or NULL */
	char	   *record_id;
	char	   *change_id;		/* a change that has not reached all the provider's servers yet */
	char	   *name;
	char	   *value;
	char	   *state;
	bool		shared;			/* another order has the same record: it must stay in the zone */
} CmDnsRecordRow;

extern void cm_dns_record_plan(int64 provider_id, int64 order_id, const char *name, const char *value);
/* Those of an order that are not removed. */
extern CmDnsRecordRow *cm_dns_record_list(int64 order_id, int *count);
/* zone_id "": the provider has none. */
extern void cm_dns_record_set_zone(int64 order_id, const char *name, const char *zone, const char *zone_id);
extern void cm_dns_record_set_state(int64 id, const char *state);
/* It is in the zone. Ids that are "" are not known; an earlier record_id is kept then. */
extern void cm_dns_record_set_present(int64 id, const char *record_id, const char *change_id);
/* The provider has the change at all its servers. */
extern void cm_dns_record_set_confirmed(int64 order_id, const char *change_id);
extern void cm_dns_record_set_error(int64 id, const char *error);

#endif
