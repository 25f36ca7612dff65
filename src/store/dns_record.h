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
	char	   *name;
	char	   *value;
	char	   *state;
	bool		shared;			/* another order has the same record: it must stay in the zone */
} CmDnsRecordRow;

extern void cm_dns_record_plan(int64 provider_id, int64 order_id, const char *name, const char *value);
/* Those of an order that are not removed. */
extern CmDnsRecordRow *cm_dns_record_list(int64 order_id, int *count);
extern void cm_dns_record_set_zone(int64 order_id, const char *name, const char *zone);
extern void cm_dns_record_set_state(int64 id, const char *state);
extern void cm_dns_record_set_error(int64 id, const char *error);

#endif
