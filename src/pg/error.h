/*
 * error.h - SQLSTATEs of ours (class PK, implementation-defined) and the way
 * from a CmStatus to an ereport.
 */
#ifndef CM_PG_ERROR_H
#define CM_PG_ERROR_H

#include "base/status.h"
#include "pg/compat.h"
#include "utils/elog.h"

#define CM_ERRCODE_POLICY MAKE_SQLSTATE('P', 'K', '0', '0', '1')
#define CM_ERRCODE_SEALED MAKE_SQLSTATE('P', 'K', '0', '0', '2')
#define CM_ERRCODE_CA_NOT_USABLE MAKE_SQLSTATE('P', 'K', '0', '0', '3')
#define CM_ERRCODE_REFUSED MAKE_SQLSTATE('P', 'K', '0', '0', '4')
#define CM_ERRCODE_NETWORK MAKE_SQLSTATE('P', 'K', '0', '0', '6')
#define CM_ERRCODE_MISMATCH MAKE_SQLSTATE('P', 'K', '0', '0', '7')
#define CM_ERRCODE_NOT_READY MAKE_SQLSTATE('P', 'K', '0', '1', '1')

/* The SQLSTATE that stands for a status. */
extern int	cm_error_code(CmCode code);
/* Does this error say something of the moment (a deadlock, a full disk, a missing master key) rather than of what was asked for? */
extern bool cm_error_passes(int sqlerrcode);
/* Throws it: reason, detail, and a hint (may be NULL; sealed states bring their own). Never returns. */
pg_noreturn extern void cm_throw(const CmStatus *st, const char *hint);

#endif
