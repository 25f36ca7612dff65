/*
 * key.h - long-lived key pairs (table certmgr_private.key): sealed when they
 * are stored, opened into a CmKey of the current memory context.
 */
#ifndef CM_STORE_KEY_H
#define CM_STORE_KEY_H

#include "crypto/key.h"
#include "pg/own.h"

/* An owner for a CmKey, in the current memory context. */
extern CmOwn *cm_own_key(void);
/* Makes and stores a key pair; throws. */
extern int64 cm_store_key_create(CmKeyAlg alg);
/* Opens a stored key; freed with the current memory context. Throws when sealed, altered or gone. */
extern CmKey *cm_store_key_open(int64 id);
/* Its public part, palloc'ed. */
extern CmSlice cm_store_key_spki(int64 id, CmKeyAlg *alg);
extern void cm_store_key_delete(int64 id);

#endif
