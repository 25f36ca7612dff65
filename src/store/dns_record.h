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
	char	   *challenge_name; /* where the CA asks */
	char	   *name;			/* where the record is, or will be */
	bool		followed;		/* it is known that name is the place */
	int			hops;			/* CNAMEs from the one to the other */
	char	   *zone;			/* or NULL: not known yet */
	char	   *zone_id;		/* these three as the provider gave them, or NULL */
	char	   *record_id;
	char	   *change_id;		/* a change that has not reached all the provider's servers yet */
	char	   *value;
	char	   *domain;			/* which name is proven, and the key authorization that value is the hash of; NULL: dns-account-01 */
	char	   *key_authorization;
	char	   *state;
	bool		sent;			/* the provider was asked to write it: it may be there */
	bool		busy;			/* an equal record of another order is being removed: not to be written now */
} CmDnsRecordRow;

/*
 * Decisions about equal records of several orders, to the end of the
 * transaction: who plans one and who removes one must not overlook each other.
 */
extern void cm_dns_record_lock(void);
/* Of record name, value, domain and key_authorization. Takes the lock. */
extern void cm_dns_record_plan(int64 provider_id, int64 order_id, const CmDnsRecordRow *record);
/* Those of an order that are not removed, sorted by provider and zone. */
extern CmDnsRecordRow *cm_dns_record_list(int64 order_id, int *count);
/*
 * A CNAME led on from name (of records that are planned), to where this
 * provider writes. target NULL: name is the place. False: it leads back, or
 * through more than so many names; the record is where it began.
 */
extern bool cm_dns_record_set_target(int64 order_id, const char *name, const char *target, int64 provider_id, int hops_max);
/*
 * Another provider writes it from now on. One that may be there already is to
 * be removed by its old provider, and planned once more. Takes the lock.
 */
extern void cm_dns_record_set_provider(const CmDnsRecordRow *record, int64 provider_id);
/* The provider is about to be asked to write them; or, false, refused and wrote nothing. */
extern void cm_dns_record_set_sent(const int64 *ids, int count, bool sent);
/* zone_id "": the provider has none. */
extern void cm_dns_record_set_zone(int64 order_id, int64 provider_id, const char *name, const char *zone, const char *zone_id);
extern void cm_dns_record_set_state(int64 id, const char *state);
/* It is in the zone. Ids that are "" are not known; an earlier record_id is kept then. */
extern void cm_dns_record_set_present(int64 id, const char *record_id, const char *change_id);
/* The provider has the change at all its servers. */
extern void cm_dns_record_set_confirmed(int64 order_id, int64 provider_id, const char *change_id);
extern void cm_dns_record_set_error(int64 id, const char *error);
/*
 * It is to go: state "removing", and true when it must be taken out of the
 * zone. False: removed, since it was never written or an equal record of
 * another order needs it there. Takes the lock.
 */
extern bool cm_dns_record_release(const CmDnsRecordRow *record);
/* Makes a clean-up due for every order that is over and has records left. provider 0: of all. Returns how many records. */
extern int64 cm_dns_record_sweep(int64 provider_id);
/* What failed at a provider is tried at once, orders and clean-ups alike, now that a person has changed something. */
extern void cm_dns_record_retry(void);

#endif
