/*
 * subject_key.h - the key pair of a certificate: made and sealed here, or only
 * its public part from a CSR.
 */
#ifndef CM_LIFECYCLE_SUBJECT_KEY_H
#define CM_LIFECYCLE_SUBJECT_KEY_H

#include "base/der.h"
#include "crypto/key.h"
#include "pg/own.h"

typedef struct CmSubjectKey
{
	CmKeyAlg	alg;
	CmSlice		spki;
	CmSlice		sealed;			/* private part under the place of this certificate; empty: not here */
	CmKey	   *key;			/* open, when made or opened here; freed with the memory context */
} CmSubjectKey;

/* Makes one and seals it for that certificate. keep_open: the caller needs ->key. Throws. */
extern void cm_subject_key_create(CmKeyAlg alg, int64 certificate_id, bool keep_open, CmSubjectKey *out);
/* Opens the sealed key of a certificate: the owner of a CmKey, freed with the current memory context or, better, by cm_own_release() at once. Throws. */
extern CmOwn *cm_subject_key_open(CmSlice sealed, CmSlice spki, CmKeyAlg alg, int64 certificate_id);
/* Takes over the sealed key of another certificate: opened, and sealed again for this one. keep_open as above. Throws. */
extern void cm_subject_key_reuse(CmSlice sealed, CmSlice spki, CmKeyAlg alg, int64 from_certificate, int64 certificate_id, bool keep_open, CmSubjectKey *out);

/* Seals a key that came from elsewhere for that certificate; fills alg, spki and sealed. Throws. */
extern void cm_subject_key_seal(const CmKey *key, int64 certificate_id, CmSubjectKey *out);

#endif
