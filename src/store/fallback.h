/*
 * fallback.h - which CAs step in for a subscriber's own, and which
 * certificates came of it (tables subscriber_fallback, fallback_certificate).
 */
#ifndef CM_STORE_FALLBACK_H
#define CM_STORE_FALLBACK_H

#include "datatype/timestamp.h"

/* ca_ids of count 0: none any more. */
extern void cm_fallback_set(int64 subscriber_id, const int64 *ca_ids, int count, const Interval *after);
/* When the next CA is asked for this certificate, if a subscriber's fallback has one left; false: none. *ca_id: which. */
extern bool cm_fallback_next(int64 certificate_id, TimestampTz from, int64 *ca_id, TimestampTz *at);
/* certificate_id 0: that CA was passed over, for this reason. */
extern void cm_fallback_put(int64 certificate_id, int64 first_id, int64 ca_id, const char *reason);
/* Another certificate of the same request that is issued; 0: none. */
extern int64 cm_fallback_issued_instead(int64 certificate_id);
/* A certificate that is on order from a CA that stepped in when the renewal of this one failed; 0: none. */
extern int64 cm_fallback_on_order(int64 certificate_id);
/* This one was ordered from a CA that stepped in: the certificate whose renewal that is; 0: none's. */
extern int64 cm_fallback_renews(int64 certificate_id);
/* This one came when there was another already: it is kept, marked, not renewed. */
extern void cm_fallback_mark_late(int64 certificate_id, int64 instead);

#endif
