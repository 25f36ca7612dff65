/*
 * secret.h - sealed credentials (table certmgr_private.secret).
 */
#ifndef CM_STORE_SECRET_H
#define CM_STORE_SECRET_H

#include "base/buf.h"
#include "base/der.h"

/* Makes it or replaces it; returns its id. The master key must be loaded. Throws. */
extern int64 cm_secret_put(const char *name, CmSlice value);
/* Opened into a secret buffer of the current memory context. Throws when sealed, altered or gone. */
extern CmBuf *cm_secret_open(int64 id);
extern void cm_secret_delete(int64 id);

#endif
