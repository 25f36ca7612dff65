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
/* Stores one that is already there; the caller keeps it. */
extern int64 cm_store_key_put(const CmKey *key);
/* One whose private part is elsewhere. */
extern int64 cm_store_key_put_public(CmKeyAlg alg, CmSlice spki);
/* What it signs with from now on; must fit its algorithm. */
extern void cm_store_key_set_sign_alg(int64 id, const char *signature_algorithm);
/* Its algorithm, and what it was told to sign with; NULL: the default. */
extern char *cm_store_key_sign_alg(int64 id, CmKeyAlg *alg);
/* Opens a stored key, ready to sign with its algorithm; freed with the current memory context. Throws when sealed, altered or gone. */
extern CmKey *cm_store_key_open(int64 id);
/* Its public part, palloc'ed. */
extern CmSlice cm_store_key_spki(int64 id, CmKeyAlg *alg);
extern void cm_store_key_delete(int64 id);

#endif
