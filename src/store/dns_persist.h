/*
 * dns_persist.h - standing records of dns-persist-01 as they were seen last
 * (table certmgr.dns_persist).
 */
#ifndef CM_STORE_DNS_PERSIST_H
#define CM_STORE_DNS_PERSIST_H

/* An authorization's record is there, until that time (seconds since 1970; 0: for ever). */
extern void cm_dns_persist_seen(int64 authorization_id, int64 ca_id, int64 until);

#endif
