/*
 * dns_zone.h - which DNS provider writes which zone (table certmgr.dns_zone).
 */
#ifndef CM_STORE_DNS_ZONE_H
#define CM_STORE_DNS_ZONE_H

/* The provider of the longest zone that holds the name; otherwise when none does. */
extern int64 cm_dns_zone_provider(const char *name, int64 otherwise);
/* zone: lower case, without final dot. provider 0: the zone has none of its own any more. False: it had none. */
extern bool cm_dns_zone_set(const char *zone, int64 provider_id);

#endif
