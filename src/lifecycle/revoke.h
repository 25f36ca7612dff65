/*
 * revoke.h - taking certificates back, releasing those on hold, and giving up
 * one that is pending.
 */
#ifndef CM_LIFECYCLE_REVOKE_H
#define CM_LIFECYCLE_REVOKE_H

#include "pg/compat.h"
#include "store/revocation.h"

/* reason NULL: unspecified; invalid_since 0: not known. Throws when the reason is none, or the time lies ahead. */
extern CmRevocation cm_revocation_of(const char *reason, TimestampTz invalid_since, const char *actor);
/* Returns when it was revoked: now, or earlier (a second call changes nothing, unless it was on hold). Throws. The caller's rights were checked. */
extern TimestampTz cm_revoke(int64 certificate_id, const CmRevocation *revocation);
/* Many at once (bigint[]); returns how many were. all: whatever they are; otherwise those of certificates whose owner is among these roles (text[]). cas: also those of CAs. Throws. */
extern int64 cm_revoke_many(Datum ids, Datum owners, bool all, bool cas, const CmRevocation *revocation);
/* Takes a certificate from hold; false when it is valid. Throws. */
extern bool cm_unhold(int64 certificate_id, const char *actor);
/* Throws unless it is pending (or cancelled already: nothing happens). */
extern void cm_cancel(int64 certificate_id, const char *actor);
/* All of a subscriber that are pending. */
extern void cm_cancel_of_subscriber(int64 subscriber_id, const char *actor);
/* certificate "id" does not exist, with a hint. */
pg_noreturn extern void cm_certificate_missing(int64 certificate_id);

/* ---- which certificate (revoke_find.c) ---- */

/* By a text that may be hexadecimal or decimal. Throws when there is none, or one of each. */
extern int64 cm_certificate_by_serial(const char *ca, const char *serial);
/* By its PEM. Throws. */
extern int64 cm_certificate_by_pem(const char *pem);
/* The same, and the request (PEM) proves that its sender has the key and wants that. Throws. */
extern int64 cm_certificate_by_proof(const char *pem, const char *proof);

#endif
