/*
 * chain.h - from a leaf to its issuers: ordering what a CA sent, and checking it.
 */
#ifndef CM_X509_CHAIN_H
#define CM_X509_CHAIN_H

#include "base/buf.h"
#include "base/der.h"
#include "base/status.h"

/*
 * Sorts concatenated DER certificates of a CA's answer: the leaf (the one with
 * this public key) first, then issuer by issuer as far as they go; what is not
 * on the path is dropped. Every link's signature is verified.
 * leaf_len is the length of the first certificate in *out.
 */
extern bool cm_chain_order(CmSlice certificates, CmSlice leaf_spki, CmBuf *out, size_t *leaf_len, CmStatus *st);
/* Verifies leaf + intermediates against trust anchors (PEM) with OpenSSL, at that time. */
extern bool cm_chain_verify(CmSlice chain, CmSlice trust_anchors_pem, int64_t at, CmStatus *st);

#endif
