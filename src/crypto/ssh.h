/*
 * ssh.h - SSHFP resource records (RFC 4255, 6594, 7479, 8709) of a public key.
 */
#ifndef CM_CRYPTO_SSH_H
#define CM_CRYPTO_SSH_H

#include "crypto/key.h"

/* Appends "4 2 hex": algorithm, fingerprint type SHA-256, fingerprint of the key as SSH writes it. CM_UNSUPPORTED for keys that SSH does not know. */
extern bool cm_sshfp(const CmKey *key, CmBuf *out, CmStatus *st);

#endif
