/*
 * import.h - what importing a certificate asks of the tables.
 */
#ifndef CM_STORE_IMPORT_H
#define CM_STORE_IMPORT_H

#include "x509/certificate.h"

/* The id of that very certificate, or 0. */
extern int64 cm_import_find(const CmCertificate *cert);

typedef struct CmIssuerCandidate
{
	int64		ca_id;
	int64		certificate_id;
	CmSlice		der;
} CmIssuerCandidate;

/* The certificates of our private CAs. */
extern CmIssuerCandidate *cm_import_issuers(int *count);
extern bool cm_import_has_key(int64 id);
/* Is it one of a CA of ours? */
extern bool cm_import_is_ca(int64 id);
extern void cm_import_set_key(int64 id, CmSlice sealed);
extern void cm_import_set_metadata(int64 id, const char *metadata);

#endif
