/*
 * issuer_chain.h - the issuers of a certificate, from its rows.
 */
#ifndef CM_LIFECYCLE_ISSUER_CHAIN_H
#define CM_LIFECYCLE_ISSUER_CHAIN_H

#include "base/buf.h"
#include "store/certificate_row.h"

/*
 * Appends its issuers to ders, nearest first, DER one after the other. The root
 * is left out unless with_root: relying parties have it, or must not trust it.
 * As the owner of the extension; throws when an issuer has no bytes.
 */
extern void cm_issuer_chain(const CmCertificateRow *row, bool with_root, CmBuf *ders);

#endif
