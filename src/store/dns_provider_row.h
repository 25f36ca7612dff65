/*
 * dns_provider_row.h - rows of certmgr.dns_provider.
 */
#ifndef CM_STORE_DNS_PROVIDER_ROW_H
#define CM_STORE_DNS_PROVIDER_ROW_H

/* palloc'ed in the current context. */
typedef struct CmDnsProviderRow
{
	int64		id;
	char	   *name;
	char	   *type;
	char	   *config;			/* JSON text */
	int64		secret_id;		/* 0: none */
} CmDnsProviderRow;

extern CmDnsProviderRow *cm_dns_provider_get(const char *name);	/* NULL when there is none */
extern CmDnsProviderRow *cm_dns_provider_get_by_id(int64 id);
extern int64 cm_dns_provider_insert(const char *name, const char *type, const char *config, int64 secret_id);
/* What keeps it from being dropped, in words; NULL: nothing. */
extern char *cm_dns_provider_in_use(int64 id);
extern void cm_dns_provider_set_config(int64 id, const char *config);
extern void cm_dns_provider_set_secret(int64 id, int64 secret_id);
extern void cm_dns_provider_delete(int64 id);

#endif
