/*
 * export.h - what the functions that hand out certificates and keys share.
 */
#ifndef CM_API_EXPORT_H
#define CM_API_EXPORT_H

#include "pg/own.h"
#include "store/certificate_row.h"

/* A certificate that the caller may read and that has bytes; throws. */
extern CmCertificateRow *cm_export_certificate(int64 id);
/* The private key of a certificate that the caller may have: an owner of a CmKey. Audited and logged; throws. */
extern CmOwn *cm_export_key(int64 id);

#endif
