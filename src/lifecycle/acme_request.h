/*
 * acme_request.h - handing a certificate to the ACME machine.
 */
#ifndef CM_LIFECYCLE_ACME_REQUEST_H
#define CM_LIFECYCLE_ACME_REQUEST_H

#include "store/acme_order.h"

/*
 * In the transaction that inserted the pending certificate and its body (CSR,
 * sealed key, spki): inserts the order and its job. sans: text form with prefixes; throws CM_POLICY-like
 * errors for names that the CA's kind of challenge cannot prove.
 */
/* Which of these names does a wildcard among them cover? CAs refuse such a list. Returns how many; covered[i] says which. */
extern int cm_acme_covered(char *const *sans, int count, bool *covered);
extern void cm_acme_request(int64 certificate_id, int64 ca_id, char *const *sans, int count, const CmAcmeTimes *times);
/* Throws the same for names that are not on order yet; what a wildcard covers does not count. */
extern void cm_acme_check_names(int64 ca_id, char *const *sans, int count);
/* Does that CA take a lifetime? */
extern bool cm_acme_takes_lifetime(int64 ca_id);
/* Throws when it does not. */
extern void cm_acme_check_lifetime(int64 ca_id);
/* The same for a time at which the certificate is to begin. */
extern void cm_acme_check_not_before(int64 ca_id);
/* Throws when no DNS provider writes what the order of this certificate needs. */
extern void cm_acme_check_provable(int64 certificate_id);
/* Revocation at the external CA: a job of its own. */
extern void cm_acme_request_revocation(int64 certificate_id);
/* Cancel: the order ends as failed, its TXT records are cleaned up. */
extern void cm_acme_cancel(int64 certificate_id);

#endif
