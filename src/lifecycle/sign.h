/*
 * sign.h - private certificates are signed when their transaction commits
 * (DESIGN 5): nobody outside ever sees one that was rolled back.
 */
#ifndef CM_LIFECYCLE_SIGN_H
#define CM_LIFECYCLE_SIGN_H

#include "lifecycle/cache.h"

/* Puts a finished TBS on the list of this transaction (bytes are copied, the issuer is pinned). */
extern void cm_sign_at_commit(int64 certificate_id, CmIssuer *issuer, CmSlice tbs, CmSlice csr, CmSlice sealed_key);

#endif
