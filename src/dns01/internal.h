/*
 * internal.h - what the files of src/dns01 share: server lists and numbers of
 * a provider's config.
 */
#ifndef CM_DNS01_INTERNAL_H
#define CM_DNS01_INTERNAL_H

#include "dns01/provider.h"
#include "net/internal.h"

typedef struct CmDns01Server
{
	struct sockaddr_storage addr;
	socklen_t	len;
	char		text[64];
} CmDns01Server;

/*
 * The addresses at config's key: a text or an array of texts. A missing key
 * gives *count 0. Errors name the key.
 */
extern bool cm_dns01_servers(const CmJson *config, const char *key, CmDns01Server *out, int max, int *count, CmStatus *st);
/* A text at config's key; NULL when missing, false when it is of another type. */
extern bool cm_dns01_text(const CmJson *config, const char *key, const char **out, CmStatus *st);
/* A whole number at config's key, between min and max; otherwise when missing. */
extern bool cm_dns01_number(const CmJson *config, const char *key, int min, int max, int otherwise, int *out, CmStatus *st);
/* Every key must be in the NULL-terminated list. */
extern bool cm_dns01_known_keys(const CmJson *config, const char *const *known, CmStatus *st);
/* Checks "nameservers", "resolvers", "propagation" and "follow_cname", which cm_dns01_visible and cm_dns01_delegation read. */
extern bool cm_dns01_check_propagation(const CmJson *config, CmStatus *st);
/* "follow_cname": are CNAMEs at challenge names followed? True when not said. */
extern bool cm_dns01_follows(const CmJson *config, bool *follows, CmStatus *st);

/* "zone" of a configuration: the zones that may be written, a text or an array of texts. None: any. */
#define CM_DNS01_ZONES_MAX 64
typedef struct CmDns01Zones
{
	char		list[CM_DNS01_ZONES_MAX][256];
	int			count;
} CmDns01Zones;

extern bool cm_dns01_zones_read(const CmJson *config, CmDns01Zones *out, CmStatus *st);
/* Is it on the list, or is there none? */
extern bool cm_dns01_zones_have(const CmDns01Zones *zones, const char *zone);
/* find_zone of providers that know nothing more than "zone" and DNS. */
extern bool cm_dns01_find_zone_listed(const CmDns01Call *call, CmStatus *st);
/* The longest one that holds the name, for a list that is not empty: result->zone or result->status. */
extern void cm_dns01_zones_find(const CmDns01Zones *zones, const char *name, CmDns01Result *result);

extern const CmDns01Provider cm_dns01_rfc2136;
extern const CmDns01Provider cm_dns01_route53;
extern const CmDns01Provider cm_dns01_cloudflare;
extern const CmDns01Provider cm_dns01_powerdns;
extern const CmDns01Provider cm_dns01_acmedns;
extern const CmDns01Provider cm_dns01_webhook;
extern const CmDns01Provider cm_dns01_gcloud;
extern const CmDns01Provider cm_dns01_azure;
extern const CmDns01Provider cm_dns01_manual;
extern const CmDns01Provider cm_dns01_sql;

#endif
