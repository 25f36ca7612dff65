/*
 * wait.h - waiting for a certificate in a procedure.
 */
#ifndef CM_API_WAIT_H
#define CM_API_WAIT_H

#include "fmgr.h"

/* Is this call one that must not commit? */
extern bool cm_procedure_is_atomic(FunctionCallInfo fcinfo);
/* Throws unless this is a procedure that may commit. what: "certmgr.wait()". */
extern void cm_procedure_require(FunctionCallInfo fcinfo, const char *what);
/*
 * In a procedure that is connected to SPI as non-atomic and said
 * cm_tx_in_procedure(): looks until that says true; false when the time is
 * over. look has transactions of its own; the first one commits what the
 * caller did before.
 */
extern bool cm_wait_until(bool (*look) (void *arg), void *arg, int64 timeout_ms);
/*
 * Connected to SPI as non-atomic and access checked by the caller. Commits,
 * then waits until the certificate is there; throws when it failed, was
 * cancelled, or the time is over. Returns its state.
 */
extern const char *cm_wait_certificate(int64 id, int64 timeout_ms);
extern int64 cm_interval_ms(const void *interval);

#endif
