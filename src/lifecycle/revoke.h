/*
 * revoke.h - taking a certificate back, and giving up one that is pending.
 */
#ifndef CM_LIFECYCLE_REVOKE_H
#define CM_LIFECYCLE_REVOKE_H

#include "datatype/timestamp.h"

/* reason NULL: unspecified. Returns when it was revoked: now, or earlier (a second call changes nothing). Throws. The caller's rights were checked. */
extern TimestampTz cm_revoke(int64 certificate_id, const char *reason, const char *actor);
/* Throws unless it is pending (or cancelled already: nothing happens). */
extern void cm_cancel(int64 certificate_id, const char *actor);
/* certificate "id" does not exist, with a hint. */
extern void cm_certificate_missing(int64 certificate_id) pg_attribute_noreturn();

#endif
